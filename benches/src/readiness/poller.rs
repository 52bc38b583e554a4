//! The interface of every contender.

use std::io;
use std::os::fd::BorrowedFd;

/// A loop over descriptors.
pub(crate) trait Poller {
    /// Observes `fd` for reading, under this index. Indices come in ascending order from 0, without gaps.
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()>;

    /// Stops observing it.
    fn remove(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()>;

    /// One turn: waits until a descriptor is ready or a wake comes; if not `may_wait`, it only polls. Then serves each
    /// index that is ready.
    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()>;

    /// A turn that a signal may interrupt.
    fn take_turn(&mut self, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        match self.turn(true, serve) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            answer => answer,
        }
    }

    /// A function that ends this loop's wait from another thread.
    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>>;
}

/// A contender.
#[derive(Copy, Clone)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) open: fn() -> io::Result<Box<dyn Poller>>,
    /// One more than the highest descriptor number that it accepts.
    pub(crate) numbers: usize,
}

pub(super) const ANY: usize = usize::MAX;
pub(super) const FD_SETSIZE: usize = 1024;
