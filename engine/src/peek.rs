//! Looking at the timer that comes next, without taking it.

use crate::geometry;
use crate::jump::Walk;
use crate::key::Key;
use crate::list;
use crate::scheduler::Scheduler;
use crate::wheel::Wheel;

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// The key of the timer that [`Wheel::pop_expired`] will return next, if only the time changes until then. This is
    /// the first expired timer or, if no timer has expired, the pending timer with the earliest deadline. Of timers
    /// with equal deadlines, the timer that was set first counts. `None` if no timer is armed.
    ///
    /// The call takes O(1) if the list of the timer that comes next is sorted. The slots of the lowest level are
    /// sorted, and so are lists of timers with equal delays. On any other list the call visits all timers.
    ///
    /// ```
    /// let mut wheel = cogloop_engine::Wheel::<u64>::new();
    /// wheel.insert(9_000, 0);
    /// let first = wheel.insert(8_000, 1);
    /// assert_eq!(wheel.peek(), Some(first));
    /// wheel.advance(10_000);
    /// assert_eq!(wheel.peek(), Some(first)); // now it has expired
    /// ```
    pub fn peek(&self) -> Option<Key> {
        let (_, node) = self.first_of_queue().or_else(|| self.first_pending())?;
        Some(Self::key(node, self.arena.nodes[node as usize].generation))
    }

    fn first_of_queue(&self) -> Option<(u64, u32)> {
        let expired = list::iter(&self.arena.nodes, Self::EXPIRED).next();
        expired.map(|(node, timer)| (timer.deadline, node)).or_else(|| self.first_on(Self::OVERDUE))
    }

    fn first_pending(&self) -> Option<(u64, u32)> {
        let near = self.first_on(Self::NEAR);
        let Some(first) = self.occupied.first() else { return near };
        let first = first as u32;
        // While a slot cascades in slices (`advance.rs`), its timers on lower levels may be later than those that are
        // still in the slot.
        let sliced = (self.target > self.now).then(|| geometry::slot_of::<BITS>(self.now + 1, self.now) as u32);
        let sliced = sliced.filter(|&slot| slot != first);
        // Timers in a slot's annex (`annex.rs`) were set before those in the slot itself.
        let annex = self.annexes.of(first).into_iter().flatten();
        let annexed = annex.into_iter().find(|&list| !list::is_empty(&self.arena.nodes, list));
        let lists = annexed.into_iter().chain([first]).chain(sliced);
        near.into_iter().chain(lists.filter_map(|list| self.first_on(list))).min_by_key(|&(deadline, _)| deadline)
    }

    /// The first timer with the earliest deadline on a list, and that deadline.
    fn first_on(&self, list: u32) -> Option<(u64, u32)> {
        let nodes = self.arena.nodes.as_slice();
        if list::is_empty(nodes, list) {
            return None;
        }
        let mut walk = Walk::new(nodes, list);
        let mut timers = core::iter::from_fn(|| walk.next(nodes)).map(|(node, deadline)| (deadline, node));
        if list::is_sorted(nodes, list) { timers.next() } else { timers.min_by_key(|&(deadline, _)| deadline) }
    }
}

impl<T> Scheduler<T> {
    /// The key of the timer that will fire next; see [`Wheel::peek`]. `None` if no timer will ever fire.
    pub fn peek(&self) -> Option<Key> {
        let key = self.wheel.peek()?;
        self.wheel.deadline(key).filter(|&tick| self.resolution.is_reached(tick)).map(|_| key)
    }
}
