//! Years of virtual time, in seconds: a loop that wakes at each next deadline, with a timer at the end of time pending.

use cogloop_engine::{Key, Wheel};

/// At a microsecond a tick.
const MINUTE: u64 = 60_000_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const YEARS: u64 = 20 * 365 * DAY;

/// Some meet often, some seldom; the last two are no multiple of anything, least of all of a slot.
const PERIODS: [u64; 6] = [20 * MINUTE, HOUR, DAY, 7 * DAY, 1_000_000_007, (1 << 36) + 1];

/// How many different ticks in 1..=end are a multiple of one of the periods: inclusion and exclusion.
fn distinct_multiples(periods: &[u64], end: u64) -> u64 {
    /// Those of `least` that are multiples of one of `periods` as well.
    fn count(least: u128, periods: &[u64], end: u128) -> u128 {
        let Some((&first, rest)) = periods.split_first() else { return 0 };
        let both = least_common_multiple(least, u128::from(first));
        end / both + count(least, rest, end) - count(both, rest, end)
    }
    count(1, periods, u128::from(end)) as u64
}

fn least_common_multiple(a: u128, b: u128) -> u128 {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

#[test]
fn multiples_are_counted_once() {
    assert_eq!(distinct_multiples(&[2, 3], 12), 8, "2 3 4 6 8 9 10 12");
    assert_eq!(distinct_multiples(&[4, 2, 6], 12), 6);
    assert_eq!(distinct_multiples(&[], 12), 0);
}

/// What a timer is for.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
enum Timer {
    /// The n-th period.
    Period(usize),
    /// Set anew whenever its period fires, so that it never does: a request's timeout.
    Timeout,
    #[default]
    EndOfTime,
}

/// C14, C22, C23 (tokio #8334: beside a timer at the maximum, short ones hung after 12 days), C26, C27: for twenty years
/// each period is served at each of its multiples and nothing wakes the loop beside.
#[test]
fn c23_twenty_years_beside_a_timer_at_the_end_of_time() {
    let mut wheel = Wheel::<Timer>::new();
    let last = wheel.insert(u64::MAX, Timer::EndOfTime);
    for (n, period) in PERIODS.into_iter().enumerate() {
        wheel.insert(period, Timer::Period(n));
    }
    let mut timeouts: [Option<Key>; PERIODS.len()] = [None; PERIODS.len()];
    let (mut counts, mut wakes) = ([0u64; PERIODS.len()], 0u64);

    while let Some(next) = wheel.next_deadline().filter(|&next| next <= YEARS) {
        assert!(next > wheel.now(), "a wake-up that brings no time");
        wakes += 1;
        if wakes % 1000 == 0 {
            wheel.audit();
        }
        wheel.advance(next);
        let mut served = 0;
        while let Some(expired) = wheel.pop_expired() {
            assert_eq!(expired.deadline, next);
            let Timer::Period(n) = expired.value else { panic!("{:?} at {next}", expired.value) };
            counts[n] += 1;
            served += 1;
            wheel.insert(next + PERIODS[n], expired.value);
            let timeout = wheel.insert(next + PERIODS[n] * 3 / 2, Timer::Timeout);
            if let Some(old) = timeouts[n].replace(timeout) {
                assert_eq!(wheel.cancel(old), Some(Timer::Timeout));
            }
        }
        assert!(served > 0, "woken at {next} for nothing");
    }

    assert_eq!(counts, PERIODS.map(|period| YEARS / period));
    assert_eq!(wakes, distinct_multiples(&PERIODS, YEARS));
    wheel.audit();
    assert_eq!(wheel.len(), 1 + 2 * PERIODS.len(), "the end of time, the periods and their timeouts");
    for (key, value) in wheel.iter().map(|(key, _, &value)| (key, value)).collect::<Vec<_>>() {
        assert!(value == Timer::EndOfTime || wheel.cancel(key).is_some());
    }
    assert_eq!((wheel.next_deadline(), wheel.deadline(last)), (Some(u64::MAX), Some(u64::MAX)));
    wheel.advance(u64::MAX);
    assert_eq!(wheel.pop_expired().map(|expired| expired.value), Some(Timer::EndOfTime));
}
