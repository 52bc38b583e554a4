//! The plan of an interval: the period, the first delay, the policy for missed deadlines, and slack.

use crate::options::nanoseconds;
use crate::{Error, Missed};
use std::num::NonZeroU64;
use std::time::Duration;

/// The plan of an interval: its period, first delay, policy for missed deadlines, and slack. A [`Duration`] is a plan,
/// too.
///
/// ```
/// use cogloop::{Interval, Loop, Missed};
/// use std::time::Duration;
///
/// let mut events = Loop::simulated()?;
/// let start = events.now();
/// let second = Duration::from_secs(1);
/// events.every(Interval::new(second).first(Duration::ZERO).missed(Missed::Burst), move |log: &mut Vec<_>, firing| {
///     log.push((firing.deadline() - start).as_secs());
///     if log.len() == 3 { firing.stop() }
/// })?;
/// let mut log = Vec::new();
/// events.run(&mut log)?;
/// assert_eq!(log, [0, 1, 2]);
/// # Ok::<(), cogloop::Error>(())
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
#[must_use]
#[doc(alias = "MissedTickBehavior")]
pub struct Interval {
    pub(crate) period: Duration,
    pub(crate) first: Option<Duration>,
    pub(crate) missed: Missed,
    pub(crate) slack: Option<Duration>,
}

impl Interval {
    /// An interval with this period. The first deadline is one period from now. Missed deadlines are skipped and
    /// counted.
    pub fn new(period: Duration) -> Self {
        Self { period, first: None, missed: Missed::Skip, slack: None }
    }

    /// Sets the delay to the first deadline, instead of one period.
    pub fn first(mut self, delay: Duration) -> Self {
        self.first = Some(delay);
        self
    }

    /// Sets the policy for deadlines that passed while the loop was busy.
    pub fn missed(mut self, policy: Missed) -> Self {
        self.missed = policy;
        self
    }

    /// Sets how late a deadline may be served, so that several timers share a wake-up. With every policy, a deadline
    /// that is served within its slack is on time. The schedule does not drift. Without this call the interval has the
    /// slack of the loop, [`Options::slack`](crate::Options::slack). [`Duration::ZERO`] means no slack.
    pub fn slack(mut self, slack: Duration) -> Self {
        self.slack = Some(slack);
        self
    }

    /// Returns the interval's slack in nanoseconds, or `of_loop`, the loop's slack, if the interval sets none.
    pub(crate) fn slack_ns(&self, of_loop: u64) -> u64 {
        self.slack.map_or(of_loop, nanoseconds)
    }

    pub(crate) fn period_ns(&self) -> Result<NonZeroU64, Error> {
        NonZeroU64::new(nanoseconds(self.period)).ok_or(Error::ZeroPeriod)
    }
}

impl From<Duration> for Interval {
    fn from(period: Duration) -> Self {
        Self::new(period)
    }
}
