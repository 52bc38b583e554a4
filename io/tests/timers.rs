//! Timers on the kernel's clock, on virtual time, and on a scripted kernel. C01, C02 and so on are the rows of
//! docs/conformance.md.

mod common;

use cogloop_io::scripted::{Call, Step};
use cogloop_io::{
    Backend, Clock, ClockChoice, EventLoop, Missed, MonotonicClock, Options, Plan, ScriptedBackend, VirtualClock, Wait,
};
use common::*;

/// A loop on virtual time over a kernel whose script is empty.
fn scripted(resolution_ns: u64) -> (Loop, ScriptedBackend, VirtualClock) {
    let clock = VirtualClock::new();
    let backend = ScriptedBackend::new(clock.clone());
    let events = Loop::from_parts(Box::new(clock.clone()), Box::new(backend.clone()), resolution_ns).unwrap();
    (events, backend, clock)
}

/// The values of the timers that expired in this turn.
fn expired(events: &mut Loop) -> Vec<u64> {
    events.audit();
    std::iter::from_fn(|| events.next_expired()).map(|timer| timer.value).collect()
}

fn waits(backend: &ScriptedBackend) -> Vec<Option<u64>> {
    let is_wait = |call| if let Call::Wait(timeout_ns) = call { Some(timeout_ns) } else { None };
    backend.take_calls().into_iter().filter_map(is_wait).collect()
}

/// C28: setting the wall clock has no effect, because no source file reads it.
#[test]
fn no_source_file_reads_the_wall_clock_c28() {
    let mut folders = vec![std::path::PathBuf::from("src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for wall_clock in ["SystemTime", "ClockId::Realtime", "CLOCK_REALTIME", "gettimeofday"] {
                assert!(!text.contains(wall_clock), "{wall_clock} in {}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 10, "{files} files looked at");
    not_on(&BACKENDS, "shown by the sources, which read no wall clock; a test would have to set the machine's clock");
}

/// A slot of a high level with many timers cascades over several turns. If it begins to cascade only when its first
/// timer is due, the turn expires nothing. If the slot cascaded during earlier waits, the turn expires the first timer.
#[test]
fn a_crowds_first_timer_expires_in_its_turn_only_if_the_crowd_cascaded_during_waits() {
    for waits_before in [0, 200] {
        let (mut events, _, clock) = scripted(1_000);
        (0..10_000).for_each(|n| _ = events.add_timer(70_000_000 + n * 6_000, n));
        clock.advance_ns(40_000_000);
        for _ in 0..waits_before {
            events.turn(Wait::AtMost(10_000)).unwrap();
            assert!(expired(&mut events).is_empty());
        }
        clock.advance_ns(70_000_000 - events.now_ns());
        events.turn(Wait::Poll).unwrap();
        let first: &[u64] = if waits_before > 0 { &[0] } else { &[] };
        assert_eq!(expired(&mut events), first, "after {waits_before} waits");
    }
}

/// C01: a timer never fires early. The test reads the monotonic clock itself, and does not rely on the loop's time.
/// C02: a one-shot timer fires exactly once.
#[test]
fn no_timer_is_early_and_each_fires_once_c01_c02() {
    on_every_backend(|events| {
        let delays_ns = [0, 1, 999, 1_001, 300_000, 1_000_001, 2_500_000];
        let mut due: Vec<_> = delays_ns
            .iter()
            .map(|&delay_ns| {
                let earliest_ns = MonotonicClock.now_ns() + delay_ns;
                (events.add_timer(delay_ns, earliest_ns), earliest_ns)
            })
            .collect();
        while !events.is_idle() {
            events.turn(Wait::Block).unwrap();
            while let Some(timer) = events.next_expired() {
                let now_ns = MonotonicClock.now_ns();
                assert!(now_ns >= timer.value, "{} ns early", timer.value - now_ns);
                let before = due.len();
                due.retain(|(key, _)| *key != timer.key);
                assert_eq!(due.len(), before - 1, "exactly once");
            }
        }
        assert!(due.is_empty());
    });
}

/// C04, C05, C36: a timer arms itself again for now, beside a later timer and a descriptor that stays ready.
#[test]
fn a_zero_delay_that_arms_itself_again_starves_nothing_c04_c05_c36() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        events.add_timer(0, 0);
        events.add_timer(5 * MS, 5);
        let mut later_fired = false;
        while !later_fired {
            events.turn(Wait::Block).unwrap();
            let mut zeros = 0;
            while let Some(timer) = events.next_expired() {
                if timer.value == 0 {
                    zeros += 1;
                    events.add_timer(0, 0);
                } else {
                    assert!(events.now_ns() >= 5 * MS);
                    later_fired = true;
                }
            }
            // If the later timer comes first and this thread then waits for a processor, the turn has no time left for
            // timers.
            assert!(zeros == 1 || later_fired && zeros == 0, "a timer armed in this turn fires in the next one, once");
            assert_eq!(events.next_ready().map(|ready| ready.token), Some(token), "in every turn");
        }
    });
}

