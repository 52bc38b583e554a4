//! A host's limits. Adding returns an error at the limit, and nothing is lost. There is room again when something has
//! ended. C36 and C49 are rows of docs/conformance.md.

mod common;

use cogloop_io::{ClockChoice, LimitReached, Limits, Missed, Options, Plan, VirtualClock, Wait};
use common::*;
use std::io::ErrorKind;
use std::num::NonZeroUsize;

#[test]
fn a_timer_beyond_the_limit_is_refused_until_one_has_ended() {
    let limits = Limits { timers: 2, ..Limits::default() };
    let mut events = Loop::new(&Options { limits, ..Options::default() }).unwrap();
    assert_eq!(events.limits(), limits);
    let far = events.try_add_timer_at(u64::MAX / 2, 1).unwrap();
    let due = events.try_add_timer(0, 2).unwrap();
    assert!(events.pause_timer(far), "a paused timer counts as well");
    let reached = LimitReached { what: "timers", limit: 2 };
    assert_eq!(events.try_add_timer(0, 3), Err(reached.into()));
    assert_eq!(events.try_add_timer_at(0, 3), Err(reached.into()));
    assert_eq!(events.try_add_planned(Plan::once(0), 3), Err(reached.into()));
    assert_eq!(events.timers(), 2);

    assert_eq!(events.cancel_timer(far), Some(1));
    let every = Plan::every(0, 1_000.try_into().unwrap(), Missed::Skip);
    let pulse = events.try_add_planned(every, 4).unwrap();
    assert_eq!(poll(&mut events), []);
    assert_eq!(events.next_expired().map(|timer| timer.key), Some(pulse));
    assert_eq!(events.next_expired().map(|timer| timer.key), Some(due));
    assert!(events.try_add_timer(0, 5).is_ok(), "the one-shot timer has ended, and the interval stays");
    assert_eq!(events.try_add_timer(0, 6), Err(reached.into()));

    events.set_limits(Limits { timers: 0, ..limits });
    assert_eq!(events.timers(), 2, "timers beyond a new limit stay");
    events.clear();
    assert!(events.try_add_timer(0, 7).is_err());
}

#[test]
#[should_panic(expected = "too many timers: the limit of this loop is 0; `try_add_timer` returns an error instead")]
fn add_timer_panics_at_the_limit() {
    let limits = Limits { timers: 0, ..Limits::default() };
    Loop::new(&Options { limits, ..Options::default() }).unwrap().add_timer(0, 1);
}

#[test]
fn a_descriptor_beyond_the_limit_is_refused_and_the_others_are_unchanged() {
    on_every_backend(|events| {
        events.set_limits(Limits { descriptors: 1, ..Limits::default() });
        let ((a, mut peer), (b, mut other)) = (pair(), pair());
        let token = events.add_descriptor(a, READ).unwrap();
        let refused = events.add_descriptor(b, READ).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::QuotaExceeded);
        assert_eq!(refused.to_string(), "too many descriptors: the limit of this loop is 1");
        let owned = b.try_clone_to_owned().unwrap();
        assert!(events.add_owned(owned, READ).is_err(), "`add_owned` has the same limit");
        write(&mut peer);
        write(&mut other);
        assert_eq!(poll(events), [(token, READ)]);

        let again = events.add_descriptor(a, BOTH).unwrap();
        assert_eq!(poll(events), [(again, BOTH)], "replacing one does not add one");
        events.remove_descriptor(again).unwrap();
        let token = events.add_descriptor(b, READ).unwrap();
        assert_eq!(poll(events), [(token, READ)]);
    });
}

/// C36, C49: timers and descriptors beyond the limit of a turn come in the next turns, in order. The next turn does not
/// wait.
#[test]
fn a_turn_serves_up_to_its_limit_and_the_next_turn_continues_c36_c49() {
    on_every_backend(|events| {
        events.set_limits(Limits { served_in_turn: NonZeroUsize::new(3).unwrap(), ..Limits::default() });
        let pairs: Vec<_> = (0..7).map(|_| pair()).collect();
        let mut tokens: Vec<_> = pairs.iter().map(|(fd, _)| events.add_descriptor(*fd, READ).unwrap()).collect();
        // The kernel reports one half, and the user marks the other as ready.
        for (nth, (_, peer)) in pairs.iter().enumerate() {
            match nth % 2 {
                0 => write(&mut peer.try_clone().unwrap()),
                _ => events.mark_ready(tokens[nth], READ),
            }
        }
        for number in 1..=8 {
            events.add_timer(0, number);
        }
        let (mut timers, mut ready) = (Vec::new(), Vec::new());
        while ready.len() < 7 || timers.len() < 8 {
            events.turn(Wait::Block).unwrap();
            let fired: Vec<_> = std::iter::from_fn(|| events.next_expired()).map(|timer| timer.value).collect();
            let found: Vec<_> = std::iter::from_fn(|| events.next_ready()).map(|ready| ready.token).collect();
            assert!(fired.len() <= 3 && found.len() <= 3, "{fired:?}, {found:?}");
            timers.extend(fired);
            for token in found {
                let nth = tokens.iter().position(|other| *other == token).unwrap();
                if nth % 2 == 0 {
                    rustix::io::read(pairs[nth].0, &mut [0; 8]).unwrap();
                }
                ready.push(token);
            }
            events.audit();
        }
        assert_eq!(timers, (1..=8).collect::<Vec<_>>());
        ready.sort_unstable();
        tokens.sort_unstable();
        assert_eq!(ready, tokens, "each once");
    });
}

