//! The quick way to arm, move, stop and cancel a timer, for bindings in which a few instructions count.
//!
//! Each function is inlined. If the timer or the loop needs further steps, the function changes nothing and returns
//! `None` or `false`. The caller then calls the function of the same name without `quickly`.

use super::EventLoop;
use crate::Key;

impl<T: Clone> EventLoop<T> {
    /// Does what [`try_add_timer_at`](Self::try_add_timer_at) does, if the loop has no limit of timers, no slack and no
    /// recording, and if a free place is found quickly. Otherwise returns `None` and changes nothing.
    #[inline(always)]
    pub fn add_timer_at_quickly(&mut self, deadline_ns: u64, value: T) -> Option<Key> {
        if self.counts_timers { None } else { self.timers.add_once_quickly(deadline_ns, value) }
    }

    /// Does what [`reschedule_timer_at`](Self::reschedule_timer_at) does, if the timer fires once, has no slack and was
    /// never paused, and if the loop has no unreferenced timers. Otherwise returns `false` and changes nothing.
    #[inline(always)]
    pub fn reschedule_timer_at_quickly(&mut self, key: Key, deadline_ns: u64) -> bool {
        self.timers.reschedule_quickly(key, deadline_ns)
    }

    /// Does what [`stop_timer`](Self::stop_timer) does, if the timer is armed and the loop has no unreferenced timers.
    /// Otherwise, and if stopping takes more steps, returns `false` and changes nothing.
    #[inline(always)]
    pub fn stop_timer_quickly(&mut self, key: Key) -> bool {
        self.timers.stop_quickly(key)
    }

    /// Does what [`cancel_timer`](Self::cancel_timer) does, if the timer is armed, fires once, has no slack and was
    /// never paused, and if the loop has no unreferenced timers. Otherwise, and if cancelling takes more steps, returns
    /// `None` and changes nothing.
    #[inline(always)]
    pub fn cancel_timer_quickly(&mut self, key: Key) -> Option<T> {
        self.timers.cancel_quickly(key)
    }
}
