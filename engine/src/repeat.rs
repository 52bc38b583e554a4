//! The arithmetic of periods and slack.
//!
//! This file has the only code for the rule of missed deadlines, which the interfaces of all languages use. The rule
//! has an answer for all arguments: a sum that is out of range saturates.

use core::num::NonZeroU64;

/// The policy of a repeating timer for deadlines that passed before it was served.
///
/// A deadline that is served within the timer's slack is on time, and all policies then do the same. In the example
/// below the first deadline and the period are 10, and there is no slack. The timer is served at 12, and not again
/// before 45. The table shows the deadlines that are served:
///
/// ```text
///           at 12   from 45 on
///   Burst   10      20, 30 and 40 in a row, then 50, 60 …   every deadline of the schedule is served
///   Skip    10      20, then 50, 60 …                       30 and 40 are not served, but counted as missed
///   Delay   10      22, then 55, 65 …                       each period counts from the time of the late service
/// ```
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Missed {
    /// Serves every deadline, the late ones in a row.
    Burst,
    /// Serves the late deadline, and continues with the first deadline of the schedule after now.
    #[default]
    Skip,
    /// Serves the late deadline, and counts the next period from now.
    Delay,
}

/// The deadline that follows another deadline.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Next {
    /// The next deadline.
    pub deadline: u64,
    /// The number of deadlines between the two, which will not be served.
    pub missed: u64,
}

impl Missed {
    /// The deadline that follows `deadline`, if `deadline` is served at `now`. Callers that keep a schedule of their
    /// own use this function.
    ///
    /// All arguments are allowed. Deadlines end at [`u64::MAX`], which no clock reaches.
    #[must_use]
    pub fn next(self, deadline: u64, period: NonZeroU64, now: u64) -> Next {
        let (deadline, missed) = u64::follow(self, deadline, period.get(), now);
        Next { deadline, missed }
    }
}

/// The arithmetic for an integer type: `u64` is used, and `u8` is small enough for a test of all arguments.
pub(crate) trait Arithmetic: Sized {
    /// The next deadline that is served after `deadline`, and the number of deadlines in between, which are missed.
    /// `period` is not 0.
    fn follow(policy: Missed, deadline: Self, period: Self, now: Self) -> (Self, Self);

    /// The time at which a timer with slack expires. `slack` is not 0.
    ///
    /// Time is counted in units of the greatest power of ten that is not above the slack. The timer expires at a whole
    /// unit from `deadline` to `deadline + slack`: the one whose count is divisible by the highest power of two. So
    /// timers with a slack of 1 ms expire at whole milliseconds, timers with 4 ms at every fourth millisecond, and
    /// timers with different slacks often expire together.
    fn coalesce(deadline: Self, slack: Self) -> Self;
}

macro_rules! arithmetic {
    ($width:ty) => {
        impl Arithmetic for $width {
            fn follow(policy: Missed, deadline: Self, period: Self, now: Self) -> (Self, Self) {
                let late = now.saturating_sub(deadline);
                let on_schedule = deadline.saturating_add(period);
                match policy {
                    Missed::Burst => (on_schedule, 0),
                    _ if late == 0 => (on_schedule, 0),
                    Missed::Delay => (now.saturating_add(period), 0),
                    Missed::Skip => {
                        let missed = late / period;
                        // The product is at most `late`. The sum saturates only where the next deadline is out of
                        // range.
                        (on_schedule.saturating_add(missed * period), missed)
                    }
                }
            }

            fn coalesce(deadline: Self, slack: Self) -> Self {
                let unit = (10 as Self).pow(slack.ilog10());
                let last = deadline.saturating_add(slack) / unit;
                let Some(before) = deadline.div_ceil(unit).checked_sub(1) else { return 0 };
                // Some time within the slack is always a whole unit, except at the end of `u64`, where the sum above
                // saturates.
                if before >= last {
                    return deadline;
                }
                // The highest bit in which `before` and `last` differ stays set, so the result is after `before`. All
                // lower bits are cleared.
                let differing = before ^ last;
                (last & (Self::MAX << (Self::BITS - 1 - differing.leading_zeros()))) * unit
            }
        }
    };
}

arithmetic!(u64);
#[cfg(test)]
arithmetic!(u8);

#[cfg(test)]
mod tests {
    use super::*;

    /// Row C13 of docs/conformance.md: each policy's answer, on time, a little late, and very late.
    #[test]
    fn c13_the_deadline_after_a_late_one() {
        let table = [
            // deadline, period, served at, next by burst, delay, skip, missed by skip
            (10, 10, 10, 20, 20, 20, 0),
            (10, 10, 12, 20, 22, 20, 0),
            (10, 10, 20, 20, 30, 30, 1),
            (20, 10, 45, 30, 55, 50, 2),
            (20, 10, 49, 30, 59, 50, 2),
            (u64::MAX - 5, 10, u64::MAX - 5, u64::MAX, u64::MAX, u64::MAX, 0),
            (0, 1, u64::MAX, 1, u64::MAX, u64::MAX, u64::MAX),
            (u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0),
            (1, u64::MAX - 1, u64::MAX, u64::MAX, u64::MAX, u64::MAX, 1),
        ];
        for (deadline, period, now, burst, delay, skip, missed) in table {
            let period = NonZeroU64::new(period).unwrap();
            let answer = |policy: Missed| policy.next(deadline, period, now);
            assert_eq!(answer(Missed::Burst), Next { deadline: burst, missed: 0 });
            assert_eq!(answer(Missed::Delay), Next { deadline: delay, missed: 0 });
            assert_eq!(answer(Missed::Skip), Next { deadline: skip, missed });
        }
    }

