//! Virtual time over a real backend: where the loop would wait, the clock jumps.

use crate::{Backend, Event, Interest, Token, VirtualClock, Waker};
use rustix::fd::BorrowedFd;
use std::io;

/// A backend that never waits for a timeout: if nothing is ready now, it moves the clock by the timeout and comes back.
///
/// A turn takes no time then, so a descriptor that stays ready holds the clock where it is. Without a timeout there is
/// nothing to jump to, and the inner backend really waits: for a descriptor, or a wake.
pub struct Warp {
    inner: Box<dyn Backend>,
    clock: VirtualClock,
}

impl Warp {
    /// `inner`, with time passing on `clock`; the loop must read the same clock.
    #[must_use]
    pub fn new(inner: Box<dyn Backend>, clock: VirtualClock) -> Self {
        Self { inner, clock }
    }
}

impl Backend for Warp {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        self.inner.attach(waker)
    }

    fn add(&mut self, fd: BorrowedFd<'static>, interest: Interest, token: Token) -> io::Result<()> {
        self.inner.add(fd, interest, token)
    }

    fn modify(&mut self, fd: BorrowedFd<'static>, interest: Interest, token: Token) -> io::Result<()> {
        self.inner.modify(fd, interest, token)
    }

    fn expect_news(&mut self, token: Token) {
        self.inner.expect_news(token);
    }

    fn remove(&mut self, fd: BorrowedFd<'static>, token: Token) -> io::Result<()> {
        self.inner.remove(fd, token)
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        let Some(timeout_ns) = timeout_ns else { return self.inner.wait(events, None) };
        let before = events.len();
        self.inner.wait(events, Some(0))?;
        if events.len() == before {
            self.clock.advance_ns(timeout_ns);
        }
        Ok(())
    }

    fn may_be_outdated(&self) -> bool {
        self.inner.may_be_outdated()
    }

    fn look(&mut self, fd: BorrowedFd<'_>, directions: Interest, token: Token) -> Interest {
        self.inner.look(fd, directions, token)
    }

    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        self.inner.pollable()
    }

    fn prepare(&mut self) -> io::Result<bool> {
        self.inner.prepare()
    }
}
