//! A descriptor's number, kept past the borrow that it came from: by the loop's table and by backends.
//!
//! This is the only place at which a number becomes a descriptor again, so that the reason can be read and checked once.

use rustix::fd::{AsRawFd, BorrowedFd, RawFd};

/// The number of a descriptor that is observed.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) struct Number(RawFd);

impl Number {
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Self {
        Self(fd.as_raw_fd())
    }

    /// The descriptor, to register it, or to ask the kernel about it. It must not be read, written, closed or given to a
    /// program.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY:
        // 1. The value is no invalid one (-1): it was a borrowed descriptor's.
        // 2. The loop's table hands it to a backend, which may be a program's own, for the length of a call. The descriptor
        //    is open then: the caller of `add_descriptor` has promised so by `'static`; `add_owned` and `add_shared`
        //    keep it until the backend has forgotten it.
        // 3. A backend has no such promise: the number may be closed, or another file's. So the backends of this crate use
        //    it for `fstat`, `fcntl( F_GETFD )`, `poll`, `select` and registering only. Those answer `EBADF` or tell of the
        //    other file, which `Identity` finds out. They change no file.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

impl AsRawFd for Number {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}