/// C36: the user pulls one timer of a backlog in each turn.
#[test]
fn a_backlog_of_timers_lets_descriptors_through_and_keeps_its_order_c36() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        for value in 0..100 {
            events.add_timer_at(0, value);
        }
        for value in 0..100 {
            events.turn(Wait::Block).unwrap();
            assert_eq!(events.next_expired().map(|timer| timer.value), Some(value), "due timers stay due, in order");
            assert!(events.next_ready().is_some());
        }
        assert_eq!(events.timers(), 0);
    });
}

/// C06: a cancelled sibling of the same tick does not fire. C08: a second cancel is safe and returns `None`. C09: a
/// cancel after firing does nothing, even if the place is taken again.
#[test]
fn a_cancelled_timer_never_expires_and_a_stale_key_names_nothing_c06_c08_c09() {
    let (mut events, ..) = scripted(1_000);
    let keys: Vec<_> = (0..3).map(|value| events.add_timer(MS, value)).collect();
    events.turn(Wait::Block).unwrap();
    let first = events.next_expired().unwrap();
    assert_eq!(first.value, 0);
    assert_eq!(events.cancel_timer(keys[1]), Some(1), "it is due in this turn, and can still be cancelled");
    assert_eq!(events.cancel_timer(keys[1]), None, "cancelling twice is safe");
    assert_eq!(expired(&mut events), [2]);

    assert_eq!(events.cancel_timer(first.key), None, "fired");
    let reused = events.add_timer(MS, 7);
    assert_eq!(events.cancel_timer(first.key), None, "it has fired, and its place is in use again");
    assert_eq!(events.timer(reused), Some(&7));
    assert!(!events.reschedule_timer_at(first.key, 0));
    assert_eq!(events.deadline_ns(first.key), None);
}

#[test]
fn a_due_timer_with_a_new_deadline_is_not_due_any_more() {
    let (mut events, ..) = scripted(1_000);
    let key = events.add_timer_at(MS, 1);
    events.turn(Wait::Block).unwrap();
    assert!(events.reschedule_timer_at(key, 3 * MS));
    assert_eq!(expired(&mut events), []);
    events.turn(Wait::Block).unwrap();
    let timer = events.next_expired().unwrap();
    assert_eq!((timer.key, timer.deadline_ns, events.turn_ns()), (key, 3 * MS, 3 * MS));
}

/// C15: the time that callbacks take is part of a delay, so the next wait is shorter.
#[test]
fn time_spent_by_the_user_counts_c15() {
    let (mut events, backend, clock) = scripted(1_000);
    events.add_timer(300 * MS, 1);
    clock.advance_ns(200 * MS);
    events.add_timer(100 * MS, 2);
    events.turn(Wait::Block).unwrap();
    assert_eq!(waits(&backend), [Some(100 * MS)], "not 300: the time before the turn counts");
    assert_eq!(expired(&mut events), [1, 2]);
}

