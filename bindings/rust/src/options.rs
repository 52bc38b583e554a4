//! What can be chosen when a loop is made: backend, resolution, clock, limits.

use crate::Error;
use std::num::NonZeroUsize;
use std::time::Duration;

/// What can be chosen when a loop is made; see [`Loop::with_options`](crate::Loop::with_options).
///
/// The limits guard a host against a runaway. A call that would exceed one returns [`Error::Limit`] and changes nothing. By
/// default there are none.
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
    pub(crate) is_simulated: bool,
    pub(crate) limits: Limits,
}

/// Which backend a loop has: [`backend`](crate::Handle::backend).
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub struct BackendReport {
    /// One of the names that [`Options::backend`] takes.
    pub name: &'static str,
    /// Why it is this one, in words for a person.
    pub reason: String,
}

/// How many there may be of each.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Limits {
    /// Timers, sources, and how many of each are served in a turn.
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
    /// The best backend that works here, a resolution of a microsecond, the system's monotonic clock, no limits.
    pub fn new() -> Self {
        let limits = Limits { io: cogloop_io::Limits::default(), tasks: usize::MAX, posts: usize::MAX };
        let resolution = Duration::from_nanos(cogloop_io::DEFAULT_RESOLUTION_NS);
        Self { backend: None, resolution, is_simulated: false, limits }
    }

    /// Asks for a backend by its name: `epoll`, `uring`, `select`, `portable`. One that the system refuses gives way to the
    /// best that works, and [`backend`](crate::Handle::backend) says so. By default the environment variable
    /// `COGLOOP_BACKEND` may name one.
    pub fn backend(mut self, name: &str) -> Self {
        self.backend = Some(name.to_owned());
        self
    }

    /// The length of a tick: deadlines are rounded up to it, and timers in one tick fire in the order in which they were
    /// made. At least a nanosecond.
    pub fn resolution(mut self, tick: Duration) -> Self {
        self.resolution = tick;
        self
    }

    /// Virtual time; see [`Loop::simulated`](crate::Loop::simulated).
    pub fn simulated(mut self) -> Self {
        self.is_simulated = true;
        self
    }

    /// At most so many timers at a time, those of sleeping tasks among them.
    pub fn max_timers(mut self, limit: usize) -> Self {
        self.limits.io.timers = limit;
        self
    }

    /// At most so many descriptors observed at a time: sources, signals, children, and what tasks watch.
    pub fn max_sources(mut self, limit: usize) -> Self {
        self.limits.io.descriptors = limit;
        self
    }

    /// At most so many tasks at a time.
    pub fn max_tasks(mut self, limit: usize) -> Self {
        self.limits.tasks = limit;
        self
    }

    /// At most so many posts waiting to be run, and as many messages waiting in each channel.
    pub fn max_posts(mut self, limit: usize) -> Self {
        self.limits.posts = limit;
        self
    }

    /// At most so many callbacks of a kind – posts, timers, sources, tasks – in one turn, at least one; the others have
    /// their turn next. What one kind has to do then holds the others up for no longer than that.
    pub fn max_callbacks_per_turn(mut self, limit: usize) -> Self {
        self.limits.io.served_in_turn = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
        self
    }

    pub(crate) fn for_io(&self, clock: cogloop_io::ClockChoice) -> cogloop_io::Options {
        let resolution_ns = nanoseconds(self.resolution);
        cogloop_io::Options { backend: self.backend.clone(), resolution_ns, clock, limits: self.limits.io }
    }
}

/// Checks that one more is allowed.
pub(crate) fn check(what: &'static str, present: usize, limit: usize) -> Result<(), Error> {
    if present < limit { Ok(()) } else { Err(Error::Limit { what, limit }) }
}

/// The duration in nanoseconds; anything above 584 years is 584 years.
#[inline]
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    let of_seconds = duration.as_secs().checked_mul(1_000_000_000);
    of_seconds.and_then(|ns| ns.checked_add(u64::from(duration.subsec_nanos()))).unwrap_or(u64::MAX)
}
