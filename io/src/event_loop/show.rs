//! The loop as text, and a check of its invariants.

use super::EventLoop;
use rustix::fd::AsRawFd;
use std::fmt;

impl<T: Clone> EventLoop<T> {
    /// Panics with a description when the timers, the descriptors, the events or the counts of what the turn has served
    /// are not sound. The call is slow; it is for tests and debugging.
    pub fn audit(&self) {
        self.timers.audit();
        self.observed.audit();
        self.readiness.audit(&self.observed);
        self.shares.audit();
    }

    /// The loop as text: its time and backend, the descriptors, the wheel.
    pub fn dump(&self) -> impl fmt::Display {
        Dump(self)
    }
}

struct Dump<'a, T>(&'a EventLoop<T>);

impl<T: Clone> fmt::Display for Dump<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now_ns, turn_ns, name) = (self.0.now_ns(), self.0.turn_ns(), self.0.backend().name);
        writeln!(f, "at {now_ns} ns, turn at {turn_ns} ns, on {name}")?;
        for (token, descriptor) in self.0.observed.table().iter() {
            let (number, generation) = (descriptor.fd.as_raw_fd(), token.generation());
            writeln!(f, "fd {number} [{:?}] slot {} generation {generation}", descriptor.interest, token.index())?;
        }
        write!(f, "{}", self.0.timers.scheduler().dump())
    }
}
