//! Tests the wheel over years of virtual time, which take seconds of real time. The test wakes at each next deadline,
//! while a timer at the end of time is pending.

use cogloop_engine::{Key, Wheel};

/// A minute in ticks of a microsecond.
const MINUTE: u64 = 60_000_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const YEARS: u64 = 20 * 365 * DAY;

/// Some periods often end at the same tick, others seldom. The last two are not multiples of a slot.
const PERIODS: [u64; 6] = [20 * MINUTE, HOUR, DAY, 7 * DAY, 1_000_000_007, (1 << 36) + 1];

/// The number of different ticks in 1..=end that are a multiple of one of the periods, by inclusion and exclusion.
fn distinct_multiples(periods: &[u64], end: u64) -> u64 {
    /// The number of multiples of `least` that are also multiples of one of `periods`.
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

/// The purpose of a timer.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
enum Timer {
    /// The n-th period.
    Period(usize),
    /// The timeout of a request. The timeout is set again whenever its period fires, so the timeout never fires.
    Timeout,
    #[default]
    EndOfTime,
}

/// C14, C22, C23, C26, C27: for twenty years each period is served at each of its multiples, and the loop wakes for
/// nothing else. In tokio (#8334) short timers hung after 12 days while a timer with the greatest deadline was pending.
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
        assert!(next > wheel.now(), "a wake-up without progress of time");
        wakes += 1;
        if wakes % 1000 == 0 {
            wheel.audit();
        }
        wheel.advance(next);
        let mut served = 0;
        while let Some(expired) = wheel.pop_expired() {
            assert_eq!(expired.deadline, next);
            let Timer::Period(n) = expired.value else { panic!("{:?} fired at {next}", expired.value) };
            counts[n] += 1;
            served += 1;
            wheel.insert(next + PERIODS[n], expired.value);
            let timeout = wheel.insert(next + PERIODS[n] * 3 / 2, Timer::Timeout);
            if let Some(old) = timeouts[n].replace(timeout) {
                assert_eq!(wheel.cancel(old), Some(Timer::Timeout));
            }
        }
        assert!(served > 0, "a wake-up at {next} serves nothing");
    }

    assert_eq!(counts, PERIODS.map(|period| YEARS / period));
    assert_eq!(wakes, distinct_multiples(&PERIODS, YEARS));
    wheel.audit();
    assert_eq!(wheel.len(), 1 + 2 * PERIODS.len(), "the timer at the end of time, the periods and their timeouts");
    for (key, value) in wheel.iter().map(|(key, _, &value)| (key, value)).collect::<Vec<_>>() {
        assert!(value == Timer::EndOfTime || wheel.cancel(key).is_some());
    }
    assert_eq!((wheel.next_deadline(), wheel.deadline(last)), (Some(u64::MAX), Some(u64::MAX)));
    wheel.advance(u64::MAX);
    assert_eq!(wheel.pop_expired().map(|expired| expired.value), Some(Timer::EndOfTime));
}
