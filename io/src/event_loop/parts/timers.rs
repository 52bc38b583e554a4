//! The loop's timers: the scheduler, and which of its timers keep the loop going.

use super::unreferenced::Unreferenced;
use crate::{Key, Plan};
use cogloop_engine::{Fired, NoRoom, Scheduler};
use std::collections::TryReserveError;
use std::num::NonZeroU64;

/// All timers are in the scheduler. An unreferenced timer is also in the set `unreferenced` until it has ended.
pub(crate) struct Timers<T> {
    scheduler: Scheduler<T>,
    unreferenced: Unreferenced,
    /// The slack of timers that are added without a plan.
    slack_ns: u64,
}

impl<T: Clone> Timers<T> {
    /// Makes an empty store; a tick takes `resolution` nanoseconds.
    pub(crate) fn new(resolution: NonZeroU64) -> Self {
        Self { scheduler: Scheduler::new(resolution), unreferenced: Unreferenced::default(), slack_ns: 0 }
    }

    /// The scheduler, for reading only. Changes go through this type.
    #[inline]
    pub(crate) fn scheduler(&self) -> &Scheduler<T> {
        &self.scheduler
    }

    /// Whether there is a timer that keeps the loop going: one that is neither paused, nor stopped, nor unreferenced.
    #[inline]
    pub(crate) fn keep_going(&self) -> bool {
        self.scheduler.len() > self.scheduler.paused() + self.unreferenced.armed()
    }

    #[inline]
    pub(crate) fn try_add(&mut self, plan: Plan, value: T) -> Result<Key, NoRoom> {
        self.scheduler.try_add(plan, value)
    }

    /// Adds a timer that fires once, with the loop's slack.
    #[inline(always)]
    pub(crate) fn try_add_once(&mut self, deadline_ns: u64, value: T) -> Result<Key, NoRoom> {
        match self.slack_ns {
            0 => self.scheduler.try_add_once(deadline_ns, value),
            slack => self.scheduler.try_add(Plan::once(deadline_ns).with_slack(slack), value),
        }
    }

    #[inline]
    pub(crate) fn slack_ns(&self) -> u64 {
        self.slack_ns
    }

    pub(crate) fn set_slack_ns(&mut self, slack_ns: u64) {
        self.slack_ns = slack_ns;
    }

    /// Adds a timer that is due in the next turn.
    #[inline]
    pub(crate) fn try_add_due(&mut self, now_ns: u64, value: T) -> Result<Key, NoRoom> {
        self.scheduler.try_add_due(now_ns, value)
    }

    /// Adds a stopped timer that stays when it has fired, with the loop's slack.
    pub(crate) fn try_add_kept(&mut self, value: T) -> Result<Key, NoRoom> {
        self.scheduler.try_add_kept(self.slack_ns, value)
    }

    #[inline]
    pub(crate) fn cancel(&mut self, key: Key) -> Option<T> {
        if !self.unreferenced.is_empty() {
            let is_paused = self.scheduler.is_paused(key);
            self.unreferenced.remove(key, is_paused);
        }
        self.scheduler.cancel(key)
    }

    /// [`cancel`](Self::cancel) by [`Scheduler::cancel_quickly`]. `None` if more steps are needed.
    #[inline(always)]
    pub(crate) fn cancel_quickly(&mut self, key: Key) -> Option<T> {
        if self.unreferenced.is_empty() { self.scheduler.cancel_quickly(key) } else { None }
    }

    /// [`try_add_once`](Self::try_add_once) by [`Scheduler::add_once_quickly`]. `None` if more steps are needed.
    #[inline(always)]
    pub(crate) fn add_once_quickly(&mut self, deadline_ns: u64, value: T) -> Option<Key> {
        if self.slack_ns == 0 { self.scheduler.add_once_quickly(deadline_ns, value) } else { None }
    }

    /// [`reschedule`](Self::reschedule) by [`Scheduler::reschedule_quickly`]. `false` if more steps are needed.
    #[inline(always)]
    pub(crate) fn reschedule_quickly(&mut self, key: Key, deadline_ns: u64) -> bool {
        self.unreferenced.is_empty() && self.scheduler.reschedule_quickly(key, deadline_ns)
    }

