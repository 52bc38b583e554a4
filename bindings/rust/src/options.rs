//! The options of a loop: backend, resolution, clock, limits.

use crate::Error;
use cogloop_io::Recording;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// The options for [`Loop::with_options`](crate::Loop::with_options).
///
/// The limits protect a host, which is a program that runs other people's code, against faults of that code. A call
/// that would exceed a limit returns [`Error::Limit`] and changes nothing. By default there are no limits.
///
/// ```
/// use cogloop::{Error, Loop, Options};
/// use std::time::Duration;
///
/// let options = Options::new().backend("select").resolution(Duration::from_millis(1)).max_timers(1);
/// let events = Loop::<()>::with_options(options)?;
/// assert_eq!(events.backend().name, "select");
///
/// events.after(Duration::from_secs(1), |_, _| ())?;
/// let refused = events.after(Duration::from_secs(2), |_, _| ());
/// assert!(matches!(refused, Err(Error::Limit { what: "timers", limit: 1 })));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    backend: Option<String>,
    resolution: Duration,
    slack: Duration,
    pub(crate) is_simulated: bool,
    pub(crate) limits: Limits,
    recording: Option<Recording>,
}

/// The backend of a loop, from [`backend`](crate::Handle::backend).
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub struct BackendReport {
    /// One of the names that [`Options::backend`] takes, or `replay`.
    pub name: &'static str,
    /// The reason why the backend was chosen, as text for people.
    pub reason: String,
}

#[derive(Copy, Clone, Debug)]
pub(crate) struct Limits {
    /// The limits of timers and sources, and of how many of each a turn serves.
    pub(crate) io: cogloop_io::Limits,
    pub(crate) tasks: usize,
    pub(crate) posts: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Returns the default options: the best backend that works here, a resolution of a microsecond, the system's
    /// monotonic clock, no limits.
    pub fn new() -> Self {
        let limits = Limits { io: cogloop_io::Limits::default(), tasks: usize::MAX, posts: usize::MAX };
        let resolution = Duration::from_nanos(cogloop_io::DEFAULT_RESOLUTION_NS);
        Self { backend: None, resolution, slack: Duration::ZERO, is_simulated: false, limits, recording: None }
    }

    /// Sets the backend: `epoll`, `uring`, `select` or `portable`. If the system refuses it, the best backend that
    /// works is taken, and [`backend`](crate::Handle::backend) gives the reason. By default the environment variable
    /// `COGLOOP_BACKEND` may name a backend.
    pub fn backend(mut self, name: &str) -> Self {
        self.backend = Some(name.to_owned());
        self
    }

    /// Sets the length of a tick, at least a nanosecond. Deadlines are rounded up to ticks. Timers in the same tick
    /// fire in the order in which they were made.
    pub fn resolution(mut self, tick: Duration) -> Self {
        self.resolution = tick;
        self
    }

    /// Sets the slack of timers: how late they may fire, so that several timers share a wake-up. The slack applies to
    /// timeouts, sleeps, and intervals without a [`slack`](crate::Interval::slack) of their own. No timer fires early.
    /// The slack does not change the deadlines and the lateness that are reported. By default timers have no slack. A
    /// slack of 1 ms saves about as many wake-ups as a resolution of 1 ms.
    ///
    /// ```
    /// use cogloop::{Loop, Options};
    /// use std::time::Duration;
    ///
    /// let ms = Duration::from_millis;
    /// let mut events = Loop::with_options(Options::new().slack(ms(10)).simulated())?;
    /// let start = events.now();
    /// for delay in [ms(36), ms(38), ms(40)] {
    ///     events.after(delay, move |at: &mut Vec<_>, firing| at.push(firing.deadline() + firing.late() - start))?;
    /// }
    /// let mut at = Vec::new();
    /// events.run(&mut at)?;
    /// assert!(at[0] == at[2] && at[0] <= ms(46)); // one wake-up
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn slack(mut self, slack: Duration) -> Self {
        self.slack = slack;
        self
    }

    /// Sets virtual time; see [`Loop::simulated`](crate::Loop::simulated).
    pub fn simulated(mut self) -> Self {
        self.is_simulated = true;
        self
    }

