//! Ends a loop's wait from outside: from any thread, and from a signal handler.
//!
//! ```text
//!   wake ──► pending?  no ──► ring the bell ──► readable: the wait ends ──► drain: silence the bell, then no longer pending
//!               │
//!               └───── yes: the caller that set it rings, or has rung
//! ```
//!
//! The flag spares all but the first of many wakes the system call. Measured on Linux 6.18: a wake that finds another one
//! pending takes 7 to 10 ns, the write to an eventfd that it saves 460 to 630 ns; a wake and the turn that it ends take
//! 2.3 to 2.9 µs with the flag and without.

mod pending;
#[cfg(all(test, target_os = "linux", not(loom)))]
#[allow(unsafe_code, reason = "a signal handler")]
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
use unix::Bell;
#[cfg(windows)]
use windows::Bell;

/// Wakes the loop that it came from. Clones wake the same loop; one that outlives its loop has no effect.
///
/// Wakes are coalesced, never lost: a wake before or during a wait ends that wait, and what was done before [`wake`]
/// (a push into a queue, say) is visible once the turn that it ended has returned.
///
/// Underneath is an eventfd on Linux and a pipe on any other Unix, non-blocking and close-on-exec; on Windows a call of the
/// backend's that posts to its completion port. A forked child must leave its parent's wakers alone.
///
/// [`wake`]: Waker::wake
#[derive(Clone, Debug)]
pub struct Waker(Arc<Pending<Bell>>);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Self::of(Bell::best()?)
    }

    fn of(bell: Bell) -> io::Result<Self> {
        memory::expect_bytes(memory::FOR_A_MESSAGE)?;
        Ok(Self(Arc::new(Pending::new(bell))))
    }

    /// Ends the loop's current wait, or its next one. One system call at the most, safe in a signal handler.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// Takes all wakes so far: for a [`Backend`](crate::Backend), before its wait comes back.
    pub fn drain(&self) {
        self.0.drain();
    }
}

#[cfg(unix)]
impl Waker {
    /// As on a Unix other than Linux.
    ///
    /// # Errors
    /// The kernel's, `EMFILE` for example.
    pub fn with_pipe() -> io::Result<Self> {
        Self::of(Bell::pipe()?)
    }

    /// For a signal handler that has nothing but `write`: 8 bytes of a native `u64`, value 1, wake the loop.
    #[must_use]
    pub fn write_end(&self) -> BorrowedFd<'_> {
        self.0.bell().write_end()
    }

    /// Whether this descriptor is one of the waker's own.
    pub(crate) fn owns(&self, fd: BorrowedFd<'_>) -> bool {
        [self.as_fd(), self.write_end()].iter().any(|own| own.as_raw_fd() == fd.as_raw_fd())
    }
}

/// What becomes readable by a wake.
#[cfg(unix)]
impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.bell().read_end()
    }
}

#[cfg(windows)]
impl Waker {
    /// For a [`Backend`](crate::Backend): what ends its wait, the current one or the next. It is called by any thread. Of
    /// two backends the first one is woken.
    pub fn end_waits_by(&self, end_wait: impl Fn() + Send + Sync + 'static) {
        self.0.bell().ring_by(Box::new(end_wait));
    }

    /// Whether this descriptor is one of the waker's own: it has none.
    pub(crate) fn owns(&self, _: BorrowedFd<'_>) -> bool {
        false
    }
}