/// A loop on virtual time with `ready` descriptors that are ready.
fn simulated(ready: usize) -> (Loop, VirtualClock) {
    let clock = VirtualClock::new();
    let mut events = Loop::new(&Options { clock: ClockChoice::Virtual(clock.clone()), ..Options::default() }).unwrap();
    for _ in 0..ready {
        let (fd, mut peer) = pair();
        events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        std::mem::forget(peer);
    }
    (events, clock)
}

/// Takes a turn in which the callback of each timer lasts `each_ns`, and that of a descriptor takes no time. Returns
/// the timers and the number of descriptors that the turn served.
fn turn_of(events: &mut Loop, clock: &VirtualClock, each_ns: u64) -> (Vec<u64>, usize) {
    events.turn(Wait::Poll).unwrap();
    let work = |value| {
        clock.advance_ns(each_ns);
        value
    };
    let timers = std::iter::from_fn(|| events.next_expired().map(|timer| work(timer.value))).collect();
    (timers, std::iter::from_fn(|| events.next_ready()).count())
}

/// Regression test: a thousand intervals of 1 ms, whose callbacks take 5 ms, were all served before a signal.
#[test]
fn a_ready_descriptor_waits_for_two_slow_timers() {
    let _guard = alone();
    let (mut events, clock) = simulated(1);
    for number in 0..1_000 {
        events.add_planned(Plan::every(MS, MS.try_into().unwrap(), Missed::Skip), number);
    }
    clock.advance_ns(MS);
    for nth in 0..500 {
        assert_eq!(turn_of(&mut events, &clock, 5 * MS), (vec![2 * nth, 2 * nth + 1], 1));
    }
    assert_eq!(turn_of(&mut events, &clock, 5 * MS).0, [0, 1], "in the order of deadlines");
    events.audit();
}

#[test]
fn with_a_still_clock_a_descriptor_waits_for_ten_thousand_timers() {
    let _guard = alone();
    let (mut events, clock) = simulated(1);
    for number in 0..25_000 {
        events.add_timer(0, number);
    }
    for timers in [0..10_000, 10_000..20_000, 20_000..25_000] {
        let (served, ready) = turn_of(&mut events, &clock, 0);
        assert_eq!((served.len(), ready), (timers.clone().count(), 1));
        assert!(served.into_iter().eq(timers), "in the order of arming");
    }
}

#[test]
fn without_a_descriptor_a_turn_serves_all_timers_that_are_due() {
    let clock = VirtualClock::new();
    let mut events = Loop::new(&Options { clock: ClockChoice::Virtual(clock.clone()), ..Options::default() }).unwrap();
    for number in 0..20_000 {
        events.add_timer(0, number);
    }
    assert_eq!(turn_of(&mut events, &clock, MS).0.len(), 20_000);
}

#[test]
fn slow_descriptors_let_a_due_timer_wait_for_10_ms_and_each_has_its_turn() {
    let _guard = alone();
    let (mut events, clock) = simulated(20);
    events.add_planned(Plan::every(MS, MS.try_into().unwrap(), Missed::Skip), 1);
    let mut served = std::collections::HashSet::new();
    for nth in 0..12 {
        events.turn(Wait::Poll).unwrap();
        let timers = std::iter::from_fn(|| events.next_expired()).count();
        assert!(nth == 0 || timers == 1, "turn {nth}: {timers} timers");
        let mut count = 0;
        while let Some(ready) = events.next_ready() {
            served.insert(ready.token);
            clock.advance_ns(5 * MS);
            count += 1;
        }
        assert_eq!(count, 2, "turn {nth}");
    }
    assert_eq!(served.len(), 20);
}

/// A turn gives a share of its time to timers and one to descriptors. Regression test: the descriptors' share began at
/// a reading of the clock that was taken before the timers' share ended. So the share included time of the timers, and
/// was over after one descriptor.
#[test]
fn timers_that_use_up_their_share_leave_descriptors_theirs() {
    let _guard = alone();
    let (mut events, clock) = simulated(20);
    for number in 0..3 {
        events.add_timer(0, number);
    }
    for number in 0..3 {
        assert_eq!(turn_of(&mut events, &clock, 12 * MS), (vec![number], 20));
    }
}

/// Regression test: a callback that armed itself again for now kept the virtual clock from moving, and later timers
/// never fired.
#[test]
fn a_virtual_clock_does_not_stand_still_for_ever() {
    let _guard = alone();
    let clock = VirtualClock::new();
    let options = Options { clock: ClockChoice::Virtual(clock), ..Options::default() };
    let mut events = Loop::new(&options).unwrap();
    events.add_timer(5 * MS, 1);
    events.add_timer(0, 0);
    let (mut rounds, mut late_ns) = (0, None);
    events
        .run(|events, due| {
            let cogloop_io::Due::Timer(timer) = due else { return };
            rounds += 1;
            match timer.value {
                1 => late_ns = Some(timer.late_ns),
                _ if late_ns.is_none() && rounds < 100_000 => {
                    events.add_timer(0, 0);
                }
                _ => (),
            }
        })
        .unwrap();
    assert_eq!(late_ns, Some(0), "after {rounds} rounds");
    assert!((10_000..16_000).contains(&rounds), "{rounds} rounds");

    // A descriptor stays ready, and time stands still for the same number of turns.
    let (mut events, _) = simulated(1);
    events.add_timer(5 * MS, 1);
    let fired = |events: &mut Loop, turns| {
        (0..turns).find(|_| {
            events.turn(Wait::Block).unwrap();
            events.next_expired().is_some()
        })
    };
    assert_eq!(fired(&mut events, 10_000), None);
    assert_eq!(events.now_ns(), 0);
    assert!(fired(&mut events, 5_001).is_some());
}
