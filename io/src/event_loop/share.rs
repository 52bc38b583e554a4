//! The share of a turn that timers may take while descriptors wait, and descriptors while timers do.
//!
//! A turn serves what was due when it began. With a thousand slow callbacks that takes seconds, and a signal or a client
//! that comes meanwhile waits for all of them. So each of the two kinds has [`SHARE_NS`] or [`SHARE_MAX`] callbacks in a
//! turn, whichever ends first, as long as the loop holds something of the other kind. The rest comes first in the next turn.
//!
//! ```text
//!   served    1   2       4               8                             16 … 32 … 48     quick callbacks: the clock is
//!   looks     ▲   ▲       ▲               ▲                              ▲    ▲    ▲      read after every 16th
//!
//!   served    1   2   3   slow callbacks: after each
//!   looks     ▲   ▲   ▲
//! ```
//!
//! How far apart the looks are is remembered from turn to turn. The number is for clocks that stand still during a
//! callback, virtual ones: the same program is then served in the same order each time.

use super::EventLoop;

/// How long a turn serves one kind while the other may wait.
const SHARE_NS: u64 = 10_000_000;

/// How many of one kind a turn serves while the other may wait.
const SHARE_MAX: usize = 10_000;

/// The most callbacks between two looks at the clock.
const STEP_MAX: usize = 16;

/// What a turn has served of one kind.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) served: usize,
    // At this many there is something to decide.
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
    /// Begins anew, at a moment that is known without asking the clock.
    fn begin(&mut self, now_ns: u64) {
        (self.served, self.start_ns, self.looked_ns) = (0, now_ns, now_ns);
        self.look_at = 0;
    }

    /// Whether the share is used up at `now_ns`; plans the next look.
    fn is_used_up(&mut self, now_ns: u64) -> bool {
        if self.served >= SHARE_MAX || now_ns.saturating_sub(self.start_ns) >= SHARE_NS {
            return true;
        }
        let is_slow = now_ns.saturating_sub(self.looked_ns) >= SHARE_NS / STEP_MAX as u64;
        self.step = if is_slow { 1 } else { (self.step * 2).min(STEP_MAX) };
        self.looked_ns = now_ns;
        false
    }

    /// The next look, no later than at a limit.
    fn plan(&mut self, limit: usize) {
        self.look_at = (self.served + self.step).min(limit).min(SHARE_MAX);
    }

    fn must_look(&self) -> bool {
        self.served >= self.look_at
    }
}

impl<T: Default + Clone> EventLoop<T> {
    /// A turn begins, at `turn_ns`.
    pub(super) fn begin_shares(&mut self) {
        self.timers_share.begin(self.turn_ns);
        self.descriptors_share.begin(self.turn_ns);
    }

    /// The host has changed its limits: both are compared with the new ones.
    pub(super) fn look_at_limits(&mut self) {
        (self.timers_share.look_at, self.descriptors_share.look_at) = (0, 0);
    }

    /// Whether this turn has to leave further timers to the next one.
    #[inline(always)]
    pub(super) fn has_served_timers(&mut self) -> bool {
        self.timers_share.must_look() && self.look_at_timers()
    }

    #[cold]
    fn look_at_timers(&mut self) -> bool {
        let limit = self.limits.served_in_turn.get();
        if self.timers_share.served >= limit {
            return true;
        }
        if self.descriptors() == 0 {
            // One that is added meanwhile cannot be ready in this turn.
            self.timers_share.look_at = limit;
            return false;
        }
        if self.timers_share.served > 0 {
            let now_ns = self.now_ns();
            if self.timers_share.is_used_up(now_ns) {
                return true;
            }
        }
        self.timers_share.plan(limit);
        false
    }

    /// Whether this turn has to leave further descriptors to the next one.
    pub(super) fn has_served_descriptors(&mut self) -> bool {
        self.descriptors_share.must_look() && self.look_at_descriptors()
    }

    fn look_at_descriptors(&mut self) -> bool {
        let limit = self.limits.served_in_turn.get();
        let served = self.descriptors_share.served;
        if served >= limit {
            return true;
        }
        if served == 0 {
            // Timers had a share of their own, which ended about here.
            let began_ns = self.timers_share.looked_ns.max(self.turn_ns);
            self.descriptors_share.begin(began_ns);
        } else if !self.scheduler.is_empty() {
            let now_ns = self.now_ns();
            if self.descriptors_share.is_used_up(now_ns) {
                return true;
            }
        }
        self.descriptors_share.plan(limit);
        false
    }
}
