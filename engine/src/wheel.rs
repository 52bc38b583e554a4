//! The wheel: timers in, cancelled and moved. Time passes in `advance.rs`.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::advance::Due;
use crate::arena::{Arena, Ref};
use crate::geometry;
use crate::key::Key;
use crate::queue::{Pool, Queue};
use crate::slot::{Slot, is_littered};

/// A timer that has expired, as it leaves the wheel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expired<T> {
    /// The key that the timer had; it is stale now.
    pub key: Key,
    /// The tick for which the timer was set.
    pub deadline: u64,
    /// What was inserted with it.
    pub value: T,
}

/// A hierarchical timing wheel of `LEVELS` levels with 2^`BITS` slots each.
///
/// Ticks count from 0, where a new wheel stands; how long one lasts is the caller's affair. With the default geometry
/// the levels cover all of `u64`; in a smaller one, which is for tests, a deadline beyond the last level's end is
/// taken for that end.
///
/// A value is what the caller knows its timer by: an integer, an index, a boxed function in an `Option`. It has a
/// default so that a freed place can hold one without `unsafe`.
///
/// At most 2³⁰ timers are held at a time; one more is a panic, as is running out of memory.
#[derive(Debug)]
pub struct Wheel<T = u64, const BITS: u32 = 6, const LEVELS: usize = 11> {
    /// The tick that `advance` has reached.
    pub(crate) now: u64,
    pub(crate) arena: Arena<T>,
    pub(crate) pool: Pool,
    /// Level by level, 2^BITS each.
    pub(crate) slots: Box<[Slot]>,
    /// For each level, the slots that hold a live timer.
    pub(crate) occupied: [u64; LEVELS],
    /// The levels that hold a live timer.
    pub(crate) levels_occupied: u32,
    /// What `pop_expired` takes from.
    pub(crate) expired: Queue,
    /// Timers inserted with a deadline that had passed: they expire at the next `advance`.
    pub(crate) overdue: Slot,
    /// Live timers in `expired` and `overdue` together: those whose deadline is not after `now`.
    pub(crate) due: u32,
    /// Room for sorting, kept.
    pub(crate) scratch: Vec<Due>,
}

impl<T: Default, const BITS: u32, const LEVELS: usize> Default for Wheel<T, BITS, LEVELS> {
    fn default() -> Self {
        Self::with_geometry()
    }
}

