//! Virtual time over a real backend: the clock jumps to the deadline that the loop would wait for.

use crate::{Backend, Clock, Event, Interest, Token, VirtualClock, Waker};
use rustix::fd::BorrowedFd;
use std::io;

/// A backend that never waits for a timeout: if nothing is ready now, it advances the clock by the timeout and returns.
///
/// With this backend a turn takes no time. So a timer whose callback arms it again for now would keep the clock from
/// moving, and so would a descriptor that stays ready. Later timers would never fire. Therefore, after 10,000 waits in
/// a row that leave the clock unchanged, each further wait takes 1 µs. When more than 10 ms have passed in this way,
/// each wait takes a ten-thousandth of the time that has passed so far. This ends when the clock advances in another
/// way. An hour that passes like this takes 140,000 turns, and a timer is late by at most a ten-thousandth of the hour.
///
/// Without a timeout there is no time to jump to. Then the inner backend really waits, for a descriptor or a wake.
pub struct VirtualTime {
    inner: Box<dyn Backend>,
    clock: VirtualClock,
    // The clock after the last wait.
    last_ns: u64,
    // The number of waits in a row that left the clock unchanged.
    standing: u64,
    // The total time of the waits that came after `STANDING_MAX` such waits.
    crept_ns: u64,
}

/// The number of waits in a row that may leave the clock unchanged.
const STANDING_MAX: u64 = 10_000;

/// The least time that each further wait takes.
const CREEP_NS_MIN: u64 = 1_000;

impl VirtualTime {
    /// Makes a backend around `inner` that advances `clock`. The loop must read the same clock.
    #[must_use]
    pub fn new(inner: Box<dyn Backend>, clock: VirtualClock) -> Self {
        Self { inner, clock, last_ns: 0, standing: 0, crept_ns: 0 }
    }

    /// Advances the clock by `by_ns`, or by a little if it has not moved for too long.
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
