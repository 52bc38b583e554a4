//! The arithmetic of repeating and of being allowed to be late.

use core::num::NonZeroU64;

/// What a repeating timer does about deadlines that passed while nobody served it.
///
/// Period 10, served at 12, then only at 45:
///
/// ```text
///             10  20  30  40  50  60
///   served      12              45
///   Burst        ·   20  30  40 50 …   each is served, the late ones in a row, on the schedule
///   Skip         ·   (20 30) 40  50 …  the last that passed is served, those before are counted as missed
///   Delay        ·   20         55 …   the schedule starts anew where it was served
/// ```
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Missed {
    /// Serve every deadline; the late ones in a row.
    Burst,
    /// Serve the deadline at hand and go on with the first one after now, on the old schedule.
    #[default]
    Skip,
    /// Serve the deadline at hand and count the period from now.
    Delay,
}

/// What follows a deadline.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Next {
    /// The next deadline.
    pub deadline: u64,
    /// Deadlines that will not be served.
    pub missed: u64,
}

impl Missed {
    /// The deadline after `deadline`, which is served at `now`: for whoever keeps a schedule of his own.
    #[must_use]
    pub fn next(self, deadline: u64, period: NonZeroU64, now: u64) -> Next {
        let period = period.get();
        match self {
            Self::Burst => Next { deadline: deadline.saturating_add(period), missed: 0 },
            Self::Skip if mutant!("c13-luamockit") => Next { deadline: deadline.saturating_add(period), missed: 0 },
            Self::Delay => Next { deadline: now.max(deadline).saturating_add(period), missed: 0 },
            Self::Skip => {
                let missed = now.saturating_sub(deadline) / period;
                Next { deadline: deadline.saturating_add((missed + 1).saturating_mul(period)), missed }
            }
        }
    }
}

/// The tick at which a timer best expires that may expire from `deadline` on, up to `slack` ticks later: the one that
/// ends in the most zero bits, so that neighbours with slack meet in one tick.
pub(crate) fn coalesce(deadline: u64, slack: u64) -> u64 {
    let latest = deadline.saturating_add(slack);
    let Some(before) = deadline.checked_sub(1) else { return 0 };
    // Below the highest bit in which the two differ, the latest may lose every bit and stays after `before`.
    let differing = before ^ latest;
    latest & (u64::MAX << (u64::BITS - 1 - differing.leading_zeros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C13: each policy's answer, on time, a little late, and very late.
    #[test]
    fn c13_what_follows_a_late_deadline() {
        let table = [
            // deadline, period, served at, next by burst, delay, skip, missed by skip
            (10, 10, 10, 20, 20, 20, 0),
            (10, 10, 12, 20, 22, 20, 0),
            (10, 10, 20, 20, 30, 30, 1),
            (20, 10, 45, 30, 55, 50, 2),
            (20, 10, 49, 30, 59, 50, 2),
            (u64::MAX - 5, 10, u64::MAX - 5, u64::MAX, u64::MAX, u64::MAX, 0),
            (0, 1, u64::MAX, 1, u64::MAX, u64::MAX, u64::MAX),
        ];
        for (deadline, period, now, burst, delay, skip, missed) in table {
            let period = NonZeroU64::new(period).unwrap();
            let answer = |policy: Missed| policy.next(deadline, period, now);
            assert_eq!(answer(Missed::Burst), Next { deadline: burst, missed: 0 });
            assert_eq!(answer(Missed::Delay), Next { deadline: delay, missed: 0 });
            if missed != u64::MAX {
                assert_eq!(answer(Missed::Skip), Next { deadline: skip, missed });
            }
        }
    }

    /// The scheduler's model found it: a deadline of 8 with a slack of 3 was put off to 10, although 8 is rounder.
    #[test]
    fn a_deadline_that_is_itself_the_roundest_is_kept() {
        assert_eq!(coalesce(8, 3), 8);
        assert_eq!(coalesce(1024, 1), 1024);
        assert_eq!(coalesce(9, 3), 12);
    }

    #[test]
    fn slack_is_never_early_never_too_late_and_brings_neighbours_together() {
        for deadline in (0..2000).chain([u64::MAX - 3, u64::MAX]) {
            for slack in [0, 1, 2, 7, 16, 100] {
                let at = coalesce(deadline, slack);
                assert!(deadline <= at && at - deadline <= slack, "{deadline} with {slack}: {at}");
            }
        }
        let met: alloc::collections::BTreeSet<u64> = (1000..1100).map(|deadline| coalesce(deadline, 100)).collect();
        assert!(met.len() <= 3, "a hundred timers wake {} times", met.len());
    }
}
