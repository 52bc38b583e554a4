//! The number of a descriptor, which the loop's table and the backends keep longer than they borrow the descriptor.
//!
//! Only this file turns the number back into a descriptor, and here is the reason why that is sound.

use rustix::fd::{AsRawFd, BorrowedFd, RawFd};

/// The number of an observed descriptor.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) struct Number(RawFd);

impl Number {
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Self {
        Self(fd.as_raw_fd())
    }

    /// The descriptor, for registering it or asking the kernel about it. It must not be read, written or closed, nor
    /// passed to the user.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY:
        // 1. The value is valid (not -1): it came from a borrowed descriptor.
        // 2. The loop's table passes it to a backend, which may be the user's own, for the length of a call. The
        //    descriptor is open then. The caller of `add_descriptor` has promised this by `'static`. `add_owned` and
        //    `add_shared` keep the descriptor open until the backend has forgotten it.
        // 3. A backend has no such promise: the number may be closed, or another file's. So this crate uses it only for
        //    `fstat`, `fcntl( F_GETFL )`, `poll`, `select`, registering, and the type of a socket. Those calls change
        //    no file. They return `EBADF`, or they answer for the other file, which `Identity` detects.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

impl AsRawFd for Number {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}
