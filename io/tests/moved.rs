//! A loop leaves its thread and enters a thread, which gives it a new backend. Here it enters the same thread again;
//! `bindings/c/tests/loop_moves.c` moves loops between threads and processes.
#![cfg(unix)]

mod common;

use cogloop_io::{Interest, Mode, Options, Recording, Token, Wait};
use common::*;

fn options_of(backend: &str) -> Options {
    Options { backend: Some(backend.to_owned()), ..Options::default() }
}

/// Takes turns until `token` is ready, and returns everything that they found ready. While a timer is armed, a turn on a
/// slow machine may leave descriptors to the next one.
fn until(events: &mut Loop, token: Token) -> Vec<(Token, Interest)> {
    let mut found = Vec::new();
    while !found.iter().any(|&(each, _)| each == token) {
        found.extend(poll(events));
    }
    found
}

#[test]
fn a_loop_goes_on_with_its_timers_and_descriptors_on_a_new_backend() {
    let _guard = alone();
    for name in permitted() {
        let options = options_of(name);
        let mut events = Loop::new(&options).unwrap();
        let ((level, mut level_peer), (edge, mut edge_peer), (idle, _idle_peer)) = (pair(), pair(), pair());
        let level = events.add_descriptor(level, READ).unwrap();
        let edge = events.add_descriptor_with(edge, READ, Mode::Edge).unwrap();
        let idle = events.add_descriptor(idle, Interest::NONE).unwrap();
        write(&mut edge_peer);
        assert_eq!(poll(&mut events), [(edge, READ)], "{name}");
        // The timer is due in an hour. So until it is rescheduled below, the turns find only descriptors.
        let timer = events.add_timer(3_600_000 * MS, 7);
        let waker = events.waker();
        events.leave_thread();
        write(&mut level_peer);
        events.enter_thread(&options).unwrap();
        events.audit();
        assert_eq!(poll(&mut events), [(level, READ)], "{name}: the edge was reported already");
        events.drained(edge, READ).unwrap();
        until(&mut events, edge);
        events.set_interest(idle, WRITE).unwrap();
        assert!(!until(&mut events, idle).contains(&(edge, READ)), "{name}: the edge is silent again");
        for token in [level, edge, idle] {
            events.remove_descriptor(token).unwrap();
        }
        waker.wake();
        events.turn(Wait::Block).unwrap();
        assert!(events.reschedule_timer_at(timer, events.now_ns() + 5 * MS));
        while events.timers() > 0 {
            events.turn(Wait::Block).unwrap();
            if let Some(fired) = events.next_expired() {
                assert_eq!((fired.key, fired.value), (timer, 7), "{name}");
            }
        }
        events.leave_thread();
        events.enter_thread(&options).unwrap();
        assert_eq!(poll(&mut events), [], "{name}: and back again");
    }
}

#[test]
fn a_loop_that_records_or_replays_cannot_move() {
    let _guard = alone();
    let path = std::env::temp_dir().join(format!("cogloop-moved-{}.rec", std::process::id()));
    for recording in [Recording::Record(path.clone()), Recording::Replay(path.clone())] {
        let options = Options { recording: Some(recording), ..options_of("select") };
        let mut events = Loop::new(&options).unwrap();
        events.leave_thread();
        let error = events.enter_thread(&options).unwrap_err().to_string();
        assert!(error.contains("moving a loop that records or replays"), "{error}");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_descriptor_that_was_closed_on_the_way_is_left_out() {
    let _guard = alone();
    for name in permitted() {
        let options = options_of(name);
        let mut events = Loop::new(&options).unwrap();
        let ((gone, _), (kept, mut peer)) = (pair(), pair());
        let token = events.add_descriptor(gone, READ).unwrap();
        let kept = events.add_descriptor(kept, READ).unwrap();
        events.leave_thread();
        close(gone);
        events.enter_thread(&options).unwrap();
        write(&mut peer);
        assert_eq!(poll(&mut events), [(kept, READ)], "{name}");
        events.remove_descriptor(token).unwrap();
    }
}
