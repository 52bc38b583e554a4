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
    /// How late the timer may fire. Slack lets timers with near deadlines share a wake-up.
    pub slack: u64,
}

impl Plan {
    /// The plan of a timer that fires once, at `deadline`.
    #[must_use]
    pub fn once(deadline: u64) -> Self {
        Self { deadline, ..Self::default() }
    }

    /// The plan of a timer that fires at `first` and then every `period`. `missed` is the policy for late deadlines.
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

    /// The deadline that is reported when a timer of this plan expires at `tick`. Without slack it is the start of the
    /// tick. With slack it is the plan's own deadline, rounded up.
    #[inline]
    pub(crate) fn reported(&self, resolution: Resolution, tick: u64) -> u64 {
        if self.slack == 0 { resolution.start(tick) } else { resolution.round_up(self.deadline) }
    }

    /// The deadline that follows `reported`, which was served at `now`; `None` if the plan fires once.
    ///
    /// The rounded deadlines decide whether the timer is late and which deadlines it has missed.
    #[inline]
    pub(crate) fn next(&self, resolution: Resolution, reported: u64, now: u64) -> Option<Next> {
        let period = self.period?;
        // Without slack, a period shorter than a tick puts several deadlines into one tick. All but the first of them
        // are served late.
        let is_short = self.slack == 0 && period < resolution.0;
        let latest = match self.slack {
            0 => reported,
            slack => resolution.round_up(self.deadline.saturating_add(slack)),
        };
        if !is_short && now <= latest {
            return Some(Next { deadline: self.deadline.saturating_add(period.get()), missed: 0 });
        }
        // A deadline after the start of the current tick has not passed yet: it is rounded up to the end of the tick.
        let now = if self.missed == Missed::Skip { resolution.start(resolution.tick(now)) } else { now };
        Some(self.missed.next(self.deadline, period, now))
    }

    pub(crate) fn needs_extra(&self) -> bool {
        self.period.is_some() || self.slack > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule for deadlines in `docs/wheel.md`, in a type that is wide enough for every sum, with loops instead of
    /// formulas.
    struct Rule {
        tick: u128,
        deadline: u128,
        period: u128,
        slack: u128,
    }

    impl Rule {
        fn up(&self, time: u128) -> u128 {
            time.div_ceil(self.tick) * self.tick
        }

        /// The time at which the timer fires. It is the time within the slack that is divisible by the highest power of
        /// two, rounded up to a tick. This is the rule for a slack below ten. The test has no other slack.
        fn fires(&self) -> u128 {
            assert!(self.slack < 10, "from ten on only multiples of ten count");
            let latest = (self.deadline + self.slack).min(u64::MAX.into());
            let roundest = |time: &u128| (if *time == 0 { 128 } else { time.trailing_zeros() }, u128::MAX - time);
            self.up((self.deadline..=latest).max_by_key(roundest).unwrap())
        }

        fn next(&self, missed: Missed, now: u128) -> (u128, u128) {
            let on_schedule = self.deadline + self.period;
            let is_short = self.slack == 0 && self.period < self.tick;
            if !is_short && now <= self.up((self.deadline + self.slack).min(u64::MAX.into())) {
                return (on_schedule, 0);
            }
            match missed {
                Missed::Burst => (on_schedule, 0),
                Missed::Delay => (on_schedule.max(now + self.period), 0),
                Missed::Skip => {
                    let (mut next, mut passed) = (on_schedule, 0);
                    while self.up(next) <= now {
                        (next, passed) = (next + self.period, passed + 1);
                    }
                    (next, passed)
                }
            }
        }
    }

    fn cut(wide: u128) -> u64 {
        wide.try_into().unwrap_or(u64::MAX)
    }

    /// Tries every small plan with every short length of a tick, at both ends of time. Each plan is served on time, and
    /// with every delay from 1 to 23 units; 23 is more than twice the longest period.
    #[test]
    fn every_small_plan_keeps_the_rule_of_deadlines_at_both_ends_of_time() {
        let (most, step) = if cfg!(miri) { (4, 5) } else { (24, 1) };
        for base in [0, u64::MAX - 20] {
            for (tick, slack) in
                (1..8).step_by(step).flat_map(|tick| (0..9).step_by(step).map(move |slack| (tick, slack)))
            {
                let resolution = Resolution(NonZeroU64::new(tick).unwrap());
                for (offset, period) in
                    (0..20).step_by(step).flat_map(|offset| (1..9).step_by(step).map(move |period| (offset, period)))
                {
                    let deadline = base + offset;
                    let rule = Rule {
                        tick: tick.into(),
                        deadline: deadline.into(),
                        period: period.into(),
                        slack: slack.into(),
                    };
                    for missed in [Missed::Burst, Missed::Skip, Missed::Delay] {
                        let plan = Plan::every(deadline, NonZeroU64::new(period).unwrap(), missed).with_slack(slack);
                        let fires = plan.tick(resolution);
                        assert_eq!(resolution.start(fires), cut(rule.fires()), "{plan:?} at {tick}");
                        let reported = plan.reported(resolution, fires);
                        assert_eq!(reported, cut(rule.up(deadline.into())), "{plan:?} at {tick}");
                        // No clock reaches `u64::MAX`.
                        for now in (0..most).filter_map(|late| resolution.start(fires).checked_add(late)) {
                            if now == u64::MAX {
                                continue;
                            }
                            let next = plan.next(resolution, reported, now).unwrap();
                            let (wanted, passed) = rule.next(missed, now.into());
                            assert_eq!(
                                (next.deadline, u128::from(next.missed)),
                                (cut(wanted), passed),
                                "{plan:?}, {now}"
                            );
                        }
                    }
                }
            }
        }
    }
}
