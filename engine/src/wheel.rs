//! The wheel: inserting, cancelling and disarming timers. How time passes is in `advance.rs`.

use crate::annex::{self, Annexes};
use crate::arena::Arena;
use crate::geometry;
use crate::jump::Front;
use crate::key::Key;
use crate::list;
use crate::node::Node;
use crate::occupied::Occupied;
use crate::room::NoRoom;
use crate::sort::Sorter;

/// An expired timer that has left the wheel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expired<T> {
    /// The timer's key, which is stale now.
    pub key: Key,
    /// The tick for which the timer was set.
    pub deadline: u64,
    /// The value that the timer was inserted with.
    pub value: T,
}

/// A hierarchical timing wheel of `LEVELS` levels with 2^`BITS` slots each.
///
/// A new wheel stands at tick 0. The caller decides how long a tick lasts. With the default geometry the levels cover
/// all of `u64`. A wheel with fewer levels or slots has an earlier last tick, and replaces any later deadline with this
/// tick.
///
/// A value tells the caller what a timer is for. It may be an integer, an index, or a boxed function. A timer takes 24
/// bytes and the size of an `Option<T>`. If `T` has a niche, the `Option` is no larger than `T`. A box, a reference and
/// a `NonZeroU64` have a niche.
///
/// A wheel holds at most 2³⁰ timers at a time. At that limit, and when memory runs out, [`Wheel::try_insert`] returns
/// an error and [`Wheel::insert`] panics. No other operation on a timer fails when memory runs out.
#[derive(Clone, Debug)]
pub struct Wheel<T = u64, const BITS: u32 = 8, const LEVELS: usize = 8> {
    /// The tick that `advance` has reached.
    pub(crate) now: u64,
    /// The latest tick to which `advance` was asked to go. It is later than `now` while an advance is unfinished.
    pub(crate) target: u64,
    /// The earliest deadline after `now`, or `UNKNOWN`. Timers that are due already do not count.
    pub(crate) earliest: u64,
    /// No timer on the near list is due before this tick. `NEVER` if the near list is empty.
    pub(crate) near_from: u64,
    /// The slots that are not empty, on all levels.
    pub(crate) occupied: Occupied,
    pub(crate) annexes: Annexes<BITS>,
    pub(crate) arena: Arena<T>,
    /// The state of reading ahead at the front of the expired queue.
    pub(crate) front: Front,
    pub(crate) sorter: Sorter,
}

/// The value of `earliest` while the earliest deadline is not known: after the earliest timer was cancelled, moved or
/// disarmed or has expired, and in a new wheel. The value is 0, because no deadline after `now` is 0.
pub(crate) const UNKNOWN: u64 = 0;

/// The value of `near_from` while the near list is empty.
pub(crate) const NEVER: u64 = u64::MAX;

impl<T, const BITS: u32, const LEVELS: usize> Default for Wheel<T, BITS, LEVELS> {
    fn default() -> Self {
        Self::with_geometry()
    }
}

