//! What every contender of the run can do, and the list of them.

use std::io;
use std::os::fd::BorrowedFd;

use cogloop_io::Mode::{Edge, Level};

use super::ours::Ours;
use super::{bare_epoll, bare_uring, calloop, mio, polling};

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
const FD_SETSIZE: usize = 1024;

/// The contenders. The first is what the others are compared with.
pub(crate) const ALL: [Entry; 10] = [
    Entry { name: "bare epoll", open: || Ok(Box::new(bare_epoll::BareEpoll::new()?)), numbers: ANY },
    Entry {
        name: "bare io_uring",
        open: || Ok(Box::new(bare_uring::BareUring::new(bare_uring::ONE_SHOT)?)),
        numbers: ANY,
    },
    Entry { name: "ours/epoll", open: || Ok(Box::new(Ours::new("epoll", Level)?)), numbers: ANY },
    Entry { name: "ours/uring", open: || Ok(Box::new(Ours::new("uring", Level)?)), numbers: ANY },
    Entry { name: "ours/uring edge", open: || Ok(Box::new(Ours::new("uring", Edge)?)), numbers: ANY },
    Entry { name: "ours/portable", open: || Ok(Box::new(Ours::new("portable", Level)?)), numbers: ANY },
    Entry { name: "ours/select", open: || Ok(Box::new(Ours::new("select", Level)?)), numbers: FD_SETSIZE },
    Entry { name: "mio", open: || Ok(Box::new(mio::Mio::new()?)), numbers: ANY },
    Entry { name: "polling", open: || Ok(Box::new(polling::Polling::new()?)), numbers: ANY },
    Entry { name: "calloop", open: || Ok(Box::new(calloop::Calloop::new()?)), numbers: ANY },
];