    /// Regression test: a deadline of 8 with a slack of 3 was moved to 10, although 8 ends in more zero bits. The model
    /// of the scheduler found this bug.
    #[test]
    fn a_deadline_that_is_itself_the_roundest_is_kept() {
        assert_eq!(u64::coalesce(8, 3), 8);
        assert_eq!(u64::coalesce(1024, 1), 1024);
        assert_eq!(u64::coalesce(9, 3), 12);
        assert_eq!(u64::coalesce(8_000, 3_000), 8_000);
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn slack_is_never_early_and_never_too_late() {
        for deadline in (0..2000).step_by(if cfg!(miri) { 61 } else { 1 }).chain([u64::MAX - 3, u64::MAX]) {
            for slack in [1, 2, 7, 10, 16, 100, MS] {
                let at = u64::coalesce(deadline, slack);
                assert!(deadline <= at && at - deadline <= slack, "{deadline} with {slack}: {at}");
            }
        }
    }

    /// Regression test: the times were multiples of powers of two in nanoseconds. Not every range of 1 ms has a
    /// multiple of 2²⁰ ns. So timers with a slack of 1 ms woke the loop 1,500 times a second, and with 2 ms nearly 900
    /// times.
    #[test]
    fn timers_with_the_same_slack_share_its_multiples() {
        for ms in [1, 2, 4, 8, 10, 20, 40, 100, 1_000] {
            let deadlines = (0..2_000_u64).step_by(if cfg!(miri) { 97 } else { 1 }).map(|nth| nth * 123_457);
            let shared = deadlines.map(|deadline| u64::coalesce(deadline, ms * MS));
            shared.for_each(|at| assert_eq!(at % (ms * MS), 0, "{at} with {ms} ms"));
        }
    }

    #[test]
    fn timers_with_different_slacks_meet() {
        let step = if cfg!(miri) { 61 } else { 1 };
        let met: alloc::collections::BTreeSet<u64> =
            (0..1000).step_by(step).map(|nth| u64::coalesce(5 * MS + nth * 20_000, 4 * MS + nth * 5_000)).collect();
        assert!(met.len() <= 7, "a thousand timers within 20 ms, with slacks of 4 to 9 ms, wake {} times", met.len());
    }

    /// The next deadline, found by counting in a wider type.
    fn by_counting(policy: Missed, deadline: u8, period: u8, now: u8) -> (u8, u8) {
        let [deadline, period, now] = [deadline, period, now].map(u32::from);
        let (mut next, mut missed) = (deadline + period, 0);
        match policy {
            Missed::Burst => {}
            Missed::Delay => next = next.max(now + period),
            Missed::Skip => {
                while next <= now {
                    next += period;
                    missed += 1;
                }
            }
        }
        (next.min(255) as u8, missed as u8)
    }

    /// Every number of eight bits from `first` on. Under Miri, which is slow, every 61st number and the largest.
    fn eight_bits(first: u8) -> impl Iterator<Item = u8> + Clone {
        let step = if cfg!(miri) { 61 } else { 1 };
        (first..u8::MAX).step_by(step).chain([u8::MAX])
    }

    /// Regression test: `Missed::Skip.next( 0, 1, u64::MAX )` overflowed. Tries every policy, deadline, period and
    /// moment of eight bits.
    #[test]
    fn every_deadline_is_followed_by_the_one_that_counting_finds() {
        for policy in [Missed::Burst, Missed::Skip, Missed::Delay] {
            for deadline in eight_bits(0) {
                for (now, period) in eight_bits(0).flat_map(|now| eight_bits(1).map(move |period| (now, period))) {
                    let wanted = by_counting(policy, deadline, period, now);
                    let got = u8::follow(policy, deadline, period, now);
                    assert_eq!(got, wanted, "{policy:?}: {deadline}, each {period}, served at {now}");
                }
            }
        }
    }

    /// Tries every deadline and slack of eight bits. The result is the whole unit within the slack whose count is
    /// divisible by the highest power of two. If there are several, it is the earliest.
    #[test]
    fn timers_with_slack_meet_at_the_roundest_time_that_is_allowed() {
        for deadline in eight_bits(0) {
            for slack in eight_bits(1) {
                let unit = [1, 10, 100].into_iter().rfind(|&unit| unit <= slack).unwrap();
                let roundest = (deadline..=deadline.saturating_add(slack))
                    .filter(|time| time % unit == 0)
                    .max_by_key(|time| ((time / unit).trailing_zeros(), core::cmp::Reverse(*time)))
                    .unwrap_or(deadline);
                assert_eq!(u8::coalesce(deadline, slack), roundest, "{deadline} with {slack}");
            }
        }
    }
}
