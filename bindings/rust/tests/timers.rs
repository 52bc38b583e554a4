//! Timers, on virtual time except where a test needs real time. The numbers `C…` name rows of docs/conformance.md.

mod common;

use cogloop::{Error, Firing, Interval, Loop, Missed, Options};
use common::*;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// C01: no one-shot timer is early by the clock of the standard library, whether `after` or `at` armed it.
#[test]
fn no_timer_is_early_c01() {
    on_every_backend(|options| {
        let mut events = Loop::with_options(options.clone()).unwrap();
        for microseconds in (0..4000).step_by(97) {
            let delay = Duration::from_micros(microseconds);
            let due = Instant::now() + delay;
            let check = move |fired: &mut u32, firing: &Firing<'_, u32>| {
                assert!(Instant::now() >= due);
                assert!(firing.now() >= firing.deadline());
                *fired += 1;
            };
            if microseconds % 2 == 0 { events.after(delay, check) } else { events.at(due, check) }.unwrap();
        }
        let mut fired = 0;
        events.run(&mut fired).unwrap();
        assert_eq!(fired, 42);
    });
}

/// C02: a one-shot timer fires exactly once. C03: equal deadlines fire in the order of insertion.
#[test]
fn each_timer_fires_once_by_deadline_then_by_insertion_c02_c03() {
    let mut events = simulated();
    for (number, ms) in [(3, 20), (0, 10), (4, 20), (1, 10), (5, 100_000), (2, 15)] {
        events.after(ms * MS, move |log: &mut Vec<u64>, _| log.push(number)).unwrap();
    }
    assert_eq!(log_of(&mut events), [0, 1, 2, 3, 4, 5]);
    assert_eq!(log_of(&mut events), []);
}

/// C04, C05: an endless chain of zero delays starves nothing.
#[test]
fn a_timer_armed_in_a_callback_fires_in_a_later_turn_c04_c05() {
    fn again(log: &mut Vec<u64>, firing: &Firing<'_, Vec<u64>>) {
        log.push(0);
        firing.after(Duration::ZERO, again).unwrap();
    }
    let mut events = Loop::new().unwrap();
    events.after(Duration::ZERO, again).unwrap();
    let mut log = Vec::new();
    events.turn(&mut log, Some(Duration::ZERO)).unwrap();
    assert_eq!(log, [0], "one timer in each turn");
    events.after(5 * MS, |log: &mut Vec<u64>, firing| (log.push(5), firing.stop()).1).unwrap();
    events.run(&mut log).unwrap();
    assert_eq!((log.last(), events.timer_count()), (Some(&5), 1));
}

/// C06, C08, C09: a cancelled timer does not fire, even if it was due in the same turn, and its name stays stale.
#[test]
fn a_cancel_takes_effect_at_once_and_only_once_c06_c08_c09() {
    let mut events = simulated();
    let fired = events.after(MS, |log: &mut Vec<u64>, _| log.push(1)).unwrap();
    let victim = Rc::new(Cell::new(fired));
    let names = Rc::clone(&victim);
    events
        .after(MS, move |log: &mut Vec<u64>, firing| {
            log.push(2);
            assert!(firing.cancel(names.get()) && !firing.cancel(names.get()), "once");
            assert!(!firing.cancel(fired) && !firing.is_active(fired), "it has fired");
            // This timer takes the place of a timer that has ended.
            let next = firing.after(MS, |log: &mut Vec<u64>, _| log.push(3)).unwrap();
            assert!(!firing.cancel(names.get()) && !firing.cancel(fired) && firing.is_active(next));
        })
        .unwrap();
    victim.set(events.after(MS, |_: &mut Vec<u64>, _| panic!("cancelled")).unwrap());
    assert_eq!(log_of(&mut events), [1, 2, 3]);
}

/// C09: a name is valid only for its own loop.
#[test]
fn a_timer_of_another_loop_is_unknown_here_c09() {
    let (mut mine, other) = (simulated(), simulated());
    let timer = mine.after(MS, |log: &mut Vec<u64>, _| log.push(1)).unwrap();
    let twin = other.after(MS, |_: &mut Vec<u64>, _| ()).unwrap();
    assert_ne!(timer, twin);
    assert!(
        !other.cancel(timer) && !other.pause(timer).unwrap() && !other.reschedule(timer, MS) && !other.is_active(timer)
    );
    assert_eq!((other.remaining(timer), mine.remaining(twin)), (None, None));
    assert_eq!(log_of(&mut mine), [1]);
}

