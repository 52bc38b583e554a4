//! A loop that goes on in another thread, or in a forked child.
#![cfg(unix)]

mod common;

use cogloop_io::{Interest, Mode, Options, Wait};
use common::*;

fn options_of(backend: &str) -> Options {
    Options { backend: Some(backend.to_owned()), ..Options::default() }
}

/// Moves a loop to another thread. `T: Send` is not what a loop is: the move is sound because nothing stays behind.
struct Moved<T>(T);

#[allow(unsafe_code, reason = "the loop moves as a whole, and the first thread does not touch it meanwhile")]
// SAFETY: see above; `leave_thread` and `enter_thread` are made for this.
unsafe impl<T> Send for Moved<T> {}

fn on_another_thread<T>(value: T, story: impl FnOnce(&mut T) + Send) -> T {
    let mut moved = Moved(value);
    std::thread::scope(|scope| {
        let borrowed = &mut moved;
        let there = scope.spawn(move || {
            let Moved(value) = { borrowed };
            story(value);
        });
        there.join().unwrap();
    });
    moved.0
}

#[test]
fn a_loop_goes_on_in_another_thread_with_its_timers_and_descriptors() {
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
        let timer = events.add_timer(5 * MS, 7);
        let waker = events.waker();
        events.leave_thread();
        write(&mut level_peer);
        let mut events = on_another_thread(events, |events| {
            events.enter_thread(&options_of(name)).unwrap();
            events.audit();
            assert_eq!(poll(events), [(level, READ)], "{name}: the edge was reported already");
            events.drained(edge, READ).unwrap();
            assert_eq!(poll(events).len(), 2, "{name}");
            events.set_interest(idle, WRITE).unwrap();
            assert_eq!(poll(events).len(), 2, "{name}: the edge was reported again");
            for token in [level, edge, idle] {
                events.remove_descriptor(token).unwrap();
            }
            waker.wake();
            events.turn(Wait::Block).unwrap();
            while events.timers() > 0 {
                events.turn(Wait::Block).unwrap();
                if let Some(fired) = events.next_expired() {
                    assert_eq!((fired.key, fired.value), (timer, 7), "{name}");
                }
            }
            events.leave_thread();
        });
        events.enter_thread(&options).unwrap();
        assert_eq!(poll(&mut events), [], "{name}: and back again");
    }
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
