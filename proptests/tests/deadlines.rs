//! Tests the arithmetic of deadlines in the whole range of `u64`, most often near the ends of the range. Sums in `u128`
//! give the expected results.

use std::num::NonZeroU64;

use cogloop_engine::{Missed, Plan, Scheduler};
use proptest::prelude::*;

const POLICIES: [Missed; 3] = [Missed::Burst, Missed::Skip, Missed::Delay];

/// Any number. Both ends of the range and the powers of two are likely.
fn edge() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => any::<u64>(),
        2 => 0..5u64,
        2 => (0..5u64).prop_map(|back| u64::MAX - back),
        1 => (0..64u32, 0..3u64).prop_map(|(bit, off)| (1u64 << bit).wrapping_add(off).wrapping_sub(1)),
    ]
}

fn cut(wide: u128) -> u64 {
    wide.try_into().unwrap_or(u64::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Regression test: `Missed::Skip.next( 0, 1, u64::MAX )` overflowed. In a release build the timer was due again at
    /// once.
    #[test]
    fn the_next_deadline_is_right_at_the_edges_of_the_range_c13(
        deadline in edge(), period in edge(), now in edge(), policy in 0..3usize,
    ) {
        let period = NonZeroU64::new(period).unwrap_or(NonZeroU64::MIN);
        let next = POLICIES[policy].next(deadline, period, now);
        let [start, each, served] = [deadline, period.get(), now].map(u128::from);
        let late = served.saturating_sub(start);
        let (wanted, missed) = match POLICIES[policy] {
            Missed::Burst => (start + each, 0),
            Missed::Skip => (start + (late / each + 1) * each, late / each),
            Missed::Delay => (start.max(served) + each, 0),
        };
        prop_assert_eq!((next.deadline, u128::from(next.missed)), (cut(wanted), missed));
        prop_assert!(next.deadline > deadline || deadline == u64::MAX, "no progress");
    }

    /// A timer reports the first start of a tick that is not before its deadline. Its lateness is the time since then,
    /// and it misses no deadline within its slack. This holds in the whole range.
    #[test]
    fn one_shots_and_intervals_report_the_same_deadline_at_any_time(
        resolution in edge(), deadline in edge(), period in edge(), slack in edge(), late in edge(), policy in 0..3usize,
    ) {
        let resolution = NonZeroU64::new(resolution).unwrap_or(NonZeroU64::MIN);
        let up = |ns: u128| ns.div_ceil(u128::from(resolution.get())) * u128::from(resolution.get());
        let rounded = cut(up(deadline.into()));
        let mut scheduler = Scheduler::<u8>::new(resolution);
        let once = Plan::once(deadline).with_slack(slack);
        let often = Plan {
            period: Some(NonZeroU64::new(period).unwrap_or(NonZeroU64::MIN)),
            missed: POLICIES[policy],
            ..once
        };
        let keys = [once, often].map(|plan| scheduler.add(plan, 0));
        prop_assert_eq!(keys.map(|key| scheduler.deadline(key)), [Some(rounded); 2]);
        let Some(due) = scheduler.next_deadline() else {
            // A timer may fail to fire only if it would be due at the end of time.
            prop_assert_eq!(cut(up(u128::from(deadline) + u128::from(slack))), u64::MAX);
            return Ok(());
        };
        let now = due.saturating_add(late);
        scheduler.advance(now);
        for key in keys {
            let fired = scheduler.pop().expect("both timers are due");
            prop_assert_eq!((fired.key, fired.deadline, fired.late), (key, rounded, now - rounded));
            let is_short = slack == 0 && period < resolution.get();
            if !is_short && u128::from(now) <= up(u128::from(deadline) + u128::from(slack)) {
                prop_assert_eq!(fired.missed, 0);
            }
        }
        prop_assert!(scheduler.pop().is_none());
        let next = scheduler.deadline(keys[1]).expect("it repeats");
        prop_assert!(next >= rounded, "the next deadline is not earlier");
        prop_assert!(next > now || slack > 0 || late > 0 || POLICIES[policy] == Missed::Burst, "the timer is not due again at once");
        scheduler.audit();
    }
}

/// Regression test: a deadline that was served within its slack counted as late. Of the thousand calls up to time
/// 10,000, only 794 came.
#[test]
fn lateness_within_the_slack_changes_no_schedule_c13() {
    for missed in POLICIES {
        let mut scheduler = Scheduler::<u8>::new(NonZeroU64::MIN);
        let ten = NonZeroU64::new(10).unwrap();
        scheduler.add(Plan { slack: 5, ..Plan::every(10, ten, missed) }, 0);
        let mut served = 0;
        while let Some(next) = scheduler.next_deadline().filter(|&next| next <= 10_000) {
            scheduler.advance(next);
            let fired = scheduler.pop().unwrap();
            served += 1;
            assert_eq!((fired.deadline, fired.missed), (served * 10, 0), "{missed:?}");
            assert!(fired.late <= 5, "{missed:?}: {fired:?}");
        }
        assert!(served >= 999, "{missed:?}: {served} calls");
    }
}

/// The number of wake-ups in which the scheduler serves timers with these deadlines and slacks, in ns.
fn wake_ups(timers: &[(u64, u64)]) -> usize {
    let mut scheduler = Scheduler::<u64>::new(NonZeroU64::new(1_000).unwrap());
    for &(deadline, slack) in timers {
        scheduler.add(Plan::once(deadline).with_slack(slack), deadline + slack);
    }
    let mut wakes = 0;
    while let Some(next) = scheduler.next_deadline() {
        wakes += 1;
        scheduler.advance(next);
        while let Some(fired) = scheduler.pop() {
            assert!(fired.deadline <= next && next < fired.value + 1_000, "{fired:?} at {next}");
        }
    }
    wakes
}

/// The least number of wake-ups for these timers. Each wake-up is at the end of a timer's slack, and serves all timers
/// that are due.
fn fewest_wake_ups(timers: &[(u64, u64)]) -> usize {
    let mut by_end: Vec<_> = timers.iter().map(|&(deadline, slack)| (deadline + slack, deadline)).collect();
    by_end.sort_unstable();
    let wake =
        |(wakes, last): (usize, u64), (end, deadline)| if deadline > last { (wakes + 1, end) } else { (wakes, last) };
    by_end.into_iter().fold((0, 0), wake).0
}

/// Tests each row of the table with 4,000 timers, whose deadlines are within half a second. The timers take the slacks
/// of the row in rotation. An advance visits so few timers in one slice. The counts of docs/wheel.md are printed by
/// `cargo test -p cogloop-proptests --test deadlines fewest -- --nocapture`.
#[test]
fn timers_with_slack_are_served_in_hardly_more_wake_ups_than_the_fewest() {
    const US: u64 = 1_000;
    let table: [(&[u64], f64); 12] = [
        (&[500 * US], 1.55),
        (&[1_000 * US], 1.15),
        (&[1_049 * US], 1.25),
        (&[2_000 * US], 1.1),
        (&[3_000 * US], 1.6),
        (&[4_000 * US], 1.1),
        (&[5_000 * US], 1.35),
        (&[7_000 * US], 1.85),
        (&[10_000 * US], 1.05),
        (&[20_000 * US], 1.05),
        (&[1_000 * US, 10_000 * US, 100_000 * US], 1.35),
        (&[1_000 * US, 2_500 * US, 3_100 * US, 4_700 * US, 6_300 * US, 9_900 * US], 1.55),
    ];
    let mut random = 0_u64;
    let mut deadline = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        7_000_000_000_000 + (random >> 33) % 500_000_000
    };
    for (slacks, ratio_max) in table {
        let timers: Vec<_> = slacks.iter().cycle().take(4_000).map(|&slack| (deadline(), slack)).collect();
        let (wakes, fewest) = (wake_ups(&timers), fewest_wake_ups(&timers));
        let ratio = wakes as f64 / fewest as f64;
        println!(
            "slacks of {:?} µs: {wakes} wake-ups, the fewest {fewest}, × {ratio:.2}",
            slacks.iter().map(|ns| ns / US).collect::<Vec<_>>()
        );
        assert!(ratio <= ratio_max, "slacks of {slacks:?} ns: {wakes} wake-ups, the fewest are {fewest}");
    }
}
