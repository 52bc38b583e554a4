//! Pulling what a turn has found, one thing at a time: timers that are due, descriptors that are ready.

use super::EventLoop;
use super::parts::readiness::Ready;
use crate::Key;

/// A timer that was due, as it leaves the loop, or, if it repeats, goes on to its next deadline.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ExpiredTimer<T> {
    /// Its key: stale, or good for the next time if it repeats.
    pub key: Key,
    /// The deadline that it was due for, rounded up to the loop's resolution. A period counts from the deadline as it was
    /// before, so that it does not drift.
    pub deadline_ns: u64,
    /// How long ago that was when the turn began.
    pub late_ns: u64,
    /// Deadlines after this one that have passed as well and will not be served; see [`Missed`](crate::Missed).
    pub missed: u64,
    /// What it was added with.
    pub value: T,
}

impl<T: Default + Clone> EventLoop<T> {
    /// The next timer that was due when this turn began, in the order of deadlines, then of arming. One that repeats is
    /// armed again at once, as its plan says, and does not come twice in a turn; of more than [`Limits`](crate::Limits) let
    /// a turn serve, the rest comes in the next.
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

    /// The next descriptor that this turn's wait found ready, for a direction that is observed now. One that was
    /// removed or replaced since is left out. What exceeds the [`Limits`](crate::Limits) of a turn comes in the next turn.
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
