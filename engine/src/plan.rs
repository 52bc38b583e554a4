//! Plans: when a timer should fire, and the tick at which it expires in the wheel.

use core::num::NonZeroU64;

use crate::repeat::{Arithmetic, Missed, Next};
use crate::ticks::Resolution;

/// When a timer fires. All times are in the scheduler's unit.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// The first deadline.
    pub deadline: u64,
    /// The time from one deadline to the next; `None` for a timer that fires once.
    pub period: Option<NonZeroU64>,
    /// The policy for deadlines that were not served in time.
    pub missed: Missed,
    /// How late the timer may fire, so that timers with near deadlines share a wake-up.
    pub slack: u64,
}

impl Plan {
    /// Fires once, at `deadline`.
    #[must_use]
    pub fn once(deadline: u64) -> Self {
        Self { deadline, ..Self::default() }
    }

    /// Fires at `first` and then every `period`. `missed` is the policy for late deadlines.
    #[must_use]
    pub fn every(first: u64, period: NonZeroU64, missed: Missed) -> Self {
        Self { deadline: first, period: Some(period), missed, slack: 0 }
    }

    /// The same plan with this slack.
    #[must_use]
    pub fn with_slack(self, slack: u64) -> Self {
        Self { slack, ..self }
    }

    /// The tick at which a timer of this plan expires.
    pub(crate) fn tick(&self, resolution: Resolution) -> u64 {
        let deadline = if self.slack == 0 { self.deadline } else { u64::coalesce(self.deadline, self.slack) };
        resolution.deadline_tick(deadline)
    }

    /// The deadline that is reported for a timer of this plan when it expires at `tick`: the start of the tick, or with
    /// slack the plan's own deadline, rounded up.
    #[inline]
    pub(crate) fn reported(&self, resolution: Resolution, tick: u64) -> u64 {
        if self.slack == 0 { resolution.start(tick) } else { resolution.round_up(self.deadline) }
    }

    /// The deadline after the one that was reported as `reported` and served at `now`; `None` if the plan fires once.
    ///
    /// Rounded deadlines decide whether the timer is late and which deadlines it has missed.
    #[inline]
    pub(crate) fn next(&self, resolution: Resolution, reported: u64, now: u64) -> Option<Next> {
        let period = self.period?;
        // Without slack, a period shorter than a tick puts several deadlines into one tick. All but the first are late.
        let is_short = self.slack == 0 && period < resolution.0;
        let latest = match self.slack {
            0 => reported,
            slack => resolution.round_up(self.deadline.saturating_add(slack)),
        };
        if !is_short && now <= latest {
            return Some(Next { deadline: self.deadline.saturating_add(period.get()), missed: 0 });
        }
        // A deadline within the current tick has not passed yet: it is rounded up to the end of the tick.
        let now = if self.missed == Missed::Skip { resolution.start(resolution.tick(now)) } else { now };
        Some(self.missed.next(self.deadline, period, now))
    }

    pub(crate) fn needs_extra(&self) -> bool {
        self.period.is_some() || self.slack > 0
    }
}
