//! The errors of the crate, in one type.

use crate::memory;
use cogloop_io::{AddError, LimitReached};
use std::collections::TryReserveError;
use std::fmt;
use std::io;

/// The reason why a call failed. The messages say what to do.
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
/// assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
/// assert!(matches!(error.get_ref().and_then(|inner| inner.downcast_ref()), Some(Error::ZeroPeriod)));
/// # Ok::<(), cogloop::Error>(())
/// ```
///
/// Each error converts to an [`io::Error`] that contains it and has this kind:
///
/// | error | kind |
/// |---|---|
/// | `Io` | becomes the system's error itself |
/// | `Backend` | the kind of the system's error, or `Unsupported` |
/// | `Limit` | `QuotaExceeded` |
/// | `Memory` | `OutOfMemory`, without the error inside |
/// | `ZeroPeriod` | `InvalidInput` |
/// | `Closed` | `BrokenPipe` |
/// | `Removed` | `NotFound` |
/// | `Stopped`, `Cancelled` | `ConnectionAborted` |
/// | `Elapsed` | `TimedOut` |
/// | `Callback` | the kind of the callback's error if that is an [`io::Error`], or `Other` |
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The loop could not be made: there is no backend of that name, or no backend works here; the resolution is zero;
    /// or the file of a recording cannot be used.
    Backend(Box<dyn std::error::Error + Send + Sync>),
    /// A limit of the loop's [`Options`](crate::Options), or the capacity of a channel, is reached.
    Limit {
        /// The name of the limit: `"timers"`, `"sources"`, `"tasks"`, `"posts"`, or `"messages"` for a channel with a
        /// capacity of its own.
        what: &'static str,
        /// The value of the limit.
        limit: usize,
    },
    /// There is not enough memory; nothing has changed.
    Memory,
    /// The period of an interval is zero.
    ZeroPeriod,
    /// The [`Loop`](crate::Loop) has been dropped, or the channel has ended.
    Closed,
    /// The source was cancelled, or another one has taken its descriptor.
    Removed,
    /// [`stop`](crate::Handle::stop) was called before the future of [`block_on`](crate::Loop::block_on) was ready.
    Stopped,
    /// The time of [`timeout`](crate::Handle::timeout) was over before the future was ready.
    Elapsed,
    /// The task was dropped before it was done: by [`clear`](crate::Handle::clear), or because the task panicked.
    Cancelled,
    /// The system refused something.
    Io {
        /// The action that failed.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A callback returned an error that is not an [`Error`]. Its timer, source, channel or idle callback has ended;
    /// everything else is unchanged.
    Callback(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::OutOfMemory => Self::Memory,
            _ => Self::Io { doing, source },
        }
    }

    /// Converts the error of making the loop of `cogloop-io`.
    pub(crate) fn backend(error: cogloop_io::Error) -> Self {
        match error {
            cogloop_io::Error::Io { source, .. } if source.kind() == io::ErrorKind::OutOfMemory => Self::Memory,
            error => memory::expect_small_things::<cogloop_io::Error>()
                .map_or(Self::Memory, |()| Self::Backend(error.into())),
        }
    }

    /// Converts the error of arming a timer.
    pub(crate) fn refused(refused: AddError) -> Self {
        match refused {
            AddError::Limit(reached) => Self::limit(reached),
            _ => Self::Memory,
        }
    }

    /// Converts a limit of `cogloop-io`.
    pub(crate) fn limit(reached: LimitReached) -> Self {
        let what = if reached.what == "descriptors" { "sources" } else { reached.what };
        Self::Limit { what, limit: reached.limit }
    }

    /// Wraps the error that a callback returned. An error of this crate is not wrapped again. If there is no memory for
    /// the box, the result is [`Error::Memory`].
    pub(crate) fn of_callback<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> Self {
        match memory::expect_small_things::<E>() {
            Ok(()) => error.into().downcast().map_or_else(Self::Callback, |ours| *ours),
            Err(_) => Self::Memory,
        }
    }
}

impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Self {
        Self::Memory
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(error) => write!(f, "making a loop: {error}"),
            Self::Limit { what: "messages", limit } => {
                write!(f, "this channel holds {limit} messages and no more; wait for room with `send`")
            }
            Self::Limit { what, limit } => {
                write!(
                    f,
                    "this loop may have {limit} {what} and no more; raise `Options::max_{what}`, or end some first"
                )
            }
            Self::Memory => f.write_str("there is not enough memory"),
            Self::ZeroPeriod => {
                f.write_str("a period must be longer than zero; for something to do in every turn use `idle`")
            }
            Self::Closed => {
                f.write_str("the loop has been dropped, or the channel has ended; keep both as long as they are used")
            }
            Self::Removed => f.write_str("the source was cancelled, or another one has taken its descriptor"),
            Self::Stopped => f.write_str("the loop was stopped before the future was ready; `block_on` it again"),
            Self::Elapsed => f.write_str("the time was over before the future was ready"),
            Self::Cancelled => {
                f.write_str("the task was dropped before it was done: the loop was cleared, or the task panicked")
            }
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Callback(error) => write!(f, "a callback failed: {error}"),
        }
    }
}

/// This conversion is for functions that return [`io::Result`]. An error of the system is not changed.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Io { source, .. } => return source,
            Error::Backend(ref inner) => kind_of(&**inner).unwrap_or(io::ErrorKind::Unsupported),
            // This kind needs no box: there may be no memory for one.
            Error::Memory => return io::ErrorKind::OutOfMemory.into(),
            Error::Limit { .. } => io::ErrorKind::QuotaExceeded,
            Error::ZeroPeriod => io::ErrorKind::InvalidInput,
            Error::Closed => io::ErrorKind::BrokenPipe,
            Error::Removed => io::ErrorKind::NotFound,
            // The kind is not `Interrupted`: many functions of the standard library try again after `Interrupted`, and
            // would do so for ever.
            Error::Stopped | Error::Cancelled => io::ErrorKind::ConnectionAborted,
            Error::Elapsed => io::ErrorKind::TimedOut,
            Error::Callback(ref inner) => kind_of(&**inner).unwrap_or(io::ErrorKind::Other),
        };
        if memory::expect_small_things::<Error>().is_err() { kind.into() } else { Self::new(kind, error) }
    }
}

/// The kind of the first system error among the causes.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression test: all errors but `Elapsed` had the kind `Other`.
    #[test]
    fn every_error_has_a_kind_that_a_program_can_match() {
        use io::ErrorKind::*;
        let refused = || io::Error::from(PermissionDenied);
        let table = [
            (Error::Backend("no such backend".into()), Unsupported),
            (
                Error::Backend(Box::new(cogloop_io::Error::Io { doing: "making a ring", source: refused() })),
                PermissionDenied,
            ),
            (Error::Limit { what: "timers", limit: 1 }, QuotaExceeded),
            (Error::ZeroPeriod, InvalidInput),
            (Error::Closed, BrokenPipe),
            (Error::Removed, NotFound),
            (Error::Stopped, ConnectionAborted),
            (Error::Cancelled, ConnectionAborted),
            (Error::Elapsed, TimedOut),
            (Error::Callback("what it said".into()), Other),
            (Error::Callback(Box::new(refused())), PermissionDenied),
        ];
        for (error, kind) in table {
            let words = error.to_string();
            let converted = io::Error::from(error);
            assert_eq!((converted.kind(), converted.to_string()), (kind, words));
            assert!(converted.get_ref().is_some_and(|inner| inner.is::<Error>()), "the error itself is inside");
        }
        assert_eq!(io::Error::from(Error::Memory).kind(), OutOfMemory);
        let system = io::Error::from(Error::Io { doing: "waiting", source: io::Error::from_raw_os_error(9) });
        assert_eq!(system.raw_os_error(), Some(9), "an error of the system is not changed");
    }
}
