//! Why there is no room for a timer.

#[cfg(feature = "alloc")]
use alloc::collections::TryReserveError;
use core::fmt;

/// The reason why there is no room for a timer. The call that returns it has changed nothing.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum NoRoom {
    /// There would be more timers than are allowed: 2³⁰, or the `N` of a [`FixedScheduler`](crate::FixedScheduler).
    Full,
    /// The allocator has refused the memory that the call needs.
    Memory,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many timers: a wheel holds at most 2^30, a fixed scheduler as many as its type says",
            Self::Memory => "not enough memory for another timer",
        })
    }
}

impl core::error::Error for NoRoom {}

#[cfg(feature = "alloc")]
impl From<TryReserveError> for NoRoom {
    fn from(_: TryReserveError) -> Self {
        Self::Memory
    }
}

impl NoRoom {
    /// Panics with this error, for the functions that do not return it.
    #[cold]
    #[inline(never)]
    pub(crate) fn panic(self) -> ! {
        panic!("{self}; a function whose name begins with `try_` returns this error instead")
    }
}
