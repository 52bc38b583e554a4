//! The quick way to arm, move, stop and cancel a timer, for bindings in which a few instructions count.
//!
//! Each function is inlined. If the timer or the loop needs more than the few steps, it changes nothing and says so. The
//! caller then calls the function of the same name without `quickly`, which does all.

use super::EventLoop;
use crate::Key;

impl<T: Clone> EventLoop<T> {
    /// [`try_add_timer_at`](Self::try_add_timer_at), or `None`. It needs a loop without a limit of timers, without slack
    /// and without a recording, and a free place at hand.
    #[inline(always)]
    pub fn add_timer_at_quickly(&mut self, deadline_ns: u64, value: T) -> Option<Key> {
        if self.counts_timers { None } else { self.timers.add_once_quickly(deadline_ns, value) }
    }

    /// [`reschedule_timer_at`](Self::reschedule_timer_at), or `false`. It needs a timer that fires once and has no slack,
    /// in a loop without unreferenced timers.
    #[inline(always)]
    pub fn reschedule_timer_at_quickly(&mut self, key: Key, deadline_ns: u64) -> bool {
        self.timers.reschedule_quickly(key, deadline_ns)
    }

    /// [`stop_timer`](Self::stop_timer), or `false`. It needs a timer that is armed, in a loop without unreferenced
    /// timers.
    #[inline(always)]
    pub fn stop_timer_quickly(&mut self, key: Key) -> bool {
        self.timers.stop_quickly(key)
    }

    /// [`cancel_timer`](Self::cancel_timer), or `None`. It needs a timer that is armed, fires once, and has no slack, in
    /// a loop without unreferenced timers.
    #[inline(always)]
    pub fn cancel_timer_quickly(&mut self, key: Key) -> Option<T> {
        self.timers.cancel_quickly(key)
    }
}