/// C17: delays around 2³¹ and 2³² ms, 2⁴⁸, 2⁶³ and 2⁶⁴ ns are never early and do not spin.
#[test]
fn the_longest_delays_are_never_early_and_do_not_spin_c17() {
    let in_ns = [1 << 48, (1 << 63) - 1, u64::MAX];
    let in_ms = [(1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 32) - 1, 1 << 32, (1 << 32) + 1].map(|ms: u64| ms * MS);
    for delay_ns in in_ms.into_iter().chain(in_ns) {
        let (mut events, backend, clock) = scripted(1_000);
        clock.advance_ns(65_536 * MS);
        events.turn(Wait::Poll).unwrap();
        let deadline_ns = events.now_ns().saturating_add(delay_ns);
        let key = events.add_timer(delay_ns, 1);
        assert!(events.deadline_ns(key).unwrap() >= deadline_ns);
        waits(&backend);
        if deadline_ns == u64::MAX {
            events.turn(Wait::Block).unwrap();
            assert_eq!((waits(&backend), expired(&mut events)), (vec![None], vec![]), "the end of time never comes");
            continue;
        }
        events.turn(Wait::Block).unwrap();
        assert_eq!(waits(&backend).len(), 1);
        assert!(events.turn_ns() >= deadline_ns && events.turn_ns() - deadline_ns < 1_000);
        assert_eq!(expired(&mut events), [1]);
    }
}

/// C17: kernels accept a timeout of centuries.
#[test]
fn every_kernel_takes_the_longest_timeout_c17() {
    on_every_backend(|events| {
        for deadline_ns in [1 << 48, (1 << 63) - 1, u64::MAX - 10_000, u64::MAX] {
            events.add_timer_at(deadline_ns, 1);
            events.waker().wake();
            events.turn(Wait::Block).unwrap();
            assert_eq!(events.next_expired(), None);
            events.clear();
        }
    });
}

/// C22: after a jump of a day or a hundred years, each due timer fires once, in order. C02: a one-shot timer fires
/// exactly once. C03: equal deadlines fire in the order of insertion, through every level and cascade.
#[test]
fn one_jump_of_years_fires_all_that_is_due_once_and_in_order_c02_c03_c22() {
    const DAY_NS: u64 = 86_400_000 * MS;
    for days in [1, 13, 730, 36_525] {
        let (mut events, _, clock) = scripted(1_000);
        let step_ns = days * DAY_NS / 1_000;
        for value in (0..1_500).rev() {
            events.add_timer_at(value * step_ns, value);
            events.add_timer_at(value * step_ns, 10_000 + value);
        }
        clock.advance_ns(days * DAY_NS);
        events.turn(Wait::Block).unwrap();
        let expected: Vec<_> = (0..=1_000).flat_map(|value| [value, 10_000 + value]).collect();
        assert_eq!(expired(&mut events), expected);
        assert_eq!(events.timers(), 2 * 499);
        events.turn(Wait::Poll).unwrap();
        assert_eq!(expired(&mut events), [], "once");
    }
}

/// C25: an empty loop is idle. A turn without a limit then waits for ever. A turn with a limit waits that long.
#[test]
fn with_nothing_armed_the_wait_is_for_ever_c25() {
    let (mut events, backend, _) = scripted(1_000);
    assert!(events.is_idle());
    assert_eq!(events.next_deadline_ns(), None);
    events.turn(Wait::Block).unwrap();
    events.turn(Wait::Poll).unwrap();
    events.turn(Wait::AtMost(7)).unwrap();
    assert_eq!(waits(&backend), [None, Some(0), Some(7)]);
}