/// C07, C11, C12: an interval is rescheduled and cancelled in its own callback, and a one-shot timer is rescheduled in
/// another timer's callback. The last call counts.
#[test]
fn a_callback_changes_its_own_timer_and_another_one_c07_c11_c12() {
    let mut events = simulated();
    let start = events.now();
    let own = events
        .every(SECOND, move |log: &mut Vec<u64>, firing| {
            log.push((firing.now() - start).as_millis() as u64);
            let timer = firing.timer();
            match log.len() {
                1 => {
                    assert!(firing.reschedule(timer, 5 * SECOND) && firing.reschedule(timer, 500 * MS));
                }
                3 => {
                    assert!(firing.reschedule(timer, MS) && firing.cancel(timer) && !firing.cancel(timer));
                }
                _ => {}
            }
        })
        .unwrap();
    assert_eq!(log_of(&mut events), [1000, 1500, 2500]);
    assert!(!events.is_active(own));

    let (start, other) = (events.now(), events.after(SECOND, |log: &mut Vec<u64>, _| log.push(1)).unwrap());
    events.after(500 * MS, move |_, firing| assert!(firing.reschedule_at(other, start + 2 * SECOND))).unwrap();
    assert_eq!(log_of(&mut events), [1]);
    assert_eq!(events.now() - start, 2 * SECOND);
}

/// C10: a callback can end its timer by its result.
#[test]
fn the_result_of_a_callback_can_end_its_timer_c10() {
    let mut events = simulated();
    events
        .every(SECOND, |log: &mut Vec<u64>, _| {
            log.push(1);
            ControlFlow::Break(())
        })
        .unwrap();
    events
        .every(SECOND, |log: &mut Vec<u64>, _| {
            log.push(2);
            Ok::<_, Error>(())
        })
        .unwrap();
    let mut log = Vec::new();
    events.run_for(&mut log, 3 * SECOND).unwrap();
    assert_eq!(log, [1, 2, 2, 2]);
}

/// C13: the deadlines at 2, 3 and 4 seconds pass between two runs, while the loop serves nothing.
#[test]
fn each_policy_reports_lateness_and_missed_deadlines_c13() {
    for (policy, expected) in [
        (Missed::Skip, vec![(1, 0, 0), (2, 2500, 2), (5, 0, 0)]),
        (Missed::Burst, vec![(1, 0, 0), (2, 2500, 0), (3, 1500, 0), (4, 500, 0), (5, 0, 0)]),
        (Missed::Delay, vec![(1, 0, 0), (2, 2500, 0)]),
    ] {
        type Log = Vec<(u64, u64, u64)>;
        let mut events = Loop::<Log>::simulated().unwrap();
        let start = events.now();
        let interval = Interval::new(SECOND).missed(policy);
        let timer = events
            .every(interval, move |log: &mut Log, firing| {
                let at = (firing.deadline() - start).as_secs();
                log.push((at, firing.late().as_millis() as u64, firing.missed()));
            })
            .unwrap();
        let mut log = Log::new();
        events.run_for(&mut log, SECOND).unwrap();
        assert!(events.advance(3500 * MS), "the loop serves nothing for a while");
        events.run_for(&mut log, 600 * MS).unwrap();
        assert_eq!(log, expected, "{policy:?}");
        assert!(events.cancel(timer));
    }
}

/// C14: an interval does not drift, even if its period is not a multiple of the resolution.
#[test]
fn an_interval_does_not_drift_c14() {
    const PERIODS: u32 = 50_000;
    let mut events = Loop::simulated().unwrap();
    let (start, period) = (events.now(), Duration::from_nanos(333_333));
    events
        .every(period, move |count: &mut u32, firing| {
            *count += 1;
            let late = (firing.now() - start).checked_sub(*count * period).expect("it is early");
            assert!(late < Duration::from_micros(1), "{late:?} after {count} periods");
            if *count == PERIODS {
                firing.stop()
            }
        })
        .unwrap();
    let mut count = 0;
    events.run(&mut count).unwrap();
    assert_eq!(count, PERIODS);
}

