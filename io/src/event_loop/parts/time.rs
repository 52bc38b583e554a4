//! The loop's time: nanoseconds since the loop was made, and the time at which the wait of the turn ended.

use crate::Clock;

/// A clock that starts at 0, and its reading at the end of the turn's wait.
pub(crate) struct Time {
    clock: Box<dyn Clock>,
    // The clock's reading at loop time 0.
    origin_ns: u64,
    turn_ns: u64,
}

impl Time {
    /// Starts the loop's time at 0.
    pub(crate) fn start(clock: Box<dyn Clock>) -> Self {
        let origin_ns = clock.now_ns();
        Self { clock, origin_ns, turn_ns: 0 }
    }

    /// A fresh reading of the clock.
    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.now_ns().saturating_sub(self.origin_ns)
    }

    /// The time at which the wait of this turn ended.
    #[inline]
    pub(crate) fn turn_ns(&self) -> u64 {
        self.turn_ns
    }

    /// Sets the time of a turn whose wait ended at `now_ns`.
    ///
    /// [`Clock`] promises not to go back. If a clock does, the loop's time stands still, so that no timer fires early.
    #[inline]
    pub(crate) fn begin_turn(&mut self, now_ns: u64) {
        self.turn_ns = self.turn_ns.max(now_ns);
    }
}
