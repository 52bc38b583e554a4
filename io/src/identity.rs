//! Which file a descriptor number stands for: what shows that a number was closed and used again behind our back.

use rustix::fs::fstat;
use std::io;
use std::os::fd::BorrowedFd;

/// Device and inode. Every socket and pipe has an inode of its own.
#[derive(Copy, Clone, Eq, PartialEq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// # Errors
    /// `EBADF` when the number is not open.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let stat = fstat(fd)?;
        Ok(Self { device: stat.st_dev, inode: stat.st_ino })
    }

    /// Whether `fd` still stands for this file.
    pub(crate) fn still(self, fd: BorrowedFd<'_>) -> bool {
        Self::of(fd).is_ok_and(|now| now == self)
    }
}
