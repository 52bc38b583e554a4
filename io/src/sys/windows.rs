//! Windows: the clock, the identity of a socket, and the loop's own descriptors. `unix` has the same functions.

use rustix::fd::BorrowedFd;
use std::io;
use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds of the performance counter since its first reading.
pub(crate) fn monotonic_ns() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    // 2^64 ns are 584 years.
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// The usual cause of an error with which the kernel refuses a backend.
pub(crate) fn usual_cause(_: &str, _: &io::Error) -> Option<&'static str> {
    None
}

/// Whether reading or writing may block. Windows does not say.
pub(crate) fn may_block(_: BorrowedFd<'_>) -> bool {
    true
}

/// Windows has no descriptors that are a path only.
pub(crate) fn check_not_path_only(_: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}

/// Makes a value with a socket. On Windows no number has a meaning by convention.
///
/// # Errors
/// The error of `make`.
pub(crate) fn own<T, E>(mut make: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    make()
}

/// The type of a socket. Windows says no more, so a number that was closed and now names another socket of the same
/// type goes unnoticed.
pub(crate) struct Identity(rustix::net::SocketType);

impl Identity {
    /// # Errors
    /// `WSAENOTSOCK` if it is not an open socket: nothing else can be observed on Windows.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self(rustix::net::sockopt::socket_type(fd)?))
    }

    /// No socket is always ready.
    pub(crate) fn is_always_ready(&self) -> bool {
        false
    }

    /// Whether `fd` still names this socket.
    pub(crate) fn still(&self, fd: BorrowedFd<'_>) -> bool {
        Self::of(fd).is_ok_and(|now| now.0 == self.0)
    }
}
