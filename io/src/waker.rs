//! Ends a loop's wait from outside: from any thread, and from a signal handler.

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

/// Wakes the loop that it came from. Clones wake the same loop; one that outlives its loop wakes nobody.
///
/// Wakes are coalesced, never lost: a wake before or during a wait ends that wait, and what was done before [`wake`]
/// (a push into a queue, say) is visible once the turn that it ended has returned.
///
/// Underneath is an eventfd, non-blocking and close-on-exec. The kernel adds wakes up and the loop takes the sum.
///
/// [`wake`]: Waker::wake
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self(Arc::new(fd)))
    }

    /// Ends the loop's current wait, or its next one. One system call, safe in a signal handler.
    pub fn wake(&self) {
        // It can only fail because the counter is full, and then a wake is already pending.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Takes all wakes so far.
    pub(crate) fn drain(&self) {
        // It can only fail because there is nothing to take.
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Waker {
    /// For a signal handler that has nothing but `write`: 8 bytes of a native `u64`, value 1, wake the loop.
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
