//! Conversion between the scheduler's unit of time and the wheel's ticks.
//!
//! ```text
//!   deadline   ├────┼────┼──●─┼►       up:   the first tick that begins at or after the deadline
//!   now        ├────┼────┼─●──┼        down: the last tick that has begun
//!              t    t+1  t+2  t+3            ⇒ now's tick ≥ deadline's tick only when now ≥ deadline
//! ```
//!
//! [`u64::MAX`] is the end of time: no clock reaches this time at any resolution, so a timer whose deadline has
//! saturated never fires.

use core::num::NonZeroU64;

/// The length of a tick.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Resolution(pub(crate) NonZeroU64);

impl Resolution {
    /// The first tick that begins at or after a deadline. For a deadline after the start of the last tick that a clock
    /// reaches, the result is the next tick, which no clock reaches.
    #[inline]
    pub(crate) fn deadline_tick(self, time: u64) -> u64 {
        u64::deadline_tick(self.0.get(), time)
    }

    /// The tick in which `time` lies. [`u64::MAX`] counts as `u64::MAX - 1`.
    #[inline]
    pub(crate) fn tick(self, time: u64) -> u64 {
        u64::tick(self.0.get(), time)
    }

    /// The time at which a tick begins; [`u64::MAX`] for a tick that no clock reaches.
    #[inline]
    pub(crate) fn start(self, tick: u64) -> u64 {
        u64::start(self.0.get(), tick)
    }

    /// Rounds a deadline up to the start of a tick. The result is reported as the timer's deadline, and the timer's
    /// lateness counts from it.
    #[inline]
    pub(crate) fn round_up(self, deadline: u64) -> u64 {
        self.start(self.deadline_tick(deadline))
    }

    /// Whether a clock that counts in `u64` reaches this tick.
    pub(crate) fn is_reached(self, tick: u64) -> bool {
        tick <= self.tick(u64::MAX)
    }
}

/// The arithmetic for an integer type: `u64` is used, and `u8` is small enough for a test of all arguments. `length` is
/// the length of a tick and never 0.
trait Ticking: Sized {
    fn deadline_tick(length: Self, time: Self) -> Self;
    fn tick(length: Self, time: Self) -> Self;
    fn start(length: Self, tick: Self) -> Self;
}

macro_rules! ticking {
    ($width:ty) => {
        impl Ticking for $width {
            #[inline(always)]
            fn deadline_tick(length: Self, time: Self) -> Self {
                time.div_ceil(length)
            }

            #[inline(always)]
            fn tick(length: Self, time: Self) -> Self {
                time.min(Self::MAX - 1) / length
            }

            #[inline(always)]
            fn start(length: Self, tick: Self) -> Self {
                tick.saturating_mul(length)
            }
        }
    };
}

ticking!(u64);
#[cfg(test)]
ticking!(u8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remainder_rounds_a_deadline_up_and_now_down_c26() {
        let table: [(u64, u64, u64, u64); 9] = [
            // resolution, time, deadline's tick, tick
            (1, 0, 0, 0),
            (1, u64::MAX, u64::MAX, u64::MAX - 1),
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
            assert_eq!(ticks.round_up(time), ticks.start(deadline));
        }
    }

    /// Regression test: if the length of a tick divides `u64::MAX`, as 1 ns does, an interval at the end of time was
    /// due again in every turn.
    #[test]
    fn the_end_of_time_is_reached_at_no_resolution() {
        for resolution in [1, 2, 3, 5, 17, 1_000, 6_700_417, u64::MAX / 3, u64::MAX - 1, u64::MAX] {
            let ticks = Resolution(resolution.try_into().unwrap());
            assert!(!ticks.is_reached(ticks.deadline_tick(u64::MAX)), "at {resolution}");
            assert!(ticks.tick(u64::MAX) < ticks.deadline_tick(u64::MAX), "at {resolution}");
            assert_eq!(ticks.round_up(u64::MAX), u64::MAX, "at {resolution}");
        }
    }

    #[test]
    fn a_tick_past_the_end_of_time_is_known_as_such() {
        let ticks = Resolution(1_000.try_into().unwrap());
        assert!(ticks.is_reached(ticks.tick(u64::MAX)));
        assert!(!ticks.is_reached(ticks.deadline_tick(u64::MAX)));
        assert_eq!(ticks.start(ticks.deadline_tick(u64::MAX)), u64::MAX);
    }

    /// Tries every tick length, deadline and moment of eight bits. Miri tries fewer.
    #[test]
    fn a_deadlines_tick_is_reached_when_its_time_has_come_and_not_before() {
        let step = if cfg!(miri) { 37 } else { 1 };
        for length in (1..u8::MAX).step_by(step).chain([u8::MAX]) {
            let wide = u32::from(length);
            for deadline in (0..u8::MAX).step_by(step).chain([u8::MAX]) {
                let due = u8::deadline_tick(length, deadline);
                // The start of the deadline's tick, found by counting in a wider type.
                let begin = (0..).map(|tick| tick * wide).find(|&begin| begin >= u32::from(deadline)).unwrap();
                assert_eq!((u32::from(due) * wide, u8::start(length, due)), (begin, begin.min(255) as u8));
                for now in (0..u8::MAX).step_by(step) {
                    let tick = u8::tick(length, now);
                    assert!(u8::start(length, tick) <= now && u32::from(now) < (u32::from(tick) + 1) * wide);
                    assert_eq!(tick >= due, u32::from(now) >= begin, "{deadline} at {now} in ticks of {length}");
                }
                // At the end of time nothing becomes due that was not due one unit before.
                assert_eq!(u8::tick(length, u8::MAX), u8::tick(length, u8::MAX - 1));
            }
            assert!(u8::tick(length, u8::MAX) < u8::deadline_tick(length, u8::MAX), "the end is reached at {length}");
        }
    }
}