/// C26: a timer with a far deadline cascades through several levels of the wheel. The loop does not wake for that.
#[test]
fn one_wake_up_for_one_timer_and_a_remainder_rounds_up_c26() {
    for delay_ns in [1, 999, 1_000, 1_001, 63_999, 64_001, MS + 1, 86_400_000 * MS + 1] {
        let (mut events, backend, clock) = scripted(1_000);
        clock.advance_ns(123);
        let deadline_ns = clock.now_ns() + delay_ns;
        events.add_timer(delay_ns, 1);
        events.turn(Wait::Block).unwrap();
        assert_eq!(expired(&mut events), [1], "{delay_ns} ns took more than one wake-up");
        let late_ns = clock.now_ns() - deadline_ns;
        assert!(late_ns < 1_000, "{late_ns} ns late");
        assert_eq!(waits(&backend), [Some(delay_ns + late_ns)]);
    }
}

#[test]
fn cancelling_the_earliest_timer_costs_no_wake_up_c27() {
    let (mut events, backend, _) = scripted(1_000);
    events.add_timer(60_000 * MS, 9);
    let keys: Vec<_> = (1..1_000).map(|value| events.add_timer(value * MS, value)).collect();
    keys.into_iter().for_each(|key| assert!(events.cancel_timer(key).is_some()));
    assert_eq!(events.next_deadline_ns(), Some(60_000 * MS));
    events.turn(Wait::Block).unwrap();
    assert_eq!(waits(&backend), [Some(60_000 * MS)]);
    assert_eq!(expired(&mut events), [9]);
}

#[test]
fn a_wait_ends_at_its_limit_or_at_a_deadline_and_is_0_with_work_waiting() {
    let (mut events, backend, _) = scripted(1_000);
    events.add_timer(5 * MS, 5);
    events.turn(Wait::AtMost(2 * MS)).unwrap();
    assert_eq!(expired(&mut events), []);
    events.turn(Wait::AtMost(9 * MS)).unwrap();
    // The timer is due and not pulled, so the next turn has work.
    events.turn(Wait::Block).unwrap();
    assert_eq!(waits(&backend), [Some(2 * MS), Some(3 * MS), Some(0)]);
    assert_eq!(expired(&mut events), [5]);
}

/// Regression test: a mark of `mark_ready` outlived its descriptor, so the next turn did not wait and reported nothing.
#[test]
fn the_mark_of_a_removed_descriptor_costs_no_turn() {
    let (mut events, backend, _) = scripted(1_000);
    let token = events.add_descriptor(pair().0, READ).unwrap();
    events.mark_ready(token, READ);
    events.remove_descriptor(token).unwrap();
    events.turn(Wait::Block).unwrap();
    assert_eq!(waits(&backend), [None]);
}

/// C14: a period that is not a multiple of the resolution does not drift by rounding. A timer of 60 Hz fires 60 times a
/// second.
#[test]
fn a_period_that_is_no_multiple_of_the_resolution_does_not_drift_c14() {
    const PERIOD_NS: u64 = 16_666_667;
    let (mut events, _, _) = scripted(1_000);
    events.add_planned(Plan::every(PERIOD_NS, PERIOD_NS.try_into().unwrap(), Missed::Burst), 1);
    for period in 1..=100_000 {
        events.turn(Wait::Block).unwrap();
        let timer = events.next_expired().unwrap();
        assert_eq!((timer.deadline_ns, timer.missed), ((period * PERIOD_NS).next_multiple_of(1_000), 0));
        assert_eq!((timer.late_ns, events.turn_ns()), (0, timer.deadline_ns), "one wake-up, at the end of the tick");
        assert_eq!(events.next_expired(), None);
    }
}

/// C13, C16: the callback of an interval takes longer than the period. For each policy the test shows the served
/// deadlines, the number of missed ones, and the lateness. A turn serves the interval once, so the loop goes on.
#[test]
fn a_callback_longer_than_its_period_is_served_by_policy_c13_c16() {
    let served = |missed| {
        let (mut events, _, clock) = scripted(1_000);
        events.add_planned(Plan::every(10 * MS, (10 * MS).try_into().unwrap(), missed), 1);
        let mut served = Vec::new();
        for _ in 0..3 {
            events.turn(Wait::Block).unwrap();
            let timer = events.next_expired().unwrap();
            assert_eq!(events.next_expired(), None, "once in a turn");
            served.push((timer.deadline_ns / MS, timer.late_ns / MS, timer.missed));
            clock.advance_ns(25 * MS);
        }
        served
    };
    assert_eq!(served(Missed::Burst), [(10, 0, 0), (20, 15, 0), (30, 30, 0)]);
    assert_eq!(served(Missed::Skip), [(10, 0, 0), (20, 15, 1), (40, 20, 2)]);
    assert_eq!(served(Missed::Delay), [(10, 0, 0), (20, 15, 0), (45, 15, 0)]);
}

