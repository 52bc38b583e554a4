//! The waker ends a loop's wait from any thread, and from a signal handler.
//!
//! ```text
//!   wake ──► pending?  no ──► set, notify ──► readable: the wait ends ──► drain: clear the notifier, then pending
//!               │
//!               └───── yes: nothing to do; the wake that has set it notifies, or has done so
//! ```
//!
//! The flag `pending` saves the system call for all but the first of many wakes. Measured on Linux 6.18: a wake that
//! finds another one pending takes 7 to 10 ns, and saves a write to an eventfd of 460 to 630 ns. A wake and the turn
//! that it ends take 2.3 to 2.9 µs, with and without the flag.

mod pending;
#[cfg(all(test, target_os = "linux", not(loom)))]
#[allow(unsafe_code, reason = "it is tested in a signal handler")]
mod tests;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use crate::memory;
use pending::Pending;
use rustix::fd::BorrowedFd;
#[cfg(unix)]
use rustix::fd::{AsFd, AsRawFd};
use std::io;
use std::sync::Arc;
#[cfg(unix)]
use unix::Notifier;
#[cfg(windows)]
use windows::Notifier;

/// Wakes the loop that it was made for. Clones wake the same loop. A waker that outlives its loop has no effect.
///
/// Several wakes may count as one, but none is lost. A wake before or during a wait ends that wait. Everything that was
/// done before [`wake`], such as a push into a queue, is visible after the turn that the wake has ended.
///
/// A waker uses an eventfd on Linux and a pipe on other Unix systems, both non-blocking and close-on-exec. On Windows
/// it calls the backend, which posts to its completion port. A forked child must not use its parent's wakers.
///
/// [`wake`]: Waker::wake
#[derive(Clone, Debug)]
pub struct Waker(Arc<Pending<Notifier>>);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Self::of(Notifier::best()?)
    }

    fn of(notifier: Notifier) -> io::Result<Self> {
        memory::expect_bytes(memory::FOR_A_MESSAGE)?;
        Ok(Self(Arc::new(Pending::new(notifier))))
    }

    /// Ends the loop's current wait, or its next one. Makes at most one system call, and is safe in a signal handler.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// Clears all wakes so far, so that they end no later wait. A [`Backend`](crate::Backend) calls it before its wait
    /// returns.
    pub fn drain(&self) {
        self.0.drain();
    }
}

#[cfg(unix)]
impl Waker {
    /// Makes a waker with a pipe, as on a Unix other than Linux.
    ///
    /// # Errors
    /// An error of the kernel, `EMFILE` for example, or `OutOfMemory`.
    pub fn with_pipe() -> io::Result<Self> {
        Self::of(Notifier::pipe()?)
    }

    /// The descriptor for a signal handler that can only call `write`. Writing 8 bytes, a native `u64` of value 1,
    /// wakes the loop.
    #[must_use]
    pub fn write_end(&self) -> BorrowedFd<'_> {
        self.0.notifier().write_end()
    }

    /// Whether this descriptor belongs to the waker.
    pub(crate) fn owns(&self, fd: BorrowedFd<'_>) -> bool {
        [self.as_fd(), self.write_end()].iter().any(|own| own.as_raw_fd() == fd.as_raw_fd())
    }
}

/// The descriptor that a wake makes readable.
#[cfg(unix)]
impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.notifier().read_end()
    }
}

#[cfg(windows)]
impl Waker {
    /// A [`Backend`](crate::Backend) calls this. `end_wait` ends the backend's current wait or its next one, and any
    /// thread may call it. If two backends call this function, wakes go to the first of them.
    pub fn end_waits_by(&self, end_wait: impl Fn() + Send + Sync + 'static) {
        self.0.notifier().notify_by(Box::new(end_wait));
    }

    /// Whether this descriptor belongs to the waker. On Windows a waker has none.
    pub(crate) fn owns(&self, _: BorrowedFd<'_>) -> bool {
        false
    }
}
