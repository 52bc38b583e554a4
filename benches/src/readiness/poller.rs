//! The interface of every contender.

use std::io;
use std::os::fd::BorrowedFd;

/// A loop over descriptors.
pub(crate) trait Poller {
    /// Observes `fd` for reading, under this index. Successive calls get the indices 0, 1, 2 and so on.
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()>;

    /// Stops observing `fd`.
    fn remove(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()>;

    /// Takes one turn: waits until a descriptor is ready or a wake comes, and calls `serve` with the index of each
    /// ready descriptor. If `may_wait` is false, the turn does not wait.
    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()>;

    /// Takes a turn that a signal may interrupt.
    fn take_turn(&mut self, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        match self.turn(true, serve) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            answer => answer,
        }
    }

    /// Returns a function that ends this loop's wait from another thread.
    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>>;
}

/// A contender.
#[derive(Copy, Clone)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) open: fn() -> io::Result<Box<dyn Poller>>,
    /// The contender accepts only descriptor numbers below this one.
    pub(crate) numbers: usize,
}

pub(super) const ANY: usize = usize::MAX;
pub(super) const FD_SETSIZE: usize = 1024;