/// Every timer reports its deadline rounded up to the tick. Regression test: the interval reported 1500 and the other
/// timers 2000, although all of them are due in the same tick.
#[test]
fn one_shots_and_intervals_in_one_tick_report_one_deadline_and_fire_in_the_order_of_arming() {
    let (mut events, _, _) = scripted(1_000);
    let period_ns = 1_500.try_into().unwrap();
    events.add_planned(Plan::every(1_500, period_ns, Missed::Skip), 0);
    events.add_timer_at(1_500, 1);
    events.add_timer(1_700, 2);
    events.add_planned(Plan::every(1_400, period_ns, Missed::Delay), 3);
    events.add_planned(Plan::once(1_001).with_slack(1), 4);
    let paused = events.add_timer_at(1_900, 5);
    assert!(events.pause_timer(paused) && events.resume_timer(paused));
    let keys: Vec<_> = events.iter_timers().map(|(key, ..)| key).collect();
    for key in keys {
        assert_eq!((events.deadline_ns(key), events.remaining_ns(key)), (Some(2_000), Some(2_000)));
    }
    events.turn(Wait::Block).unwrap();
    let fired: Vec<_> = std::iter::from_fn(|| events.next_expired())
        .map(|timer| (timer.value, timer.deadline_ns, timer.late_ns, timer.missed))
        .collect();
    assert_eq!(fired, [0, 1, 2, 3, 4, 5].map(|value| (value, 2_000, 0, 0)));
    // The schedules of the intervals 0 and 3 are not rounded. Their next deadlines are 3000 and 2900, and both are
    // reported as 3000.
    let mut next: Vec<_> = events.iter_timers().map(|(_, deadline_ns, &value)| (value, deadline_ns)).collect();
    next.sort_unstable();
    assert_eq!(next, [(0, Some(3_000)), (3, Some(3_000))]);
}

/// Regression test: a loop with only a paused timer waited for ever.
#[test]
fn a_paused_timer_keeps_no_loop_going_and_a_resumed_one_does() {
    let (mut events, _, _) = scripted(1_000);
    let key = events.add_timer(10 * MS, 1);
    assert!(events.pause_timer(key) && events.is_idle());
    events.run(|_, due| panic!("{due:?} while it is paused")).unwrap();
    assert!(events.resume_timer(key) && !events.is_idle());
    // A timer that is both paused and unreferenced counts once among those that do not keep the loop going.
    let other = events.add_timer(20 * MS, 2);
    assert!(events.unref_timer(key) && events.pause_timer(key) && !events.is_idle());
    assert!(events.ref_timer(key) && !events.is_idle() && events.unref_timer(key));
    assert!(events.pause_timer(other) && events.is_idle());
    assert!(events.reschedule_timer_at(key, 30 * MS) && events.is_idle(), "resumed, it is still unreferenced");
    assert!(events.pause_timer(key) && events.cancel_timer(key).is_some() && events.is_idle());
    assert!(events.resume_timer(other) && !events.is_idle());
    let mut fired = Vec::new();
    events.run(|_, due| fired.push(due)).unwrap();
    assert_eq!(fired.len(), 1);
    assert!(events.is_idle());
}

