//! A host's limits for a loop: how many timers and descriptors it may hold, and how many of each it serves in a turn.
//!
//! A host that runs an untrusted program, such as a script, sets limits. The program then gets an error before the
//! process runs out of memory or descriptors. With a limit for a turn, each turn also returns soon. By default there is
//! one limit. It applies only while the loop holds both timers and descriptors: each of the two kinds may take only a
//! share of a turn.

use crate::memory;
use cogloop_engine::NoRoom;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;

/// The most timers that any loop holds; the wheel's own limit.
pub(super) const TIMERS_MAX: usize = 1 << 30;

/// How much a loop may hold, and how much it serves in a turn. By default only the share of a turn
/// that each kind may take is limited, and only while the loop holds both timers and descriptors.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Limits {
    /// The most timers at a time. A timer counts while it is armed, while it is due but not pulled yet, and while it is
    /// paused or stopped. Never more than 2³⁰, the wheel's own limit.
    pub timers: usize,
    /// The most observed descriptors at a time.
    pub descriptors: usize,
    /// The most timers that a turn gives out, and the most descriptors. The number holds for each kind, so that neither
    /// kind waits for the other. The remaining timers stay due and the remaining descriptors stay ready; the next turns
    /// serve them in order. There is another limit that cannot be changed. While the loop holds descriptors, a turn
    /// stops giving out timers after 10 ms or after 10,000 timers, whichever comes first. While it holds timers, the
    /// same limit applies to descriptors.
    ///
    /// The clock is read at least after every 16th callback, and after each one while callbacks are slow. So a turn may
    /// exceed the 10 ms by the time of up to 16 callbacks. For example, if the callbacks were quick and then suddenly
    /// take 5 ms each, that is 80 ms.
    pub served_in_turn: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timers: TIMERS_MAX, descriptors: usize::MAX, served_in_turn: NonZeroUsize::MAX }
    }
}

/// A timer or descriptor was refused because the host's limit is reached.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct LimitReached {
    /// Which limit: `"timers"` or `"descriptors"`.
    pub what: &'static str,
    /// The limit.
    pub limit: usize,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many {}: the limit of this loop is {}", self.what, self.limit)
    }
}

impl std::error::Error for LimitReached {}

impl From<LimitReached> for io::Error {
    /// The kind is `QuotaExceeded`.
    fn from(reached: LimitReached) -> Self {
        let kind = io::ErrorKind::QuotaExceeded;
        match memory::expect_bytes(memory::FOR_A_MESSAGE) {
            Ok(()) => Self::new(kind, reached),
            Err(_) => kind.into(),
        }
    }
}

/// Why a timer was not added, or not paused. Nothing has changed.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum AddError {
    /// The host's limit is reached.
    Limit(LimitReached),
    /// There is no memory for the timer.
    Memory,
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(reached) => reached.fmt(f),
            Self::Memory => f.write_str("not enough memory for the timer"),
        }
    }
}

impl std::error::Error for AddError {}

impl From<LimitReached> for AddError {
    fn from(reached: LimitReached) -> Self {
        Self::Limit(reached)
    }
}

impl From<NoRoom> for AddError {
    fn from(refused: NoRoom) -> Self {
        match refused {
            NoRoom::Full => Self::Limit(LimitReached { what: "timers", limit: TIMERS_MAX }),
            NoRoom::Memory => Self::Memory,
        }
    }
}

impl From<AddError> for io::Error {
    /// The kind is `QuotaExceeded` or `OutOfMemory`.
    fn from(refused: AddError) -> Self {
        match refused {
            AddError::Limit(reached) => reached.into(),
            AddError::Memory => io::ErrorKind::OutOfMemory.into(),
        }
    }
}
