//! What can go wrong, in one type.

use cogloop_io::LimitReached;
use std::fmt;
use std::io;

/// Why a loop could not do what it was asked for. Each says what to do about it.
///
/// ```
/// use cogloop::{Error, Loop};
/// use std::{io, time::Duration};
///
/// let events = Loop::<()>::new()?;
/// let error = events.every(Duration::ZERO, |_, _| ()).unwrap_err();
/// assert!(matches!(error, Error::ZeroPeriod));
/// assert_eq!(error.to_string(), "a period must be longer than zero; for something to do in every turn use `idle`");
/// let error: io::Error = error.into(); // for functions that return `io::Result`
/// assert_eq!(error.kind(), io::ErrorKind::Other);
/// # Ok::<(), cogloop::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The loop could not be made: no backend of that name, or none that works here.
    Backend(Box<dyn std::error::Error + Send + Sync>),
    /// A limit that the host has set in [`Options`](crate::Options) is reached.
    Limit {
        /// What there are too many of: `"timers"`, `"sources"`, `"tasks"` or `"posts"`.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The period of an interval is zero.
    ZeroPeriod,
    /// The [`Loop`](crate::Loop) has been dropped.
    Closed,
    /// The source has been removed, or another one has taken its descriptor.
    Removed,
    /// [`stop`](crate::Handle::stop) came before the future of [`block_on`](crate::Loop::block_on) was ready.
    Stopped,
    /// The time of [`timeout`](crate::Handle::timeout) was over before the future was ready.
    Elapsed,
    /// The task was dropped before it was done: by [`clear`](crate::Handle::clear), or because it panicked.
    Cancelled,
    /// The system refused something.
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A callback returned an error. What it belonged to, a timer or a source, is gone; everything else is still there.
    Callback(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }

    /// A limit of the loop below.
    pub(crate) fn limit(reached: LimitReached) -> Self {
        let what = if reached.what == "descriptors" { "sources" } else { reached.what };
        Self::Limit { what, limit: reached.limit }
    }

    /// A callback's error; one of ours that it has passed on stays what it is.
    pub(crate) fn of_callback(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        error.downcast().map_or_else(Self::Callback, |ours| *ours)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(error) => write!(f, "making a loop: {error}"),
            Self::Limit { what, limit } => {
                write!(
                    f,
                    "this loop may have {limit} {what} and no more; raise `Options::max_{what}`, or end some first"
                )
            }
            Self::ZeroPeriod => {
                f.write_str("a period must be longer than zero; for something to do in every turn use `idle`")
            }
            Self::Closed => f.write_str("the loop has been dropped; keep it as long as its handles are used"),
            Self::Removed => f.write_str("the source has been removed, or another one has taken its descriptor"),
            Self::Stopped => f.write_str("the loop was stopped before the future was ready; `block_on` it again"),
            Self::Elapsed => f.write_str("the time was over before the future was ready"),
            Self::Cancelled => {
                f.write_str("the task was dropped before it was done: the loop was cleared, or it panicked")
            }
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Callback(error) => write!(f, "a callback failed: {error}"),
        }
    }
}

/// For functions that return [`io::Result`]: what the system said stays what it is.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io { source, .. } => source,
            Error::Elapsed => Self::new(io::ErrorKind::TimedOut, error),
            other => Self::other(other),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Backend(error) | Self::Callback(error) => Some(&**error),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
