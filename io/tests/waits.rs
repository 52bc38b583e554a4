//! The loop's waits on every backend. No wait is too short, and one timer takes one wake-up. C15 and the like are
//! rows of docs/conformance.md.

mod common;

use cogloop_io::Wait;
use common::*;
use std::io::{ErrorKind, Read};
use std::thread;
use std::time::Duration;

/// Takes one turn that waits, and returns the due timers. A kernel may return early now and then, so each test tries
/// several times.
fn turn(events: &mut Loop) -> Vec<u64> {
    events.turn(Wait::Block).unwrap();
    std::iter::from_fn(|| events.next_expired()).map(|timer| timer.value).collect()
}

/// C15: a turn that does not wait serves timers that are due by the clock, no matter where the time was spent.
#[test]
fn time_spent_between_two_turns_counts_c15() {
    on_every_backend(|events| {
        events.add_timer(2 * MS, 2);
        events.add_timer(3_600_000 * MS, 9);
        thread::sleep(Duration::from_millis(3));
        events.turn(Wait::Poll).unwrap();
        assert_eq!(events.next_expired().map(|timer| timer.value), Some(2));
        assert_eq!(events.next_expired(), None);
    });
}

#[test]
fn with_nothing_armed_only_a_wake_ends_the_wait_c25() {
    on_every_backend(|events| {
        let slept_until_the_wake = (0..5).any(|_| {
            let (waker, before_ns) = (events.waker(), events.now_ns());
            thread::scope(|scope| {
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(15));
                    waker.wake();
                });
                assert_eq!(turn(events), []);
            });
            let woken_ns = events.turn_ns();
            // The wake of this round may still be pending.
            events.turn(Wait::Poll).unwrap();
            woken_ns >= before_ns + 15 * MS
        });
        assert!(slept_until_the_wake, "it woke for nothing, five times");
    });
}

/// C26: a delay is rounded up to the resolution, and one timer takes one wake-up.
#[test]
fn one_timer_is_one_wake_up_and_not_early_c26() {
    on_every_backend(|events| {
        for delay_ns in [1, 999, 63_999, MS + 1, 12 * MS + 1] {
            let one_was_enough = (0..5).any(|_| {
                let deadline_ns = events.now_ns() + delay_ns;
                events.add_timer(delay_ns, delay_ns);
                let first = turn(events);
                while !events.is_idle() {
                    turn(events);
                }
                assert!(events.turn_ns() >= deadline_ns);
                first == [delay_ns]
            });
            assert!(one_was_enough, "{delay_ns} ns took more than one wake-up, five times");
        }
    });
}

#[test]
fn a_cancelled_timer_ends_no_wait_c27() {
    on_every_backend(|events| {
        let slept_through = (0..5).any(|_| {
            let earliest = events.add_timer(2 * MS, 2);
            events.add_timer(8 * MS, 8);
            assert_eq!(events.cancel_timer(earliest), Some(2));
            let first = turn(events);
            while !events.is_idle() {
                turn(events);
            }
            first == [8]
        });
        assert!(slept_through, "it woke for a timer that is gone, five times");
    });
}

/// C27: the kernel still has the deadline of a timer that was cancelled. When the deadline has passed, it ends no later
/// wait.
#[test]
fn a_timer_cancelled_between_two_waits_ends_no_later_one_c27() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        let slept_through = (0..5).any(|_| {
            let earliest = events.add_timer(40 * MS, 40);
            write(&mut peer);
            let first = turn(events);
            assert_eq!(events.next_ready().map(|ready| ready.token), Some(token));
            assert_eq!(read(fd, &mut [0; 8]).unwrap(), 1);
            // If this thread had to wait for a processor until the deadline, the timer has fired.
            if !first.is_empty() || events.cancel_timer(earliest).is_none() {
                return false;
            }
            thread::sleep(Duration::from_millis(45));
            events.add_timer(8 * MS, 8);
            let first = turn(events);
            while events.timers() > 0 {
                turn(events);
            }
            first == [8]
        });
        assert!(slept_through, "it woke for a timer that is gone, five times");
    });
}

/// C48: two descriptors of one stream are both ready for one byte, and the second reader finds nothing.
#[test]
fn readiness_used_up_by_another_reader_does_no_harm_c48() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let mut stream = Peer::from(fd.try_clone_to_owned().unwrap());
        stream.set_nonblocking(true).unwrap();
        let second = lend(stream.try_clone().unwrap());
        for fd in [fd, second] {
            events.add_descriptor(fd, READ).unwrap();
        }
        for _ in 0..3 {
            write(&mut peer);
            events.turn(Wait::Block).unwrap();
            assert!(events.next_ready().is_some() && events.next_ready().is_some(), "both are reported");
            assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
            assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock, "spurious for the second");
            assert_eq!(poll(events), [], "not reported again");
            assert!(waits_quietly(events));
        }
    });
}
