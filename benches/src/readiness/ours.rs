//! The event loop of this project, on one of its backends.

use std::io;
use std::os::fd::BorrowedFd;

use cogloop_io::{EventLoop, Interest, Mode, Options, Token, Wait};

use super::poller::Poller;

pub(crate) struct Ours {
    events: EventLoop,
    // Indexed by the index that `add` got.
    tokens: Vec<Token>,
    mode: Mode,
}

impl Ours {
    pub(crate) fn new(backend: &str, mode: Mode) -> io::Result<Self> {
        let options = Options { backend: Some(backend.to_owned()), ..Options::default() };
        let events = EventLoop::new(&options).map_err(io::Error::other)?;
        let report = events.backend();
        if report.name != backend {
            return Err(io::Error::other(report.reason.clone()));
        }
        Ok(Self { events, tokens: Vec::new(), mode })
    }
}

impl Poller for Ours {
    fn add(&mut self, fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        self.tokens.truncate(index);
        self.tokens.push(self.events.add_descriptor_with(fd, Interest::READ, self.mode)?);
        Ok(())
    }

    fn remove(&mut self, _fd: BorrowedFd<'static>, index: usize) -> io::Result<()> {
        self.events.remove_descriptor(self.tokens[index])
    }

    fn turn(&mut self, may_wait: bool, serve: &mut dyn FnMut(usize)) -> io::Result<()> {
        self.events.turn(if may_wait { Wait::Block } else { Wait::Poll })?;
        while let Some(ready) = self.events.next_ready() {
            // Nothing is removed while descriptors are added, so a token's index is the index that `add` got.
            serve(ready.token.index() as usize);
            if self.mode == Mode::Edge {
                // The read returned fewer bytes than there was room for, so the socket is drained.
                self.events.drained(ready.token, ready.ready)?;
            }
        }
        Ok(())
    }

    fn waker(&mut self) -> io::Result<Box<dyn Fn() + Send>> {
        let waker = self.events.waker();
        Ok(Box::new(move || waker.wake()))
    }
}