/// C15, C16: a callback takes longer than its period, and another timer is late because of it.
#[test]
fn time_in_callbacks_counts_and_a_slow_interval_leaves_room_for_others_c15_c16() {
    for policy in [Missed::Skip, Missed::Burst, Missed::Delay] {
        let mut events = simulated();
        let start = events.now();
        events
            .every(Interval::new(100 * MS).missed(policy), |log: &mut Vec<u64>, firing| {
                log.push(1);
                assert!(firing.advance(250 * MS));
            })
            .unwrap();
        events
            .after(300 * MS, move |log: &mut Vec<u64>, firing| {
                log.push((firing.now() - start).as_millis() as u64);
            })
            .unwrap();
        let mut log = Vec::new();
        events.run_for(&mut log, SECOND).unwrap();
        assert_eq!(log[..3], [1, 1, 600], "{policy:?}");
        assert!((4..=6).contains(&log.len()), "{policy:?}: {log:?}");
    }
}

/// C17, C18: very long delays do not fire early, and a period of zero is an error.
#[test]
fn long_delays_keep_their_length_and_a_period_of_zero_is_an_error_c17_c18() {
    let mut events = simulated();
    let start = events.now();
    let mut delays: Vec<_> =
        [(1 << 31) - 1, (1 << 31) + 1, (1 << 32) - 2, 1 << 32, 1 << 43].map(Duration::from_millis).into();
    delays.extend([(1 << 48) + 1, (1 << 62) + 1].map(Duration::from_nanos));
    for delay in delays.clone() {
        events
            .after(delay, move |log: &mut Vec<u64>, firing| {
                let late = (firing.now() - start).checked_sub(delay).expect("it is early");
                assert!(late < Duration::from_micros(1), "{late:?} after {delay:?}");
                log.push(1);
            })
            .unwrap();
    }
    assert_eq!(log_of(&mut events).len(), delays.len());
    let never = events.after(Duration::MAX, |_: &mut Vec<u64>, _| panic!("584 years are over")).unwrap();
    assert!(events.remaining(never) > Some(Duration::from_secs(1 << 33)) && events.cancel(never));
    assert!(matches!(events.every(Duration::ZERO, |_, _| ()), Err(Error::ZeroPeriod)));
    assert_eq!(events.timer_count(), 0);
}

/// C22: time jumps by a year in one step.
#[test]
fn a_long_jump_fires_all_that_is_due_once_and_in_order_c22() {
    let mut events = simulated();
    for hour in (0..8760).rev() {
        events.after(3600 * SECOND * hour, move |log: &mut Vec<u64>, _| log.push(u64::from(hour))).unwrap();
    }
    assert!(events.advance(366 * 24 * 3600 * SECOND));
    assert!(log_of(&mut events).into_iter().eq(0..8760));
}

#[test]
fn a_paused_timer_keeps_its_remaining_time() {
    let mut events = simulated();
    let start = events.now();
    let timer = events
        .after(10 * SECOND, move |log: &mut Vec<u64>, firing| log.push((firing.now() - start).as_secs()))
        .unwrap();
    events.run_for(&mut Vec::new(), 4 * SECOND).unwrap();
    assert!(events.pause(timer).unwrap() && !events.pause(timer).unwrap());
    events.run_for(&mut Vec::new(), 60 * SECOND).unwrap();
    assert_eq!(events.remaining(timer), Some(6 * SECOND));
    assert!(events.resume(timer) && !events.resume(timer) && events.is_active(timer));
    assert_eq!(log_of(&mut events), [70]);
}

#[test]
fn intervals_with_slack_share_their_wake_ups() {
    let mut events = Loop::<Vec<Instant>>::simulated().unwrap();
    for offset in 0..10 {
        let interval = Interval::new(SECOND).first(SECOND + offset * MS).slack(100 * MS);
        events.every(interval, |log: &mut Vec<Instant>, firing| log.push(firing.now())).unwrap();
    }
    let mut log = Vec::new();
    events.run_for(&mut log, 1200 * MS).unwrap();
    assert_eq!(log.len(), 10);
    log.dedup();
    assert!(log.len() <= 2, "{log:?}");
}

