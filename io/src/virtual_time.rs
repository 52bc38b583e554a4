//! Virtual time over a real backend: where the loop would wait, the clock jumps.

use crate::{Backend, Clock, Event, Interest, Token, VirtualClock, Waker};
use rustix::fd::BorrowedFd;
use std::io;

/// A backend that never waits for a timeout: if nothing is ready now, it moves the clock by the timeout and comes back.
///
/// A turn takes no time then. A callback that arms itself again for now, or a descriptor that stays ready, would hold the
/// clock where it is, and later timers would never come. So after 10,000 waits in a row at one moment each further one
/// takes 1 µs, and later a ten-thousandth of the time that has passed so, until the clock moves by itself. An hour takes
/// 140,000 turns then, and a timer is late by a ten-thousandth of the time at the most.
///
/// Without a timeout there is nothing to jump to, and the inner backend really waits: for a descriptor, or a wake.
pub struct VirtualTime {
    inner: Box<dyn Backend>,
    clock: VirtualClock,
    // The clock after the last wait, how many waits in a row had no time to let pass, and what the last of them took.
    last_ns: u64,
    standing: u64,
    crept_ns: u64,
}

/// So many waits in a row at one moment are a program's own affair.
const STANDING_MAX: u64 = 10_000;

/// What each further one takes at the least.
const CREEP_NS_MIN: u64 = 1_000;

impl VirtualTime {
    /// `inner`, with time passing on `clock`; the loop must read the same clock.
    #[must_use]
    pub fn new(inner: Box<dyn Backend>, clock: VirtualClock) -> Self {
        Self { inner, clock, last_ns: 0, standing: 0, crept_ns: 0 }
    }

    /// Lets time pass: so much, or a little when it has stood still for too long.
    fn pass(&mut self, by_ns: u64) {
        if by_ns > 0 || self.clock.now_ns() != self.last_ns {
            (self.standing, self.crept_ns) = (0, 0);
            self.clock.advance_ns(by_ns);
        } else if self.standing < STANDING_MAX {
            self.standing += 1;
        } else {
            let creep_ns = CREEP_NS_MIN.max(self.crept_ns / STANDING_MAX);
            self.crept_ns = self.crept_ns.saturating_add(creep_ns);
            self.clock.advance_ns(creep_ns);
        }
        self.last_ns = self.clock.now_ns();
    }
}

impl Backend for VirtualTime {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        self.inner.attach(waker)
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.inner.add(fd, interest, token)
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.inner.modify(fd, interest, token)
    }

    fn expect_news(&mut self, token: Token) {
        self.inner.expect_news(token);
    }

    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.inner.remove(fd, token)
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        let Some(timeout_ns) = timeout_ns else { return self.inner.wait(events, None) };
        let before = events.len();
        self.inner.wait(events, Some(0))?;
        let is_silent = events.len() == before;
        self.pass(if is_silent { timeout_ns } else { 0 });
        Ok(())
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