/// A kept timer is stopped when it has fired, and its key stays valid. While it is stopped, it does not keep the loop
/// going. An unreferenced kept timer never keeps the loop going.
#[test]
fn a_kept_timer_is_started_and_stopped_again_and_again() {
    let (mut events, backend, clock) = scripted(1_000);
    let (key, unreferenced) = (events.try_add_kept_timer(1).unwrap(), events.try_add_kept_timer(2).unwrap());
    assert!(events.unref_timer(unreferenced) && events.is_idle());
    assert!(events.reschedule_timer_at(unreferenced, 5 * MS) && events.is_idle(), "armed, but not referenced");
    for round in 1..=3 {
        assert!(events.reschedule_timer_at(key, round * 10 * MS - MS) && !events.is_idle());
        assert!(events.stop_timer(key) && events.stop_timer(key) && !events.resume_timer(key) && events.is_idle());
        assert_eq!((events.remaining_ns(key), events.deadline_ns(key)), (Some(u64::MAX), None));
        assert!(events.reschedule_timer_at(key, round * 10 * MS) && !events.is_idle());
        clock.set_ns(round * 10 * MS);
        events.turn(Wait::Block).unwrap();
        let fired = expired(&mut events);
        assert_eq!(fired, if round == 1 { vec![2, 1] } else { vec![1] });
        assert!(events.is_idle() && events.timer(key).is_some());
        assert!(!events.resume_timer(unreferenced) && !events.pause_timer(unreferenced), "it is stopped");
        events.audit();
    }
    assert!(events.reschedule_timer_at(unreferenced, 40 * MS) && events.is_idle());
    assert!(events.ref_timer(unreferenced) && !events.is_idle());
    assert!(events.stop_timer(unreferenced) && events.is_idle() && events.unref_timer(unreferenced));
    assert!(events.cancel_timer(key) == Some(1) && events.cancel_timer(unreferenced) == Some(2));
    assert!(!events.stop_timer(key) && !events.reschedule_timer_at(key, 50 * MS) && events.is_idle());
    assert_eq!(waits(&backend).len(), 3);
    events.audit();
}

/// A paused timer does not fire and has no deadline. When it is resumed, it fires after the time that was left.
#[test]
fn a_paused_timer_keeps_its_remaining_time() {
    let (mut events, backend, clock) = scripted(1_000);
    let key = events.add_timer(10 * MS, 1);
    clock.advance_ns(4 * MS);
    assert!(events.pause_timer(key) && !events.pause_timer(key));
    events.turn(Wait::Block).unwrap();
    assert_eq!(waits(&backend), [None], "there is no timer to wait for");
    clock.advance_ns(100 * MS);
    assert_eq!((events.remaining_ns(key), events.deadline_ns(key)), (Some(6 * MS), None));
    assert!(events.resume_timer(key) && !events.resume_timer(key));
    assert_eq!(events.deadline_ns(key), Some(110 * MS));
    events.turn(Wait::Block).unwrap();
    assert_eq!((events.turn_ns(), expired(&mut events)), (110 * MS, vec![1]));
    assert!(!events.pause_timer(key) && !events.resume_timer(key) && events.remaining_ns(key).is_none());
}

/// C36: a hundred thousand timers become due by one jump of the clock. They expire in slices, over several turns. None
/// of these turns waits, and all timers fire in order.
#[test]
fn a_crowd_of_timers_expires_over_several_turns_c36() {
    const CROWD: u64 = 100_000;
    let (mut events, backend, clock) = scripted(1_000);
    for n in 0..CROWD {
        events.add_timer_at(60_000 * MS + n * 7_919 % CROWD * 1_000, n);
    }
    let _ = waits(&backend);
    clock.advance_ns(60_200 * MS);
    let (mut served, mut turns) = (Vec::new(), 0);
    while !events.is_idle() {
        events.turn(Wait::Block).unwrap();
        turns += 1;
        served.extend(std::iter::from_fn(|| events.next_expired()).map(|timer| timer.deadline_ns));
    }
    assert_eq!(served.len() as u64, CROWD);
    assert!(served.is_sorted());
    assert!(turns > 5, "{turns} turns");
    assert!(waits(&backend).iter().all(|&timeout| timeout == Some(0)), "work was waiting");
}

