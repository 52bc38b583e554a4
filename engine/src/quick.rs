//! The quick way to add, move, stop and cancel a timer that fires once and has no slack, as most timers.
//!
//! ```text
//!   cancel_quickly ──► armed, no extra, a place for the free node …? ── yes ──► ended
//!                             │ no
//!                             └──► nothing has changed, and the caller goes the whole way: `cancel`
//! ```
//!
//! The quick way is inlined into its caller. To stop and to cancel it calls no other function, so a caller whose last step
//! is the call of the whole way saves hardly any register. Instructions count also among millions of timers, where a cancel waits for memory: the
//! processor overlaps the waits of those cancels that fit its window of instructions at the same time
//! (docs/benchmarks.md, "Loops for C").

use crate::extras::Place;
use crate::key::Key;
use crate::list;
use crate::node::Node;
use crate::scheduler::{Job, Scheduler};
use crate::wheel::{UNKNOWN, Wheel};

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Whether a timer can be taken off its list by [`Self::leave`]: the list keeps another timer, or is no list of an
    /// annex and has none. A timer that is on no list is linked to itself, so the result is false.
    #[inline(always)]
    fn can_leave(&self, timer: &Node<T>) -> bool {
        let Node { prev, next, .. } = *timer;
        prev != next || (next < Self::NEAR_SLOTS || self.is_far_slot(next)) && !self.annexes.has(next)
    }

    /// Whether a node is the sentinel of a slot, once the far lists are made.
    #[inline(always)]
    fn is_far_slot(&self, node: u32) -> bool {
        (node as usize) < self.arena.first.min(Self::SLOTS)
    }

    #[inline(always)]
    fn leave(&mut self, node: usize, deadline: u64) {
        let nodes = self.arena.nodes.as_mut_slice();
        if let Some(slot) = list::unlink(nodes, node) {
            list::reset(nodes, slot);
            self.occupied.remove(slot as usize);
        }
        if deadline == self.earliest {
            self.earliest = UNKNOWN;
        }
    }

    #[inline(always)]
    fn disarm_quickly(&mut self, key: Key) -> bool {
        let node = self.node(key);
        let Some(timer) = self.arena.get(node, key.generation()).filter(|timer| self.can_leave(timer)) else {
            return false;
        };
        self.leave(node, timer.deadline);
        list::set_unlinked(&mut self.arena.nodes, node as u32);
        true
    }

    /// Cancels a timer whose value is as `is_quick` says.
    #[inline(always)]
    fn cancel_quickly(&mut self, key: Key, is_quick: impl FnOnce(&T) -> bool) -> Option<T> {
        let node = self.node(key);
        let timer = self.arena.get(node, key.generation())?;
        // A place of the last generation is retired, which takes more steps.
        let is_last = timer.generation == u32::MAX;
        let is_quick = self.can_leave(timer) && !is_last && timer.value.as_ref().is_some_and(is_quick);
        if !is_quick || !self.arena.free.give_back_if_room(node as u32) {
            return None;
        }
        let timer = &mut self.arena.nodes[node];
        let (deadline, (value, _)) = (timer.deadline, timer.end());
        self.leave(node, deadline);
        value
    }
}

impl<T> Scheduler<T> {
    /// [`Scheduler::try_add_once`], or `None` if no free place is at hand.
    #[inline(always)]
    pub fn add_once_quickly(&mut self, deadline: u64, value: T) -> Option<Key> {
        let tick = self.resolution.deadline_tick(deadline);
        let node = self.wheel.arena.free.take_at_hand()?;
        Some(self.wheel.insert_at(node, tick, Job { extra: Place::NONE, value }))
    }

    /// [`Scheduler::reschedule`], or `false` if the timer repeats, has slack or has ended.
    #[inline(always)]
    pub fn reschedule_quickly(&mut self, key: Key, deadline: u64) -> bool {
        let Some((node, _)) = self.wheel.find(key).filter(|(_, job)| job.extra.is_none()) else { return false };
        let tick = self.resolution.deadline_tick(deadline);
        self.paused -= usize::from(self.wheel.rearm(node, tick));
        true
    }

    /// [`Scheduler::stop`], or `false` if the timer is not armed or has ended, or if that takes more steps.
    #[inline(always)]
    pub fn stop_quickly(&mut self, key: Key) -> bool {
        let is_done = self.wheel.disarm_quickly(key);
        self.paused += usize::from(is_done);
        is_done
    }

    /// [`Scheduler::cancel`], or `None` if the timer repeats, has slack, is not armed or has ended, or if that takes more
    /// steps.
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
