//! Pulling the results of a turn one by one: timers that are due, descriptors that are ready.

use super::EventLoop;
use super::parts::readiness::Ready;
use crate::Key;

/// A timer that was due at [`turn_ns`](EventLoop::turn_ns). It has left the loop, or is armed for its next deadline if
/// it repeats, or is stopped if it is kept ([`try_add_kept_timer`](EventLoop::try_add_kept_timer)).
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ExpiredTimer<T> {
    /// The timer's key. It stays valid if the timer repeats or is kept, and is stale otherwise.
    pub key: Key,
    /// The deadline that the timer was due for, rounded up to the loop's resolution. A period counts from the deadline
    /// before rounding, so it does not drift.
    pub deadline_ns: u64,
    /// The time from the deadline to [`turn_ns`](EventLoop::turn_ns), the end of the turn's wait.
    pub late_ns: u64,
    /// The number of later deadlines that have passed as well and will not be served; see [`Missed`](crate::Missed).
    pub missed: u64,
    /// The value that the timer was added with.
    pub value: T,
}

impl<T: Clone> EventLoop<T> {
    /// The next timer that was due when this turn's wait ended, in the order of deadlines, then of arming. A repeating
    /// timer is armed again at once, as its plan says, and fires at most once in a turn. Timers beyond the
    /// [`Limits`](crate::Limits) of a turn come in the next turn.
    // Inlined, because the result is so large that a call passes it through memory. A caller that copies the result at
    // once would wait 7 ns for the stores.
    #[inline]
    pub fn next_expired(&mut self) -> Option<ExpiredTimer<T>> {
        if self.shares.must_look_at_timers() && self.timers_are_used_up() {
            return None;
        }
        let fired = self.timers.pop()?;
        self.shares.serve_timer();
        self.readiness.expect_callback();
        let (key, deadline_ns, late_ns) = (fired.key, fired.deadline, fired.late);
        Some(ExpiredTimer { key, deadline_ns, late_ns, missed: fired.missed, value: fired.value })
    }

    /// The next descriptor that this turn's wait found ready for a direction that is observed now. Descriptors that
    /// were removed or replaced since are left out. Descriptors beyond the [`Limits`](crate::Limits) of a turn come in
    /// the next turn.
    pub fn next_ready(&mut self) -> Option<Ready> {
        while self.readiness.has_more() {
            if self.shares.must_look_at_descriptors() && self.descriptors_are_used_up() {
                return None;
            }
            if let Some(ready) = self.readiness.pull(&mut self.observed) {
                self.shares.serve_descriptor();
                return Some(ready);
            }
        }
        None
    }

    #[cold]
    fn timers_are_used_up(&mut self) -> bool {
        let has_descriptors = self.descriptors() > 0;
        self.shares.timers_are_used_up(self.limits.served_in_turn, &self.time, has_descriptors)
    }

    fn descriptors_are_used_up(&mut self) -> bool {
        let has_timers = self.timers() > 0;
        self.shares.descriptors_are_used_up(self.limits.served_in_turn, &self.time, has_timers)
    }
}
