//! The quick way to add, move, stop and cancel a timer that fires once and has no slack, as most timers do.
//!
//! ```text
//!   cancel_quickly ──► armed, no extra, a place for the free node …? ── yes ──► ended
//!                             │ no
//!                             └──► nothing has changed, and the caller goes the whole way: `cancel`
//! ```
//!
//! The quick way is inlined into its caller. When it stops or cancels a timer, it calls no other function. So a caller
//! that ends with the call of the whole way saves hardly any register. Fewer instructions help even among millions of
//! timers, where each cancel waits for memory: the processor overlaps the waits of several cancels if all of them fit
//! its window of instructions (docs/benchmarks.md, "Loops for C").

use crate::extras::Place;
use crate::free_list::FreeList;
use crate::key::Key;
use crate::list;
use crate::node::Node;
use crate::scheduler::{Job, Scheduler};
use crate::wheel::{UNKNOWN, Wheel};

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Passes a timer to `then` and takes it off its list. There are two conditions: `is_quick` accepts the timer, and
    /// the list keeps another timer or is a slot without an annex. Otherwise nothing changes. A timer on no list is
    /// linked to itself and never meets the second condition.
    #[inline(always)]
    fn leave_quickly<R>(
        &mut self,
        key: Key,
        is_quick: impl FnOnce(u32, &Node<T>, &mut FreeList) -> bool,
        then: impl FnOnce(u32, &mut Node<T>) -> R,
    ) -> Option<R> {
        let node = Self::node(key);
        let nodes = self.arena.nodes.as_mut_slice();
        let timer = nodes.get_mut(node).filter(|timer| timer.generation == key.generation())?;
        let (deadline, prev, next) = (timer.deadline, timer.prev, timer.next);
        let can_leave = prev != next || next < Self::EXPIRED && !self.annexes.has(next);
        if !can_leave || !is_quick(node as u32, timer, &mut self.arena.free) {
            return None;
        }
        let result = then(node as u32, timer);
        if list::link(nodes, prev, next) {
            list::reset(nodes, next);
            self.occupied.remove(next as usize);
        }
        if deadline == self.earliest {
            self.earliest = UNKNOWN;
        }
        Some(result)
    }

    #[inline(always)]
    fn disarm_quickly(&mut self, key: Key) -> bool {
        let unlink = |node, timer: &mut Node<T>| (timer.prev, timer.next) = (node, node);
        self.leave_quickly(key, |_, _, _| true, unlink).is_some()
    }

    /// Cancels a timer if `is_quick` accepts its value.
    #[inline(always)]
    fn cancel_quickly(&mut self, key: Key, is_quick: impl FnOnce(&T) -> bool) -> Option<T> {
        let is_quick = |node, timer: &Node<T>, free: &mut FreeList| {
            // A place of the last generation is retired, which takes more steps.
            let is_last = timer.generation == u32::MAX;
            let is_quick = !is_last && timer.value.as_ref().is_some_and(is_quick);
            is_quick && free.give_back_if_room(node)
        };
        self.leave_quickly(key, is_quick, |_, timer| timer.end().0)?
    }
}

impl<T> Scheduler<T> {
    /// Does what [`Scheduler::try_add_once`] does. Returns `None`, and changes nothing, if finding a free place takes
    /// more steps.
    #[inline(always)]
    pub fn add_once_quickly(&mut self, deadline: u64, value: T) -> Option<Key> {
        let tick = self.resolution.deadline_tick(deadline);
        let node = self.wheel.arena.free.take_at_hand()?;
        Some(self.wheel.insert_at(node, tick, Job { extra: Place::NONE, value }))
    }

    /// Does what [`Scheduler::reschedule`] does. Returns `false`, and changes nothing, if the timer repeats, has slack,
    /// was paused or has ended.
    #[inline(always)]
    pub fn reschedule_quickly(&mut self, key: Key, deadline: u64) -> bool {
        let Some((node, _)) = self.wheel.find(key).filter(|(_, job)| job.extra.is_none()) else { return false };
        let tick = self.resolution.deadline_tick(deadline);
        self.paused -= usize::from(self.wheel.rearm(node, tick));
        true
    }

    /// Does what [`Scheduler::stop`] does. Returns `false`, and changes nothing, if the timer is not armed or has
    /// ended, or if stopping it takes more steps.
    #[inline(always)]
    pub fn stop_quickly(&mut self, key: Key) -> bool {
        let is_done = self.wheel.disarm_quickly(key);
        self.paused += usize::from(is_done);
        is_done
    }

    /// Does what [`Scheduler::cancel`] does. Returns `None`, and changes nothing, if the timer repeats, has slack, was
    /// paused, is not armed or has ended, or if cancelling it takes more steps.
    ///
    /// ```
    /// use cogloop_engine::{Plan, Scheduler};
    ///
    /// let mut scheduler = Scheduler::<&str>::new(1.try_into()?);
    /// let [plain, slack] = [0, 5].map(|slack| scheduler.add(Plan::once(10).with_slack(slack), "time-out"));
    /// assert_eq!(scheduler.cancel_quickly(plain), Some("time-out"));
    /// assert_eq!(scheduler.cancel_quickly(slack), None);
    /// assert_eq!(scheduler.cancel(slack), Some("time-out"));
    /// # Ok::<(), std::num::TryFromIntError>(())
    /// ```
    #[inline(always)]
    pub fn cancel_quickly(&mut self, key: Key) -> Option<T> {
        Some(self.wheel.cancel_quickly(key, |job| job.extra.is_none())?.value)
    }
}
