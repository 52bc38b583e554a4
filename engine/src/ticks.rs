//! The scheduler's unit of time into the wheel's ticks, and back.
//!
//! ```text
//!   deadline   ├────┼────┼──●─┼►       up:   the first tick that begins at or after it
//!   now        ├────┼────┼─●──┼        down: the last tick that has begun
//!              t    t+1  t+2  t+3            ⇒ now's tick ≥ deadline's tick only when now ≥ deadline
//! ```

use core::num::NonZeroU64;

/// The length of a tick.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Resolution(pub(crate) NonZeroU64);

impl Resolution {
    /// The tick of a deadline, rounded up.
    ///
    /// A deadline in the last, unfinished tick of `u64` rounds up to a tick that no clock reaches.
    pub(crate) fn deadline_tick(self, time: u64) -> u64 {
        if mutant!("c01-libuv-4773") {
            return time / self.0;
        }
        time.div_ceil(self.0.get())
    }

    /// The tick in which a moment lies.
    pub(crate) fn tick(self, time: u64) -> u64 {
        time / self.0
    }

    /// When a tick begins; [`u64::MAX`] for one that no clock reaches.
    pub(crate) fn start(self, tick: u64) -> u64 {
        tick.saturating_mul(self.0.get())
    }

    /// Whether a clock of `u64` reaches this tick.
    pub(crate) fn is_reached(self, tick: u64) -> bool {
        tick <= u64::MAX / self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remainder_rounds_a_deadline_up_and_now_down_c26() {
        let table: [(u64, u64, u64, u64); 9] = [
            // resolution, time, deadline's tick, tick
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
        for (resolution, time, deadline, tick) in table {
            let ticks = Resolution(resolution.try_into().unwrap());
            assert_eq!((ticks.deadline_tick(time), ticks.tick(time)), (deadline, tick), "{time} at {resolution}");
            assert!(ticks.start(deadline) >= time, "early: {time} at {resolution}");
            assert!(ticks.start(tick) <= time);
        }
    }

    #[test]
    fn a_tick_past_the_end_of_time_is_known_as_such() {
        let ticks = Resolution(1_000.try_into().unwrap());
        assert!(ticks.is_reached(ticks.tick(u64::MAX)));
        assert!(!ticks.is_reached(ticks.deadline_tick(u64::MAX)));
        assert_eq!(ticks.start(ticks.deadline_tick(u64::MAX)), u64::MAX);
    }
}
