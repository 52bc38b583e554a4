//! Descriptors that the loop owns: open as long as they are observed, so that nobody can close one too early.

use super::EventLoop;
use crate::{Interest, Token};
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::io;

impl<T: Default + Clone> EventLoop<T> {
    /// Observes a descriptor as [`add_descriptor`](Self::add_descriptor) does, and keeps it. It is closed when it is
    /// removed, and when the loop is cleared or dropped.
    ///
    /// # Errors
    /// Those of [`add_descriptor`](Self::add_descriptor); the descriptor is closed then.
    pub fn add_owned(&mut self, fd: OwnedFd, interest: Interest) -> io::Result<Token> {
        // SAFETY: the descriptor stays open while the loop and its backend know this number: it is kept below, and given
        // away or closed by what has had it removed from both.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd.as_raw_fd()) };
        let token = self.add_descriptor(borrowed, interest)?;
        self.owned.insert(token, fd);
        Ok(token)
    }

    /// Observes it no longer, and gives it back.
    ///
    /// # Errors
    /// `NotFound` for a stale token and for a descriptor that the loop does not own; nothing changes then.
    pub fn take_owned(&mut self, token: Token) -> io::Result<OwnedFd> {
        let fd = self.owned.remove(&token).ok_or(io::ErrorKind::NotFound)?;
        // What the kernel says is for information: it is forgotten anyway.
        let _ = self.remove_descriptor(token);
        Ok(fd)
    }
}