    /// Records the run in a file: everything that comes from outside, and the program's calls for timers and
    /// descriptors. A file of that name is replaced. See `docs/replay.md`. Of this option and [`replay`](Self::replay),
    /// the last one that is set counts.
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.recording = Some(Recording::Record(path.into()));
        self
    }

    /// Plays a recording. The times, the order of ready descriptors and the order of timers are those of the recorded
    /// run. If the program's calls differ from those of the recorded run, the function that runs the loop returns an
    /// error that names the place. The recording does not contain the posts and messages of other threads, or the bytes
    /// that are read. Compute delays from the loop's time: the standard library's clock is not replayed.
    ///
    /// ```
    /// use cogloop::{Loop, Options};
    /// use std::time::Duration;
    ///
    /// let path = std::env::temp_dir().join(format!("cogloop-options-{}.rec", std::process::id()));
    /// let mut times = Vec::new();
    /// for options in [Options::new().record(&path), Options::new().replay(&path)] {
    ///     let mut events = Loop::with_options(options)?;
    ///     events.after(Duration::from_millis(1), |late: &mut Duration, timer| *late = timer.late())?;
    ///     let mut late = Duration::ZERO;
    ///     events.run(&mut late)?;
    ///     times.push(late);
    /// }
    /// assert_eq!(times[0], times[1]);
    ///
    /// let mut changed = Loop::<()>::with_options(Options::new().replay(&path))?;
    /// changed.after(Duration::from_millis(2), |_, _| ())?;
    /// let message = changed.run(&mut ()).unwrap_err().to_string();
    /// assert!(message.contains("for 1 ms from now; the program has a timer armed for 2 ms"), "{message}");
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replay(mut self, path: impl Into<PathBuf>) -> Self {
        self.recording = Some(Recording::Replay(path.into()));
        self
    }

    /// Limits the number of timers at a time. Timers of sleeping tasks count.
    pub fn max_timers(mut self, limit: usize) -> Self {
        self.limits.io.timers = limit;
        self
    }

    /// Limits the number of observed descriptors at a time: sources, signals, children, and the descriptors that tasks
    /// watch.
    pub fn max_sources(mut self, limit: usize) -> Self {
        self.limits.io.descriptors = limit;
        self
    }

    /// Limits the number of tasks at a time.
    pub fn max_tasks(mut self, limit: usize) -> Self {
        self.limits.tasks = limit;
        self
    }

    /// Limits the number of waiting posts, and of waiting messages in each channel.
    pub fn max_posts(mut self, limit: usize) -> Self {
        self.limits.posts = limit;
        self
    }

    /// Limits how many callbacks of each kind (posts, timers, sources, tasks) a turn serves. The limit is at least one.
    /// The next turn serves the rest. So callbacks of one kind, however many there are, delay the other kinds by at
    /// most this number of callbacks.
    pub fn max_callbacks_per_turn(mut self, limit: usize) -> Self {
        self.limits.io.served_in_turn = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
        self
    }

    pub(crate) fn for_io(&self, clock: cogloop_io::ClockChoice) -> cogloop_io::Options {
        let (resolution_ns, slack_ns) = (nanoseconds(self.resolution), nanoseconds(self.slack));
        let (backend, recording) = (self.backend.clone(), self.recording.clone());
        cogloop_io::Options { backend, resolution_ns, slack_ns, clock, limits: self.limits.io, recording }
    }
}

/// Checks that the limit allows one more object.
pub(crate) fn check(what: &'static str, present: usize, limit: usize) -> Result<(), Error> {
    if present < limit { Ok(()) } else { Err(Error::Limit { what, limit }) }
}

/// The duration in nanoseconds. A duration that is too long for a `u64` counts as 584 years.
#[inline]
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    let of_seconds = duration.as_secs().checked_mul(1_000_000_000);
    of_seconds.and_then(|ns| ns.checked_add(u64::from(duration.subsec_nanos()))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the standard library, which computes in 128 bits. The cases lie on both sides of each overflow of
    /// `u64`.
    #[test]
    fn every_duration_has_its_nanoseconds_or_the_end_of_time() {
        let edges = [0, u64::MAX / 1_000_000_000, u64::MAX / 2, u64::MAX];
        let seconds = edges.into_iter().flat_map(|edge| edge.saturating_sub(2)..=edge.saturating_add(2));
        for seconds in seconds {
            for nanos in [0, 1, 709_551_614, 709_551_615, 709_551_616, 999_999_999] {
                let duration = Duration::new(seconds, nanos);
                let wanted = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
                assert_eq!(nanoseconds(duration), wanted, "{duration:?}");
            }
        }
    }
}
