//! What a host allows a loop: how many timers and descriptors it may hold, and how many of each it serves in a turn.
//!
//! A host that runs somebody else's program, such as a script, sets limits. The program then gets an error where the process
//! would have run out of memory or descriptors, and a turn returns soon. By default only a turn's share is limited, of each kind while
//! the other waits.

use crate::memory;
use cogloop_engine::NoRoom;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;

/// The most timers that any loop holds: as many as the wheel does.
pub(super) const TIMERS_MAX: usize = 1 << 30;

/// How much a loop may hold, and serve in a turn. The default limits only what one kind may take of a turn while the other
/// waits.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Limits {
    /// Timers at a time: armed, due and not pulled yet, and paused. Never more than 2³⁰, the wheel's own limit.
    pub timers: usize,
    /// Observed descriptors at a time.
    pub descriptors: usize,
    /// Timers that a turn gives out at the most, and descriptors that it does: this many of each, so that neither waits
    /// for the other. Timers that are left stay due, descriptors stay ready, and their turn comes in the next ones, in
    /// order. Whatever this says, a loop with descriptors gives out timers for 10 ms or 10,000 of them in a turn, and one
    /// with timers as many descriptors.
    ///
    /// The clock is read after every 16th callback at the least, and after each while they are slow. So a turn may last
    /// longer than 10 ms by up to 16 callbacks: if each suddenly takes 5 ms after quick ones, by 80 ms.
    pub served_in_turn: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timers: TIMERS_MAX, descriptors: usize::MAX, served_in_turn: NonZeroUsize::MAX }
    }
}

/// Something was refused because the loop's host allows no more of it.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct LimitReached {
    /// Of what: `"timers"` or `"descriptors"`.
    pub what: &'static str,
    /// How many are allowed.
    pub limit: usize,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many {}: the limit of this loop is {}", self.what, self.limit)
    }
}

impl std::error::Error for LimitReached {}

impl From<LimitReached> for io::Error {
    /// Of the kind `QuotaExceeded`.
    fn from(reached: LimitReached) -> Self {
        let kind = io::ErrorKind::QuotaExceeded;
        match memory::expect_bytes(memory::FOR_A_MESSAGE) {
            Ok(()) => Self::new(kind, reached),
            Err(_) => kind.into(),
        }
    }
}

/// Why a timer was not added; nothing has changed.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum AddError {
    /// The loop's host allows no more.
    Limit(LimitReached),
    /// There is no memory for another one.
    Memory,
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(reached) => reached.fmt(f),
            Self::Memory => f.write_str("not enough memory for another timer"),
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
    /// Of the kind `QuotaExceeded` or `OutOfMemory`.
    fn from(refused: AddError) -> Self {
        match refused {
            AddError::Limit(reached) => reached.into(),
            AddError::Memory => io::ErrorKind::OutOfMemory.into(),
        }
    }
}
