//! The crate `mio`. It is edge-triggered, so a correct program reads until there is nothing left. The ping-pong leaves
//! out the last read, which would be one more system call for each event.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::poller::Poller;

const WAKER: Token = Token(usize::MAX);

pub(crate) struct Mio {
    poll: Poll,
    events: Events,
}

impl Mio {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(1024) })
    }
}

impl Poller for Mio {
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), Token(index), Interest::READABLE)
    }

    fn remove(&mut self, fd: BorrowedFd<'static>, _index: usize) -> io::Result<()> {
        self.poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()))
    }

    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        self.poll.poll(&mut self.events, (!may_wait).then_some(Duration::ZERO))?;
        for event in self.events.iter().filter(|event| event.token() != WAKER) {
            serve(event.token().0);
        }
        Ok(())
    }

    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>> {
        let waker = Waker::new(self.poll.registry(), WAKER)?;
        Ok(Box::new(move || waker.wake().expect("the loop is there")))
    }
}
