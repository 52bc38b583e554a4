//! When a timer fires: what its owner asks for, and what the wheel makes of it.

use core::num::NonZeroU64;

use crate::repeat::{Arithmetic, Missed, Next};
use crate::ticks::Resolution;

/// When a timer fires. All times are in the scheduler's unit.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// The first deadline.
    pub deadline: u64,
    /// From one deadline to the next; `None` fires once.
    pub period: Option<NonZeroU64>,
    /// What to do about deadlines that nobody served in time.
    pub missed: Missed,
    /// By how much it may fire late, so that neighbours can share a wake-up.
    pub slack: u64,
}

impl Plan {
    /// Once, at this time.
    #[must_use]
    pub fn once(deadline: u64) -> Self {
        Self { deadline, ..Self::default() }
    }

    /// At `first` and every `period` from then on; late deadlines as `missed` says.
    #[must_use]
    pub fn every(first: u64, period: NonZeroU64, missed: Missed) -> Self {
        Self { deadline: first, period: Some(period), missed, slack: 0 }
    }

    /// The same, up to so much late.
    #[must_use]
    pub fn with_slack(self, slack: u64) -> Self {
        Self { slack, ..self }
    }

    /// The tick at which a timer of this plan expires.
    pub(crate) fn tick(&self, resolution: Resolution) -> u64 {
        let deadline = if self.slack == 0 { self.deadline } else { u64::coalesce(self.deadline, self.slack) };
        resolution.deadline_tick(deadline)
    }

    /// The deadline that a timer of this plan is told of, which expires at this tick: without slack, when that begins.
    #[inline]
    pub(crate) fn told(&self, resolution: Resolution, tick: u64) -> u64 {
        if self.slack == 0 { resolution.start(tick) } else { resolution.told(self.deadline) }
    }

    /// What follows the deadline of a timer of this plan, which is told `told` and served at `now`; `None` if it fires once.
    ///
    /// Whether it is late, and which deadlines have passed as well, goes by what timers are told: by rounded deadlines.
    #[inline]
    pub(crate) fn next(&self, resolution: Resolution, told: u64, now: u64) -> Option<Next> {
        let period = self.period?;
        // Of several deadlines in one tick all but the first are late, if there is no slack.
        let is_short = self.slack == 0 && period < resolution.0;
        let latest = match self.slack {
            0 => told,
            slack => resolution.told(self.deadline.saturating_add(slack)),
        };
        if !is_short && now <= latest {
            return Some(Next { deadline: self.deadline.saturating_add(period.get()), missed: 0 });
        }
        // Of a tick that has begun only the start is over.
        let now = if self.missed == Missed::Skip { resolution.start(resolution.tick(now)) } else { now };
        Some(self.missed.next(self.deadline, period, now))
    }

    pub(crate) fn needs_extra(&self) -> bool {
        self.period.is_some() || self.slack > 0
    }
}