impl<T: Default> Wheel<T> {
    /// An empty wheel of the default geometry, which stands at tick 0.
    #[must_use]
    pub fn new() -> Self {
        Self::with_geometry()
    }
}

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    pub(crate) const SLOTS: usize = 1 << BITS;
    pub(crate) const LAST_TICK: u64 = geometry::last_tick::<BITS>(LEVELS);

    /// An empty wheel that stands at tick 0, of whichever geometry its type names.
    #[must_use]
    pub fn with_geometry() -> Self {
        const {
            assert!(1 <= BITS && BITS <= 6, "a level's occupancy is one word of 64 bits");
            assert!(1 <= LEVELS && LEVELS <= 32, "the occupancy of levels is one word of 32 bits");
            assert!((LEVELS as u32 - 1) * BITS < u64::BITS, "the last level would stand beyond the last bit of a tick");
        }
        Self {
            now: 0,
            arena: Arena::new(),
            pool: Pool::new(),
            slots: (0..LEVELS * Self::SLOTS).map(|_| Slot::EMPTY).collect(),
            occupied: [0; LEVELS],
            levels_occupied: 0,
            expired: Queue::EMPTY,
            overdue: Slot::EMPTY,
            due: 0,
            scratch: Vec::new(),
        }
    }

    /// The tick that [`Wheel::advance`] has reached.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Timers in the wheel: pending, expired and not popped yet, and disarmed.
    pub fn len(&self) -> usize {
        self.arena.len()
    }

    /// Whether there is no timer in the wheel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets a timer for the tick `deadline`.
    ///
    /// A deadline that is not after [`Wheel::now`] expires at the next [`Wheel::advance`], before what falls due
    /// later, and never joins the expired timers that are being popped.
    #[inline]
    pub fn insert(&mut self, deadline: u64, value: T) -> Key {
        let deadline = deadline.min(Self::LAST_TICK);
        let (key, r) = self.arena.insert(deadline, value);
        self.link(r, deadline);
        key
    }

    /// Takes a timer out of the wheel, pending, expired or disarmed, and returns its value; `None` if it is not there any
    /// more.
    #[inline]
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let (deadline, was_armed, value) = self.arena.remove(key)?;
        if was_armed {
            self.unlink(deadline);
        }
        Some(value)
    }

    /// Moves a timer, pending, expired or disarmed, to another deadline; its key stays. `false` if it is not there any
    /// more.
    ///
    /// Among equal deadlines it comes as if it were inserted now.
    #[inline]
    pub fn reschedule(&mut self, key: Key, deadline: u64) -> bool {
        let Some((old, is_armed)) = self.arena.state(key) else { return false };
        if is_armed {
            self.disarm_armed(key, old);
        }
        let deadline = deadline.min(Self::LAST_TICK);
        let r = self.arena.arm(key, deadline);
        self.link(r, deadline);
        true
    }

    /// Lets a timer, pending or expired, rest: it keeps its key and its value, and expires no more until it is
    /// rescheduled. `false` if it rests already or is not there any more.
    pub fn disarm(&mut self, key: Key) -> bool {
        match self.arena.state(key) {
            Some((deadline, true)) => self.disarm_armed(key, deadline),
            _ => return false,
        }
        true
    }

    #[inline]
    fn disarm_armed(&mut self, key: Key, deadline: u64) {
        self.make_stale(key);
        self.unlink(deadline);
    }

    /// Makes every reference to an armed timer stale.
    #[inline]
    pub(crate) fn make_stale(&mut self, key: Key) {
        if self.arena.disarm(key).is_err() {
            self.drop_all_stale();
            self.arena.disarm_with_first_stamp(key);
        }
    }

    /// Whether the timer is still in the wheel.
    pub fn contains(&self, key: Key) -> bool {
        self.deadline(key).is_some()
    }

    /// Whether the timer is in the wheel and will expire, or has expired and was not popped yet.
    pub fn is_armed(&self, key: Key) -> bool {
        self.arena.state(key).is_some_and(|(_, is_armed)| is_armed)
    }

    /// The tick for which the timer is, or was last, set.
    pub fn deadline(&self, key: Key) -> Option<u64> {
        self.arena.state(key).map(|(deadline, _)| deadline)
    }

    /// The timer's value.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.arena.value(key)
    }

    /// The timer's value, to be changed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.arena.value_mut(key)
    }

    /// All timers – key, deadline, value – in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        self.arena.iter()
    }

    /// Takes all timers out of the wheel; the time that it has reached stays.
    pub fn clear(&mut self) {
        self.arena.clear();
        for slot in &mut self.slots {
            self.pool.clear(&mut slot.queue);
            *slot = Slot::EMPTY;
        }
        (self.occupied, self.levels_occupied) = ([0; LEVELS], 0);
        self.clear_due();
    }

    /// Puts a reference where its deadline belongs as seen from `now`.
    #[inline]
    pub(crate) fn link(&mut self, r: Ref, deadline: u64) {
        if deadline <= self.now {
            self.overdue.push(&mut self.pool, r, deadline);
            self.due += 1;
            return;
        }
        let level = geometry::level::<BITS>(deadline ^ self.now);
        let slot = geometry::slot::<BITS>(deadline, level);
        self.slots[level * Self::SLOTS + slot].push(&mut self.pool, r, deadline);
        self.occupied[level] |= 1 << slot;
        self.levels_occupied |= 1 << level;
    }

    /// Takes note that the one reference to a timer of this deadline has become stale. Where it stands follows from
    /// the deadline and `now` alone, just as for `link`.
    #[inline]
    fn unlink(&mut self, deadline: u64) {
        if deadline <= self.now {
            return self.unlink_due();
        }
        let level = geometry::level::<BITS>(deadline ^ self.now);
        let slot = geometry::slot::<BITS>(deadline, level);
        let home = &mut self.slots[level * Self::SLOTS + slot];
        home.forget_one(&mut self.pool, &self.arena, deadline);
        if home.live == 0 {
            self.vacate(level, slot);
        }
    }

    /// Clears the occupancy of a slot that has become empty.
    #[inline]
    pub(crate) fn vacate(&mut self, level: usize, slot: usize) {
        self.occupied[level] &= !(1 << slot);
        if self.occupied[level] == 0 {
            self.levels_occupied &= !(1 << level);
        }
    }

    /// `unlink` for a timer that is expired or overdue. Which of the two is not known, nor needed: they are counted
    /// as one, and their stale references dropped together.
    fn unlink_due(&mut self) {
        self.due -= 1;
        if self.due == 0 {
            self.clear_due();
        } else if is_littered(self.expired.refs() + self.overdue.queue.refs(), self.due) {
            self.drop_stale_due();
        }
    }

    fn drop_stale_due(&mut self) {
        self.pool.retain(&mut self.expired, |r| self.arena.current(r).is_some());
        self.pool.retain(&mut self.overdue.queue, |r| self.arena.current(r).is_some());
    }

    fn clear_due(&mut self) {
        self.pool.clear(&mut self.expired);
        self.pool.clear(&mut self.overdue.queue);
        self.overdue = Slot::EMPTY;
        self.due = 0;
    }

    #[cold]
    fn drop_all_stale(&mut self) {
        for slot in &mut self.slots {
            self.pool.retain(&mut slot.queue, |r| self.arena.current(r).is_some());
        }
        self.drop_stale_due();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST_STAMP: u32 = (1 << 31) - 2;

    /// A wheel whose only place has its counters set to these.
    fn worn(generation: u32, stamp: u32) -> Wheel {
        let mut wheel = Wheel::new();
        let key = wheel.insert(1, 0);
        wheel.cancel(key);
        wheel.arena.wear(0, generation, stamp);
        wheel
    }

    #[test]
    fn a_place_whose_generations_are_used_up_is_retired_and_its_last_key_stays_stale() {
        let mut wheel = worn(u32::MAX - 1, 5);
        let last = wheel.insert(10, 1);
        assert_eq!(last.to_bits() >> 32, u64::from(u32::MAX));
        assert_eq!(wheel.cancel(last), Some(1));
        wheel.audit();
        let next = wheel.insert(10, 2);
        assert_ne!(next.index(), last.index(), "the place is not taken again");
        assert_eq!(wheel.cancel(last), None);
        wheel.audit();
    }

    #[test]
    fn a_place_whose_stamps_are_used_up_is_retired() {
        let mut wheel = worn(2, LAST_STAMP);
        let last = wheel.insert(10, 1);
        assert_eq!(wheel.cancel(last), Some(1));
        wheel.audit();
        assert_ne!(wheel.insert(10, 2).index(), last.index());
        wheel.audit();
    }

    /// After 2³¹ moves a stamp would come round to one that a forgotten reference may carry, and the timer would
    /// stand in two slots.
    #[test]
    fn a_timer_moved_two_billion_times_stands_in_one_slot_only() {
        let mut wheel = Wheel::new();
        wheel.insert(1 << 30, 7); // keeps the far slot alive, and with it the stale references there
        let key = wheel.insert(1 << 30, 1);
        wheel.cancel(key);
        wheel.arena.wear(key.index(), 2, 0);
        let key = wheel.insert(1 << 30, 1);
        assert!(wheel.reschedule(key, 5), "leaves a stale reference with the stamp 0 in the far slot");
        wheel.cancel(key);
        wheel.arena.wear(key.index(), 4, LAST_STAMP);
        let key = wheel.insert(6, 1);
        assert!(wheel.reschedule(key, 7), "its stamps are used up, and start again from 0");
        wheel.audit();
        wheel.advance(1 << 30);
        let expired: Vec<_> = core::iter::from_fn(|| wheel.pop_expired()).map(|e| e.deadline).collect();
        assert_eq!(expired, [7, 1 << 30]);
    }
}
