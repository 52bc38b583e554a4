//! What a host allows: an error at the limit, nothing lost, and room again when something has gone.

mod common;

use cogloop_io::{LimitReached, Limits, Missed, Options, Plan, Wait};
use common::*;
use std::io::ErrorKind;
use std::num::NonZeroUsize;

#[test]
fn a_timer_too_many_is_refused_until_one_has_gone() {
    let limits = Limits { timers: 2, ..Limits::default() };
    let mut events = Loop::new(&Options { limits, ..Options::default() }).unwrap();
    assert_eq!(events.limits(), limits);
    let far = events.try_add_timer_at(u64::MAX / 2, 1).unwrap();
    let due = events.try_add_timer(0, 2).unwrap();
    assert!(events.pause_timer(far), "a timer that is paused is one all the same");
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
    assert!(events.try_add_timer(0, 5).is_ok(), "a one-shot has gone, an interval stays");
    assert_eq!(events.try_add_timer(0, 6), Err(reached.into()));

    events.set_limits(Limits { timers: 0, ..limits });
    assert_eq!(events.timers(), 2, "what is there stays");
    events.clear();
    assert!(events.try_add_timer(0, 7).is_err());
}

#[test]
#[should_panic(expected = "too many timers: the limit of this loop is 0; `try_add_timer` says so")]
fn a_timer_too_many_of_a_host_that_has_not_asked_is_a_panic() {
    let limits = Limits { timers: 0, ..Limits::default() };
    Loop::new(&Options { limits, ..Options::default() }).unwrap().add_timer(0, 1);
}

#[test]
fn a_descriptor_too_many_is_refused_and_the_others_are_as_they_were() {
    on_every_backend(|events| {
        events.set_limits(Limits { descriptors: 1, ..Limits::default() });
        let ((a, mut peer), (b, mut other)) = (pair(), pair());
        let token = events.add_descriptor(a, READ).unwrap();
        let refused = events.add_descriptor(b, READ).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::QuotaExceeded);
        assert_eq!(refused.to_string(), "too many descriptors: the limit of this loop is 1");
        let owned = rustix::io::fcntl_dupfd_cloexec(b, 0).unwrap();
        assert!(events.add_owned(owned, READ).is_err(), "in no other way either");
        write(&mut peer);
        write(&mut other);
        assert_eq!(poll(events), [(token, READ)]);

        let again = events.add_descriptor(a, BOTH).unwrap();
        assert_eq!(poll(events), [(again, BOTH)], "in the place of another it is none more");
        events.remove_descriptor(again).unwrap();
        let token = events.add_descriptor(b, READ).unwrap();
        assert_eq!(poll(events), [(token, READ)]);
    });
}

/// C36, C49: what a turn leaves for want of permission comes in the next ones, in order, and is not waited for.
#[test]
fn a_turn_serves_so_many_timers_and_descriptors_and_the_next_one_goes_on_c36_c49() {
    on_every_backend(|events| {
        events.set_limits(Limits { served_in_turn: NonZeroUsize::new(3).unwrap(), ..Limits::default() });
        let pairs: Vec<_> = (0..7).map(|_| pair()).collect();
        let mut tokens: Vec<_> = pairs.iter().map(|(fd, _)| events.add_descriptor(*fd, READ).unwrap()).collect();
        // Half by the kernel's word, half by the user's.
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
