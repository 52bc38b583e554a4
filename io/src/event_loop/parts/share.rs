//! The share of a turn that timers may take while descriptors wait, and that descriptors may take while timers wait.
//!
//! A turn serves what was due when its wait ended. With a thousand slow callbacks a turn would take seconds. A signal
//! or a client that comes meanwhile would wait for all of them. So while the loop holds something of both kinds, a turn
//! stops serving a kind after [`SHARE_NS`] or after [`SHARE_MAX`] callbacks, whichever comes first. The rest comes
//! first in the next turn.
//!
//! ```text
//!   served    1       3               7                              15 … 31 … 47     quick callbacks: the clock is
//!   reads     ▲       ▲               ▲                               ▲    ▲    ▲     soon read after every 16th
//!
//!   served    1   2   3   slow callbacks: the clock is read after each
//!   reads     ▲   ▲   ▲
//! ```
//!
//! The number of callbacks between two readings is kept from turn to turn. The limit on the number of callbacks is for
//! virtual clocks, which stand still during a callback, so that the limit on the time is never reached. A program on
//! such a clock is served in the same order each time.

use super::time::Time;
use std::num::NonZeroUsize;

/// The time after which a turn stops serving one kind while the other may wait.
const SHARE_NS: u64 = 10_000_000;

/// The most callbacks in a turn for one kind while the other may wait.
const SHARE_MAX: usize = 10_000;

/// The most callbacks between two readings of the clock.
const STEP_MAX: usize = 16;

/// The share of one kind in a turn.
#[derive(Debug)]
pub(crate) struct Share {
    served: usize,
    // When `served` reaches this number, the clock or a limit is checked.
    look_at: usize,
    step: usize,
    start_ns: u64,
    looked_ns: u64,
}

impl Default for Share {
    fn default() -> Self {
        Self { served: 0, look_at: 0, step: 1, start_ns: 0, looked_ns: 0 }
    }
}

impl Share {
    /// Starts again at `now_ns`, a time that is known without reading the clock.
    #[inline]
    fn begin(&mut self, now_ns: u64) {
        (self.served, self.start_ns, self.looked_ns) = (0, now_ns, now_ns);
        self.look_at = 0;
    }

    /// Whether the share is used up at `now_ns`. If it is not, chooses how many callbacks come before the next reading
    /// of the clock.
    #[inline]
    fn is_used_up(&mut self, now_ns: u64) -> bool {
        let is_slow = now_ns.saturating_sub(self.looked_ns) >= SHARE_NS / STEP_MAX as u64;
        self.looked_ns = now_ns;
        if self.served >= SHARE_MAX || now_ns.saturating_sub(self.start_ns) >= SHARE_NS {
            return true;
        }
        self.step = if is_slow { 1 } else { (self.step * 2).min(STEP_MAX) };
        false
    }

    /// Chooses after how many callbacks the clock or a limit is checked next: after `limit` at the latest.
    #[inline]
    fn plan(&mut self, limit: usize) {
        self.look_at = (self.served + self.step).min(limit).min(SHARE_MAX);
    }

    #[inline]
    fn must_look(&self) -> bool {
        self.served >= self.look_at
    }
}

/// The shares of the two kinds.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    timers: Share,
    descriptors: Share,
}

impl Shares {
    /// Begins a turn at `turn_ns`.
    #[inline]
    pub(crate) fn begin_turn(&mut self, turn_ns: u64) {
        self.timers.begin(turn_ns);
        self.descriptors.begin(turn_ns);
    }

    /// Makes both kinds check the limit, which has changed, before they are served again.
    pub(crate) fn compare_with_limit(&mut self) {
        (self.timers.look_at, self.descriptors.look_at) = (0, 0);
    }

    /// Counts a timer that is given out.
    #[inline]
    pub(crate) fn serve_timer(&mut self) {
        self.timers.served += 1;
    }

    /// Counts a descriptor that is given out.
    #[inline]
    pub(crate) fn serve_descriptor(&mut self) {
        self.descriptors.served += 1;
    }

    /// Whether [`timers_are_used_up`](Self::timers_are_used_up) has to be asked before the next timer.
    #[inline]
    pub(crate) fn must_look_at_timers(&self) -> bool {
        self.timers.must_look()
    }

    /// Whether [`descriptors_are_used_up`](Self::descriptors_are_used_up) has to be asked before the next descriptor.
    #[inline]
    pub(crate) fn must_look_at_descriptors(&self) -> bool {
        self.descriptors.must_look()
    }

    /// Whether this turn has to leave further timers to the next one.
    #[cold]
    pub(crate) fn timers_are_used_up(&mut self, limit: NonZeroUsize, time: &Time, has_descriptors: bool) -> bool {
        let (limit, share) = (limit.get(), &mut self.timers);
        if share.served >= limit {
            return true;
        }
        if !has_descriptors {
            // A descriptor that is added during this turn cannot be ready in it.
            share.look_at = limit;
            return false;
        }
        if share.served > 0 && share.is_used_up(time.now_ns()) {
            return true;
        }
        share.plan(limit);
        false
    }

    /// Whether this turn has to leave further descriptors to the next one.
    #[inline]
    pub(crate) fn descriptors_are_used_up(&mut self, limit: NonZeroUsize, time: &Time, has_timers: bool) -> bool {
        let (limit, share) = (limit.get(), &mut self.descriptors);
        if share.served >= limit {
            return true;
        }
        if share.served == 0 {
            // Timers had their own share, which ended about at its last reading of the clock.
            share.begin(self.timers.looked_ns.max(time.turn_ns()));
        } else if has_timers && share.is_used_up(time.now_ns()) {
            return true;
        }
        share.plan(limit);
        false
    }

    /// Panics when the number of callbacks between two readings of the clock is out of range, or when the last reading
    /// of a share is before its beginning.
    pub(crate) fn audit(&self) {
        for share in [&self.timers, &self.descriptors] {
            assert!(
                (1..=STEP_MAX).contains(&share.step),
                "{share:?}: the number of callbacks between two readings of the clock"
            );
            assert!(
                share.looked_ns >= share.start_ns,
                "{share:?}: the last reading of the clock is before the beginning"
            );
        }
    }
}
