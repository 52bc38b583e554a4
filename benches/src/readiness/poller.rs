//! What every contender of the run can do.

use std::io;
use std::os::fd::BorrowedFd;

/// One loop over descriptors.
pub(crate) trait Poller {
    /// Observes `fd` for reading, under this index. Indices come in order, from 0, without a gap.
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()>;

    /// Observes it no longer.
    fn remove(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()>;

    /// One turn: waits for something to happen, or, unless it `may_wait`, only looks; then serves each index that is
    /// ready. A wake ends the wait.
    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()>;

    /// A turn that a signal may cut short.
    fn take_turn(&mut self, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        match self.turn(true, serve) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            answer => answer,
        }
    }

    /// What ends this loop's wait from another thread.
    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>>;
}

/// A contender.
#[derive(Copy, Clone)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) open: fn() -> io::Result<Box<dyn Poller>>,
    /// The highest descriptor number that it takes, and one more.
    pub(crate) numbers: usize,
}

pub(super) const ANY: usize = usize::MAX;
pub(super) const FD_SETSIZE: usize = 1024;
