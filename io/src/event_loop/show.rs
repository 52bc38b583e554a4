//! For the eye and for tests: a listing of the loop, and a check of everything that must agree.

use super::{EventLoop, Mode};
use crate::memory::Worklist;
use rustix::fd::AsRawFd;
use std::fmt;

impl<T: Default + Clone> EventLoop<T> {
    /// Panics, with what disagrees, when the wheel or the table of descriptors is not sound. Slow on purpose.
    pub fn audit(&self) {
        self.scheduler.audit();
        self.table.audit();
        [&self.marked, &self.marked_in_turn, &self.unsettled].into_iter().for_each(Worklist::audit);
        for key in &self.unref_timers {
            assert!(self.scheduler.get(*key).is_some(), "{key:?} is gone and does not keep the loop going");
        }
        assert!(self.pulled <= self.events.len(), "pulled {} of {} events", self.pulled, self.events.len());
        for (token, descriptor) in self.table.iter() {
            assert!(descriptor.mode != Mode::Level || descriptor.silent.is_empty(), "{token:?} is a silent level");
            let is_listed = self.marked.contains(token.index());
            assert!(descriptor.marked.is_empty() || is_listed, "{token:?} is marked and not listed as marked");
        }
    }

    /// The loop as text: its time and backend, the descriptors, the wheel.
    pub fn dump(&self) -> impl fmt::Display {
        Dump(self)
    }
}

struct Dump<'a, T>(&'a EventLoop<T>);

impl<T: Default + Clone> fmt::Display for Dump<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventLoop { table, turn_ns, report, scheduler, .. } = self.0;
        writeln!(f, "at {} ns, turn at {turn_ns} ns, on {}", self.0.now_ns(), report.name)?;
        for (token, descriptor) in table.iter() {
            let (number, generation) = (descriptor.fd.as_raw_fd(), token.generation());
            writeln!(f, "fd {number} [{:?}] slot {} generation {generation}", descriptor.interest, token.index())?;
        }
        write!(f, "{}", scheduler.dump())
    }
}