impl<T> Wheel<T> {
    /// Makes an empty wheel of the default geometry at tick 0.
    #[must_use]
    pub fn new() -> Self {
        Self::with_geometry()
    }
}

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// The number of slots on all levels. A list with a smaller number is a slot.
    pub(crate) const SLOTS: usize = LEVELS << BITS;
    /// The list that `pop_expired` takes from.
    pub(crate) const EXPIRED: u32 = Self::SLOTS as u32;
    /// The list of timers whose deadline had passed when they were set. They expire at the next `advance`.
    pub(crate) const OVERDUE: u32 = Self::EXPIRED + 1;
    /// The near list; `near.rs` explains it.
    pub(crate) const NEAR: u32 = Self::OVERDUE + 1;
    /// The number of lists. A node with a smaller number is the sentinel of a list; all other nodes are timers.
    pub(crate) const LISTS: u32 = Self::ANNEX + Annexes::<BITS>::LISTS;
    /// The first list of the annexes; `annex.rs` explains them.
    pub(crate) const ANNEX: u32 = Self::NEAR + 1;

    pub(crate) const LAST_TICK: u64 = geometry::last_tick::<BITS>(LEVELS);

    /// The node of a key's timer, if the timer is in the wheel.
    #[inline(always)]
    pub(crate) fn node(key: Key) -> usize {
        (key.index() as usize).saturating_add(Self::LISTS as usize)
    }

    #[inline(always)]
    pub(crate) fn key(node: u32, generation: u32) -> Key {
        Key::new(node - Self::LISTS, generation)
    }
}

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Makes an empty wheel at tick 0, with the geometry that its type names.
    ///
    /// The call allocates nothing. The first timer allocates the lists: some 100 KB in the default geometry.
    #[must_use]
    pub fn with_geometry() -> Self {
        const {
            assert!(
                BITS >= 1 && LEVELS >= 1 && Self::SLOTS <= Occupied::SLOTS_MAX,
                "a wheel has at least one level of two slots, and at most 4096 slots"
            );
            assert!((LEVELS as u32 - 1) * BITS < u64::BITS, "the last level would lie beyond the last bit of a tick");
        }
        Self {
            now: 0,
            target: 0,
            earliest: UNKNOWN,
            near_from: NEVER,
            occupied: Occupied::NONE,
            annexes: Annexes::new(Self::ANNEX),
            arena: Arena::new(Self::LISTS),
            front: Front::EMPTY,
            sorter: Sorter::default(),
        }
    }

    /// The tick that [`Wheel::advance`] has reached.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The number of timers in the wheel: pending ones, expired ones that were not popped yet, and disarmed ones.
    pub fn len(&self) -> usize {
        self.arena.len()
    }

    /// Whether there is no timer in the wheel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets a timer for the tick `deadline`.
    ///
    /// If the deadline is not after [`Wheel::now`], the timer expires at the next [`Wheel::advance`], before timers
    /// that become due later. The timer never joins the expired timers that are being popped.
    ///
    /// # Panics
    /// If [`Wheel::try_insert`] would return an error.
    #[inline(always)]
    pub fn insert(&mut self, deadline: u64, value: T) -> Key {
        self.try_insert(deadline, value).unwrap_or_else(|refused| refused.panic())
    }

    /// [`Wheel::insert`] for callers that go on when memory runs out.
    ///
    /// # Errors
    /// When there is no memory for another timer, or there are 2³⁰ already. The wheel is unchanged then.
    ///
    /// ```
    /// let mut wheel = cogloop_engine::Wheel::<u64>::new();
    /// let key = wheel.try_insert(10, 7)?;
    /// assert_eq!(wheel.cancel(key), Some(7));
    /// # Ok::<(), cogloop_engine::NoRoom>(())
    /// ```
    #[inline(always)]
    pub fn try_insert(&mut self, deadline: u64, value: T) -> Result<Key, NoRoom> {
        let node = self.arena.take_node()?;
        Ok(self.insert_at(node, deadline, value))
    }

    /// Sets a new timer, whose node the caller has taken.
    #[inline(always)]
    pub(crate) fn insert_at(&mut self, node: u32, deadline: u64, value: T) -> Key {
        let deadline = deadline.min(Self::LAST_TICK);
        let list = self.list_for(deadline);
        let (generation, was_empty) = self.arena.insert(list, node, deadline, value);
        if was_empty {
            self.mark_occupied(list);
        }
        Self::key(node, generation)
    }

    /// Takes a timer out of the wheel and returns its value. The timer may be pending, expired or disarmed. Returns
    /// `None` if the key is stale.
    #[inline(always)]
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let node = Self::node(key);
        let nodes = self.arena.nodes.as_mut_slice();
        let timer = nodes.get_mut(node).filter(|timer| timer.generation == key.generation())?;
        let deadline = timer.deadline;
        let (value, generation) = timer.end();
        let emptied = list::unlink(nodes, node);
        self.unlinked(deadline, emptied);
        self.arena.free(node as u32, generation);
        value
    }

    /// The node and the value of a timer.
    #[inline(always)]
    pub(crate) fn find(&self, key: Key) -> Option<(usize, &T)> {
        let node = Self::node(key);
        Some((node, self.arena.get(node, key.generation())?.value.as_ref()?))
    }

    /// Disarms a timer that is pending or expired. The timer keeps its key and its value, and does not expire until it
    /// is rescheduled. Returns `false` if the timer is disarmed already or the key is stale.
    #[inline(always)]
    pub fn disarm(&mut self, key: Key) -> bool {
        let node = Self::node(key);
        let timer = self.arena.get(node, key.generation());
        let Some(&Node { deadline, .. }) = timer.filter(|timer| timer.next != node as u32) else { return false };
        let nodes = self.arena.nodes.as_mut_slice();
        let emptied = list::unlink(nodes, node);
        list::set_unlinked(nodes, node as u32);
        self.unlinked(deadline, emptied);
        true
    }

    /// Inserts a timer that is disarmed.
    pub(crate) fn try_insert_disarmed(&mut self, value: T) -> Result<Key, NoRoom> {
        let node = self.arena.take_node()?;
        let generation = self.arena.insert_unlinked(node, value);
        Ok(Self::key(node, generation))
    }

    /// Whether the timer is still in the wheel.
    pub fn contains(&self, key: Key) -> bool {
        self.timer(key).is_some()
    }

    /// Whether the timer is in the wheel and not disarmed: it is pending, or it has expired and was not popped yet.
    pub fn is_armed(&self, key: Key) -> bool {
        self.contains(key) && !list::is_empty(&self.arena.nodes, Self::node(key) as u32)
    }

    /// The tick for which the timer was last set.
    pub fn deadline(&self, key: Key) -> Option<u64> {
        self.timer(key).map(|timer| timer.deadline)
    }

    /// The timer's value.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.timer(key)?.value.as_ref()
    }

    /// The timer's value, mutable.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.arena.get_mut(Self::node(key), key.generation())?.value.as_mut()
    }

    fn timer(&self, key: Key) -> Option<&Node<T>> {
        self.arena.get(Self::node(key), key.generation())
    }

    /// The key, deadline and value of all timers, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        let timers = self.arena.timers();
        timers.map(|(node, timer)| (Self::key(node, timer.generation), timer.deadline, timer.live_value()))
    }

    /// Takes all timers out of the wheel. The time does not change.
    pub fn clear(&mut self) {
        for node in Self::LISTS..self.arena.nodes.len() as u32 {
            let generation = self.arena.nodes[node as usize].generation;
            if generation % 2 == 1 {
                self.cancel(Self::key(node, generation));
            }
        }
        self.target = self.now;
    }

    /// Appends a timer that is on no list to the list for its new deadline.
    #[inline(always)]
    pub(crate) fn append(&mut self, node: u32, deadline: u64) {
        let list = self.list_for(deadline);
        if list::append(&mut self.arena.nodes, list, node, deadline) {
            self.mark_occupied(list);
        }
    }

    /// The list for a timer that is set now. Stores the timer's deadline in `earliest` if it is before `earliest`.
    #[inline(always)]
    pub(crate) fn list_for(&mut self, deadline: u64) -> u32 {
        Self::list_seen_from(self.now, &mut self.earliest, deadline)
    }

    /// [`Self::list_for`] for a caller that has borrowed another part of the wheel.
    #[inline(always)]
    pub(crate) fn list_seen_from(now: u64, earliest: &mut u64, deadline: u64) -> u32 {
        if deadline <= now {
            return Self::OVERDUE;
        }
        if deadline < *earliest {
            *earliest = deadline;
        }
        geometry::slot_of::<BITS>(deadline, now) as u32
    }

    /// Marks the slot of a list as occupied. The caller has appended the first timer to the list.
    #[inline(never)]
    pub(crate) fn mark_occupied(&mut self, list: u32) {
        if list < Self::EXPIRED {
            self.occupied.insert(list as usize);
        }
    }

    /// Appends a timer to the slot of its deadline, as seen from `now`.
    #[inline(always)]
    pub(crate) fn append_seen_from(&mut self, now: u64, node: u32, deadline: u64) {
        let slot = geometry::slot_of::<BITS>(deadline, now);
        if list::append(&mut self.arena.nodes, slot as u32, node, deadline) {
            self.occupied.insert(slot);
        }
    }

    /// Notes that a timer with this deadline was taken off its list. If the list became empty, `emptied` is the list's
    /// number. The number is not computed from the deadline: [`list::unlink`] finds it, because the only node that is
    /// left is the list's sentinel.
    #[inline(always)]
    pub(crate) fn unlinked(&mut self, deadline: u64, emptied: Option<u32>) {
        if deadline == self.earliest {
            self.earliest = UNKNOWN;
        }
        if let Some(list) = emptied {
            self.empty(list);
        }
    }

    /// Makes a list empty and unmarks its slot. For a timer that was on no list, `list::unlink` returns the number of
    /// the timer; with such a number nothing changes.
    #[inline(never)]
    pub(crate) fn empty(&mut self, list: u32) {
        if list < Self::LISTS {
            list::reset(&mut self.arena.nodes, list);
            if list < (annex::LOWEST_LEVEL << BITS) as u32 {
                self.unmark(list);
            } else {
                self.unmark_far(list);
            }
        }
    }

    /// Unmarks the slot of a list that is empty.
    #[inline(always)]
    pub(crate) fn unmark(&mut self, list: u32) {
        if list < Self::EXPIRED {
            self.occupied.remove(list as usize);
        }
    }

    /// Does what [`Self::unmark`] does, for a list that is not on level 0 or 1. A slot that has an annex stays marked
    /// while the slot or its annex has a timer. `list` may be a slot or a list of a slot's annex.
    #[cold]
    fn unmark_far(&mut self, list: u32) {
        let slot = self.annexes.slot_of(list).unwrap_or(list);
        let Some(mut annex) = self.annexes.of(slot) else { return self.unmark(slot) };
        let nodes = &self.arena.nodes;
        if list::is_empty(nodes, slot) && annex.all(|list| list::is_empty(nodes, list)) {
            self.annexes.close(slot);
            self.unmark(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_timers_the_less_memory_is_left_empty() {
        let mut wheel = Wheel::<u64, 2, 3>::with_geometry();
        let lists = u64::from(Wheel::<u64, 2, 3>::LISTS);
        for timers in 1..=if cfg!(miri) { 300 } else { 700_000 } {
            wheel.insert(63, timers);
            let (nodes, room) = (wheel.arena.nodes.len() as u64, wheel.arena.nodes.capacity() as u64);
            assert!(nodes <= timers + 64 + lists, "{nodes} nodes with {timers} timers");
            assert!(room <= 2 * (timers + 2 * lists), "room for {room} with {timers} timers");
            assert!(timers < 70_000 || 2 * room <= 3 * (timers + lists), "room for {room} with {timers} timers");
            assert!(timers < 600_000 || 4 * room <= 5 * (timers + lists), "room for {room} with {timers} timers");
        }
    }

    #[test]
    fn a_place_whose_generations_are_used_up_is_retired_and_its_last_key_stays_stale() {
        let mut wheel = Wheel::<u64, 2, 3>::with_geometry();
        let first = wheel.insert(1, 0);
        wheel.cancel(first);
        wheel.arena.wear(Wheel::<u64, 2, 3>::node(first) as u32, u32::MAX - 1);
        let last = wheel.insert(10, 1);
        assert_eq!(last.to_bits() >> 32, u64::from(u32::MAX));
        assert_eq!(wheel.cancel(last), Some(1));
        wheel.audit();
        let next = wheel.insert(10, 2);
        assert_ne!(next.index(), last.index(), "the place is not taken again");
        assert_eq!(wheel.cancel(last), None);
        wheel.audit();
    }
}
