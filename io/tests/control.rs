//! Running and stopping a loop, and what keeps it going. C30 and the like are rows of docs/conformance.md.

mod common;

use cogloop_io::{Due, Missed, Plan, Token, Wait};
use common::*;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What was served: a timer's value, or a descriptor's token.
fn served(due: Due<u64>) -> Result<u64, Token> {
    match due {
        Due::Timer(timer) => Ok(timer.value),
        Due::Descriptor(ready) => Err(ready.token),
    }
}

#[test]
fn run_serves_until_nothing_is_left_c33() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        events.add_timer(0, 1);
        let mut log = Vec::new();
        let run = events.run(|events, due| {
            log.push(served(due));
            match due {
                // This timer must not fire in this turn.
                Due::Timer(timer) if timer.value < 3 => {
                    events.add_timer(0, timer.value + 1);
                }
                Due::Timer(_) => events.remove_descriptor(token).unwrap(),
                Due::Descriptor(_) => {}
            }
        });
        run.unwrap();
        assert_eq!(log, [Ok(1), Err(token), Ok(2), Err(token), Ok(3)], "timers first, and both in every turn");
        events.run(|_, due| panic!("{due:?} of an idle loop")).unwrap();
    });
}

#[test]
fn run_once_takes_one_turn_and_waits_or_not_c33() {
    on_every_backend(|events| {
        let mut log = Vec::new();
        assert!(!events.run_once(Wait::Block, |_, _| ()).unwrap(), "an idle loop does not wait");
        events.add_timer(20 * MS, 1);
        let deadline_ns = events.next_deadline_ns().unwrap();
        assert!(
            events.run_once(Wait::Poll, |_, due| log.push(served(due))).unwrap() || events.turn_ns() >= deadline_ns
        );
        while events.run_once(Wait::Block, |_, due| log.push(served(due))).unwrap() {}
        assert_eq!(log, [Ok(1)]);
        assert!(events.turn_ns() >= deadline_ns, "it waited");

        events.add_timer(0, 2);
        let more = events.run_once(Wait::Block, |events, due| {
            log.push(served(due));
            events.add_timer(0, 3);
        });
        assert!(more.unwrap(), "one turn, and something is left");
        assert_eq!(log, [Ok(1), Ok(2)]);
    });
}

/// C30: timers that were due when a callback stopped the loop stay due. C31: a stop before a run has no effect on it.
#[test]
fn after_a_stop_the_next_run_serves_the_rest_c30_c31() {
    on_every_backend(|events| {
        let pairs = [pair(), pair()];
        let tokens = pairs.each_ref().map(|(fd, _)| events.add_descriptor(*fd, READ).unwrap());
        pairs.iter().for_each(|(_, peer)| write(&mut peer.try_clone().unwrap()));
        for value in 1..=2 {
            events.add_timer(0, value);
        }
        let mut log = Vec::new();
        events.stop();
        for _ in 0..4 {
            let run = events.run(|events, due| {
                log.push(served(due));
                if let Due::Descriptor(ready) = due {
                    events.remove_descriptor(ready.token).unwrap();
                }
                events.stop();
            });
            run.unwrap();
        }
        assert_eq!(log[..2], [Ok(1), Ok(2)]);
        log[2..].sort();
        assert_eq!(log[2..], tokens.map(Err));
        assert!(events.is_idle());
    });
}

/// C32: a run within a run is an error. A panic in `serve` leaves the loop usable.
#[test]
fn a_nested_run_is_an_error_and_a_panic_ends_a_run_c32() {
    on_every_backend(|events| {
        events.add_timer(0, 1);
        let mut kinds = Vec::new();
        let run = events.run(|events, _| {
            kinds.push(events.run(|_, _| ()).unwrap_err().kind());
            kinds.push(events.run_once(Wait::Poll, |_, _| ()).unwrap_err().kind());
        });
        run.unwrap();
        assert_eq!(kinds, [ErrorKind::ResourceBusy; 2]);

        events.add_timer(0, 2);
        let caught = catch_unwind(AssertUnwindSafe(|| events.run(|_, _| std::panic::resume_unwind(Box::new(2)))));
        assert!(caught.is_err());
        events.add_timer(0, 3);
        let mut log = Vec::new();
        events.run(|_, due| log.push(served(due))).unwrap();
        assert_eq!(log, [Ok(3)]);
    });
}

#[test]
fn unreferenced_timers_and_descriptors_are_served_and_keep_no_loop_going_c34() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        write(&mut peer);
        let token = events.add_descriptor(fd, READ).unwrap();
        let period_ns = MS.try_into().unwrap();
        let pulse = events.add_planned(Plan::every(events.now_ns(), period_ns, Missed::Skip), 1);
        let far = events.add_timer(1_000_000 * MS, 2);
        assert!(events.unref_timer(pulse) && events.unref_timer(far) && !events.is_idle());
        assert!(events.unref_descriptor(token) && events.unref_descriptor(token) && events.is_idle());
        events.audit();
        assert_eq!((events.timers(), events.descriptors()), (2, 1), "the loop still has them");
        events.run(|_, due| panic!("{due:?} of an idle loop")).unwrap();

        events.add_timer(3 * MS, 3);
        let mut log = Vec::new();
        events.run(|_, due| log.push(served(due))).unwrap();
        assert!(
            log.contains(&Ok(1)) && log.contains(&Err(token)),
            "served while something else keeps the loop going: {log:?}"
        );
        assert_eq!(log.iter().filter(|due| **due == Ok(3)).count(), 1);
        assert!(events.is_idle());

        assert!(events.ref_timer(far) && !events.is_idle());
        assert!(events.cancel_timer(far).is_some() && events.is_idle());
        assert!(events.ref_descriptor(token) && !events.is_idle());
        assert!(events.unref_descriptor(token) && events.is_idle());
        events.audit();
    });
}

/// C34: a timer or descriptor that has ended in any way is no longer counted as unreferenced.
#[test]
fn unreferenced_timers_and_descriptors_that_have_ended_are_forgotten_c34() {
    on_every_backend(|events| {
        let (fd, _peer) = pair();
        let fired = events.add_timer(0, 1);
        let cancelled = events.add_timer(MS, 2);
        let replaced = events.add_descriptor(fd, READ).unwrap();
        assert!(events.unref_timer(fired) && events.unref_timer(cancelled) && events.unref_descriptor(replaced));
        events.cancel_timer(cancelled);
        events.turn(Wait::Block).unwrap();
        assert_eq!(events.next_expired().map(|timer| timer.value), Some(1));
        let token = events.add_descriptor(fd, READ).unwrap();
        events.audit();
        assert!(!events.is_idle(), "a replacement counts");
        for stale in [fired, cancelled] {
            assert!(!events.unref_timer(stale) && !events.ref_timer(stale));
        }
        assert!(!events.unref_descriptor(replaced) && !events.ref_descriptor(replaced));

        let again = events.add_timer(MS, 3);
        assert!(events.unref_timer(again) && events.unref_descriptor(token) && events.is_idle());
        events.clear();
        events.add_timer(MS, 4);
        assert!(!events.is_idle());
        events.audit();
    });
}