/// The loop's slack applies to each kind of timer without a slack of its own.
#[test]
fn timers_share_the_wake_ups_that_the_slack_of_their_loop_allows() {
    let mut events = Loop::<Vec<Duration>>::with_options(Options::new().slack(10 * MS).simulated()).unwrap();
    let (start, handle) = (events.now(), events.handle());
    let exact = Interval::new(37 * MS).slack(Duration::ZERO);
    events.every(exact, move |log: &mut Vec<_>, firing| log.push(firing.now() - start)).unwrap();
    events.every(40 * MS, move |log: &mut Vec<_>, firing| log.push(firing.now() - start)).unwrap();
    events.after(36 * MS, move |log: &mut Vec<_>, firing| log.push(firing.now() - start)).unwrap();
    let mut log = Vec::new();
    let slept = events.block_on(&mut log, async move {
        handle.sleep(38 * MS).unwrap().await.unwrap();
        handle.now() - start
    });
    let shared = slept.unwrap();
    assert!(shared >= 40 * MS && shared <= 46 * MS, "{shared:?}");
    assert_eq!(log, [37 * MS, shared, shared]);
}

/// Regression test: a timer for a time that had passed was delayed by up to the slack of the loop, to share a wake-up
/// with other timers. The model of the crate found this bug.
#[test]
fn a_timer_for_a_time_that_has_passed_fires_in_the_next_turn_whatever_the_slack() {
    let mut events = Loop::<u32>::with_options(Options::new().slack(SECOND).simulated()).unwrap();
    let start = events.now();
    events.advance(7 * MS);
    for passed in [start, start + 3 * MS, start + 7 * MS] {
        events.at(passed, |fired: &mut u32, _| *fired += 1).unwrap();
    }
    let mut fired = 0;
    events.turn(&mut fired, Some(Duration::ZERO)).unwrap();
    assert_eq!(fired, 3);
}

/// Regression test: only 794 of a thousand calls came in ten thousand milliseconds, because lateness within the slack
/// had moved the schedule.
#[test]
fn lateness_within_the_slack_is_no_missed_deadline() {
    for policy in [Missed::Skip, Missed::Burst, Missed::Delay] {
        let mut events = simulated();
        let interval = Interval::new(10 * MS).slack(5 * MS).missed(policy);
        events.every(interval, |log: &mut Vec<u64>, firing| log.push(firing.missed())).unwrap();
        let mut log = Vec::new();
        events.run_for(&mut log, 10 * SECOND).unwrap();
        assert!(log.len() >= 999 && log.iter().all(|&missed| missed == 0), "{policy:?}: {} calls", log.len());

        let mut events = simulated();
        let mut ticks = events.interval(interval).unwrap();
        let start = events.now();
        let late = events
            .block_on(&mut Vec::new(), async {
                let mut late = Duration::ZERO;
                for _ in 0..1000 {
                    late = late.max(ticks.tick().await.unwrap().late);
                }
                late
            })
            .unwrap();
        assert!(late <= 5 * MS && events.now() - start <= 10 * SECOND + 5 * MS, "{policy:?}");
    }
}

/// Regression test: with only a paused timer, `run` never returned.
#[test]
fn a_paused_timer_keeps_no_loop_running() {
    let mut events = simulated();
    let timer = events.every(SECOND, |log: &mut Vec<u64>, _| log.push(1)).unwrap();
    assert!(events.pause(timer).unwrap());
    assert_eq!(log_of(&mut events), []);
    assert!(events.unref_timer(timer).unwrap() && events.resume(timer));
    assert_eq!(log_of(&mut events), []);
    assert!(events.ref_timer(timer) && events.cancel(timer));
}

/// Regression test: with ticks of a microsecond, the interval reported a deadline of 1500 ns, and the one-shot timer
/// reported 2000 ns.
#[test]
fn a_one_shot_and_an_interval_report_the_same_deadline() {
    let mut events = simulated();
    let (start, delay) = (events.now(), Duration::from_nanos(1500));
    let check = move |number| {
        move |log: &mut Vec<u64>, firing: &Firing<'_, Vec<u64>>| {
            assert_eq!((firing.deadline() - start, firing.late()), (Duration::from_nanos(2000), Duration::ZERO));
            log.push(number);
            ControlFlow::Break(())
        }
    };
    events.every(delay, check(1)).unwrap();
    events.at(start + delay, check(2)).unwrap();
    events.every(delay, check(3)).unwrap();
    assert_eq!(log_of(&mut events), [1, 2, 3]);
}
