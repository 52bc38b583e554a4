//! The turn: it waits until something is due or ready, and then collects everything that is due or ready. The [module's
//! page](super) has a picture.

use super::EventLoop;
use std::io;

/// How long a turn may wait.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Wait {
    /// Until a timer is due, a descriptor is ready, or a wake comes. If nothing is armed or observed, only a wake or a
    /// signal ends the wait: check [`is_idle`](EventLoop::is_idle) first.
    Block,
    /// The turn does not wait.
    Poll,
    /// As `Block`, but at most this many nanoseconds.
    AtMost(u64),
}

/// The wheel cascades early only before waits at least this long.
const SPARE_NS: u64 = 8_000;

impl<T: Clone> EventLoop<T> {
    /// Takes one turn. [`next_expired`](Self::next_expired) and [`next_ready`](Self::next_ready) return what it found.
    ///
    /// A turn may find nothing, because a wake or a signal may have ended its wait.
    ///
    /// # Errors
    /// An error of the kernel, if the wait fails; in a replay also an error if the program has departed from the
    /// recording. Due timers can still be pulled.
    pub fn turn(&mut self, wait: Wait) -> io::Result<()> {
        self.readiness.begin_turn(&mut self.observed);
        self.observed.settle();
        if self.journal.is_some() {
            self.begin_recorded_wait();
        }
        let timeout_ns = self.choose_timeout(wait);
        let waited = self.readiness.wait(&mut self.observed, timeout_ns);
        self.time.begin_turn(self.now_ns());
        self.shares.begin_turn(self.turn_ns());
        self.timers.advance(self.turn_ns());
        self.readiness.complete(&mut self.observed);
        waited
    }

    /// Chooses how long to wait. Before a wait of at least [`SPARE_NS`] the wheel cascades early.
    pub(super) fn choose_timeout(&mut self, wait: Wait) -> Option<u64> {
        let timeout_ns = self.timeout_ns(wait);
        let has_time = timeout_ns.is_none_or(|ns| ns >= SPARE_NS);
        if has_time && self.timers.cascade_early() { self.timeout_ns(wait) } else { timeout_ns }
    }

    /// The time until the earliest deadline, so that the process sleeps and wakes once; less if `wait` limits it, and 0
    /// if the user has marked a descriptor ready.
    fn timeout_ns(&mut self, wait: Wait) -> Option<u64> {
        let limit_ns = match wait {
            Wait::Block => None,
            Wait::Poll => return Some(0),
            Wait::AtMost(ns) => Some(ns),
        };
        if self.readiness.has_marks(&self.observed) {
            return Some(0);
        }
        let Some(deadline_ns) = self.timers.next_deadline() else { return limit_ns };
        let until_ns = deadline_ns.saturating_sub(self.now_ns());
        Some(limit_ns.map_or(until_ns, |limit_ns| limit_ns.min(until_ns)))
    }
}