/// Timers with a slack of 5 ms share wake-ups. No timer is early, and no timer is later than its slack allows.
#[test]
fn timers_with_slack_share_a_wake_up() {
    let (mut events, backend, _) = scripted(1_000);
    for n in 0..100 {
        let plan = Plan::once(50 * MS + n * 123_457).with_slack(5 * MS);
        events.add_planned(plan, n);
    }
    let mut served = 0;
    while !events.is_idle() {
        events.turn(Wait::Block).unwrap();
        while let Some(timer) = events.next_expired() {
            assert!(timer.late_ns <= 5 * MS + 1_000, "{timer:?}");
            assert!(events.now_ns() >= 50 * MS + timer.value * 123_457, "{timer:?} is early");
            served += 1;
        }
    }
    let wake_ups = waits(&backend).len();
    assert_eq!(served, 100);
    assert!(wake_ups <= 5, "{wake_ups} wake-ups for a hundred timers within 12 ms");
}

/// C48, C56: a kernel returns early, late, or with an error.
#[test]
fn an_early_return_a_late_one_and_an_error_keep_every_deadline_c48_c56() {
    let (mut events, backend, _) = scripted(1_000);
    events.add_timer(10 * MS, 1);
    backend.push(Step::Report { after_ns: MS, events: vec![] });
    backend.push(Step::Fail(12));
    backend.push(Step::Report { after_ns: 50 * MS, events: vec![] });
    events.turn(Wait::Block).unwrap();
    assert_eq!(expired(&mut events), []);
    assert_eq!(events.turn(Wait::Block).unwrap_err().raw_os_error(), Some(12));
    assert_eq!(expired(&mut events), []);
    events.turn(Wait::Block).unwrap();
    assert_eq!(expired(&mut events), [1]);
    assert_eq!(waits(&backend), [Some(10 * MS), Some(9 * MS), Some(9 * MS)]);
    assert_eq!(events.turn_ns(), 51 * MS);
}

#[test]
fn virtual_time_jumps_over_a_real_kernel_and_real_descriptors_still_come() {
    let clock = VirtualClock::new();
    let options = Options { clock: ClockChoice::Virtual(clock.clone()), ..Options::default() };
    let mut events: EventLoop<u64> = EventLoop::new(&options).unwrap();
    let year_ns = 365 * 86_400_000 * MS;
    events.add_timer(year_ns, 1);
    let (fd, mut peer) = pair();
    let token = events.add_descriptor(fd, READ).unwrap();
    write(&mut peer);
    events.turn(Wait::Block).unwrap();
    assert_eq!(events.next_ready().map(|ready| ready.token), Some(token));
    assert_eq!((events.next_expired(), clock.now_ns()), (None, 0), "ready descriptors come before time passes");
    events.remove_descriptor(token).unwrap();
    events.turn(Wait::Block).unwrap();
    assert_eq!((expired(&mut events), clock.now_ns()), (vec![1], year_ns));
}

#[test]
fn the_listing_shows_timers_descriptors_and_time() {
    let (mut events, _, clock) = scripted(1_000);
    clock.advance_ns(77);
    let (fd, _peer) = pair();
    events.add_descriptor(fd, READ).unwrap();
    events.add_timer(MS, 4242);
    let text = events.dump().to_string();
    for part in ["at 77 ns", "on scripted", "[READ]"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(
        events.iter_timers().map(|(_, at_ns, value)| (at_ns, *value)).collect::<Vec<_>>(),
        [(Some(1_001_000), 4242)]
    );
}

#[test]
fn a_resolution_of_0_ns_is_refused() {
    let options = Options { resolution_ns: 0, ..Options::default() };
    assert_eq!(Loop::new(&options).err().unwrap().to_string(), "the resolution must be at least 1 ns");
    let named = Options { backend: Some("portable".to_owned()), ..Options::default() };
    let events = Loop::new(&named).unwrap();
    assert_eq!((events.backend().name, events.backend().reason.as_str()), ("portable", "asked for by name"));
    assert_eq!(ScriptedBackend::new(VirtualClock::new()).name(), "scripted");
}