    /// [`stop`](Self::stop) by [`Scheduler::stop_quickly`]. `false` if more steps are needed.
    #[inline(always)]
    pub(crate) fn stop_quickly(&mut self, key: Key) -> bool {
        self.unreferenced.is_empty() && self.scheduler.stop_quickly(key)
    }

    #[inline(always)]
    pub(crate) fn reschedule(&mut self, key: Key, deadline_ns: u64) -> bool {
        if !self.unreferenced.is_empty() {
            self.leaves_its_pause(key);
        }
        self.scheduler.reschedule(key, deadline_ns)
    }

    /// Takes away a timer's deadline. Returns `false` for a stale key.
    #[inline(always)]
    pub(crate) fn stop(&mut self, key: Key) -> bool {
        if !self.unreferenced.is_empty() {
            self.stops(key);
        }
        self.scheduler.stop(key)
    }

    #[cold]
    fn stops(&mut self, key: Key) {
        if !self.scheduler.is_paused(key) {
            self.unreferenced.pause(key);
        }
    }

    pub(crate) fn try_pause(&mut self, key: Key, now_ns: u64) -> Result<bool, NoRoom> {
        let is_done = self.scheduler.try_pause(key, now_ns)?;
        if is_done {
            self.unreferenced.pause(key);
        }
        Ok(is_done)
    }

    pub(crate) fn resume(&mut self, key: Key, now_ns: u64) -> bool {
        let is_done = self.scheduler.resume(key, now_ns);
        if is_done {
            self.unreferenced.resume(key);
        }
        is_done
    }

    #[cold]
    fn leaves_its_pause(&mut self, key: Key) {
        if self.scheduler.is_paused(key) {
            self.unreferenced.resume(key);
        }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.scheduler.get_mut(key)
    }

    /// Lets the loop be idle although this timer is armed. Returns `false` for a stale key.
    ///
    /// # Errors
    /// When there is no memory for the set; the timer keeps the loop going then.
    pub(crate) fn try_unreference(&mut self, key: Key) -> Result<bool, TryReserveError> {
        let is_live = self.scheduler.get(key).is_some();
        if is_live {
            self.unreferenced.try_add(key, self.scheduler.is_paused(key))?;
        }
        Ok(is_live)
    }

    /// Undoes `try_unreference`. Returns `false` for a stale key.
    pub(crate) fn reference(&mut self, key: Key) -> bool {
        self.unreferenced.remove(key, self.scheduler.is_paused(key));
        self.scheduler.get(key).is_some()
    }

    #[inline]
    pub(crate) fn next_deadline(&mut self) -> Option<u64> {
        self.scheduler.next_deadline()
    }

    #[inline]
    pub(crate) fn advance(&mut self, now_ns: u64) {
        self.scheduler.advance(now_ns);
    }

    /// Lets the wheel cascade early. Returns whether there was any work, which has taken some time.
    #[inline]
    pub(crate) fn cascade_early(&mut self) -> bool {
        self.scheduler.cascade_early()
    }

    /// Takes the next timer that is due.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Fired<T>> {
        let fired = self.scheduler.pop()?;
        if !self.unreferenced.is_empty() {
            self.fired_unreferenced(fired.key);
        }
        Some(fired)
    }

    /// A repeating or kept timer is still live, and stays unreferenced. A kept one is stopped now.
    fn fired_unreferenced(&mut self, key: Key) {
        if self.scheduler.get(key).is_none() {
            self.unreferenced.remove(key, false);
        } else if self.scheduler.is_paused(key) {
            self.unreferenced.pause(key);
        }
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.scheduler.shrink_to_fit();
    }

    pub(crate) fn clear(&mut self) {
        self.scheduler.clear();
        self.unreferenced.clear();
    }

    /// Panics when the wheel is not sound, or a timer that has ended is still counted.
    pub(crate) fn audit(&self) {
        self.scheduler.audit();
        self.unreferenced.audit(&self.scheduler);
    }
}
