//! Windows: the clock, what a number stands for, descriptors of our own. Twin of `unix`.

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

/// What is usually behind a refusal of the kernel's.
pub(crate) fn usual_cause(_: &io::Error) -> Option<&'static str> {
    None
}

/// Whether reading or writing may wait: Windows does not tell.
pub(crate) fn may_block(_: BorrowedFd<'_>) -> bool {
    true
}

/// Windows knows no descriptors that are a path only.
pub(crate) fn refuse_path_only(_: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}

/// Makes something of our own. Sockets of Windows have no numbers that stand for something by convention.
///
/// # Errors
/// What `make` says.
pub(crate) fn own<T, E>(mut make: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    make()
}

/// The type of a socket: all that Windows tells. A number that was closed and is another socket's now goes unnoticed.
pub(crate) struct Identity(rustix::net::SocketType);

impl Identity {
    /// # Errors
    /// `WSAENOTSOCK` for whatever is no open socket: nothing else can be observed on Windows.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self(rustix::net::sockopt::socket_type(fd)?))
    }

    /// No socket is.
    pub(crate) fn is_always_ready(&self) -> bool {
        false
    }

    /// Whether `fd` still stands for this file.
    pub(crate) fn still(&self, fd: BorrowedFd<'_>) -> bool {
        Self::of(fd).is_ok_and(|now| now.0 == self.0)
    }
}
