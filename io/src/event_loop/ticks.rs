//! Nanoseconds into ticks and back.
//!
//! ```text
//!   deadline   ├────┼────┼──●─┼►       up:   the first tick that begins at or after it
//!   now        ├────┼────┼─●──┼        down: the last tick that has begun
//!              t    t+1  t+2  t+3            ⇒ now's tick ≥ deadline's tick only when now ≥ deadline
//! ```

use std::num::NonZeroU64;

/// The length of a tick.
#[derive(Copy, Clone)]
pub(super) struct Resolution(NonZeroU64);

impl Resolution {
    /// `None` for 0.
    pub(super) fn new(ns: u64) -> Option<Self> {
        NonZeroU64::new(ns).map(Self)
    }

    /// The tick of a deadline, rounded up.
    ///
    /// A deadline in the last, unfinished tick of `u64` nanoseconds rounds up to a tick that no clock reaches.
    pub(super) fn deadline_tick(self, ns: u64) -> u64 {
        ns.div_ceil(self.0.get())
    }

    /// The tick in which a moment lies.
    pub(super) fn tick(self, ns: u64) -> u64 {
        ns / self.0
    }

    /// When a tick begins; [`u64::MAX`] for one that no clock reaches.
    pub(super) fn start_ns(self, tick: u64) -> u64 {
        tick.saturating_mul(self.0.get())
    }

    /// Whether a clock of `u64` nanoseconds reaches this tick.
    pub(super) fn is_reached(self, tick: u64) -> bool {
        tick <= u64::MAX / self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remainder_rounds_a_deadline_up_and_now_down_c26() {
        let table: [(u64, u64, u64, u64); 9] = [
            // resolution, ns, deadline's tick, tick
            (1, 0, 0, 0),
            (1, u64::MAX, u64::MAX, u64::MAX),
            (1_000, 0, 0, 0),
            (1_000, 1, 1, 0),
            (1_000, 999, 1, 0),
            (1_000, 1_000, 1, 1),
            (1_000, 1_001, 2, 1),
            (1_000, u64::MAX, u64::MAX / 1_000 + 1, u64::MAX / 1_000),
            (u64::MAX, 1, 1, 0),
        ];
        for (resolution, ns, deadline, tick) in table {
            let ticks = Resolution::new(resolution).unwrap();
            assert_eq!((ticks.deadline_tick(ns), ticks.tick(ns)), (deadline, tick), "{ns} ns at {resolution}");
            assert!(ticks.start_ns(deadline) >= ns, "early: {ns} ns at {resolution}");
            assert!(ticks.start_ns(tick) <= ns);
        }
    }

    #[test]
    fn a_tick_past_the_end_of_time_is_known_as_such() {
        let ticks = Resolution::new(1_000).unwrap();
        assert!(ticks.is_reached(ticks.tick(u64::MAX)));
        assert!(!ticks.is_reached(ticks.deadline_tick(u64::MAX)));
        assert_eq!(ticks.start_ns(ticks.deadline_tick(u64::MAX)), u64::MAX);
        assert!(Resolution::new(0).is_none());
    }
}
