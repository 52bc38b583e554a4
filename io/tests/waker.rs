//! Waking a loop from outside. C39, C54 and C55 are rows of docs/conformance.md.

mod common;

use cogloop_io::Wait;
use common::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

#[test]
fn a_wake_before_a_wait_ends_it_and_many_wakes_count_as_one_c55() {
    on_every_backend(|events| {
        let waker = events.waker();
        for _ in 0..1_000 {
            waker.wake();
        }
        // Only the wake can end this wait.
        events.turn(Wait::Block).unwrap();
        assert_eq!(events.next_ready(), None, "a wake is not an event");
        assert!(events.is_idle(), "the waker is not counted");

        assert!(waits_quietly(events), "one turn took all wakes");
    });
}

/// C54: each thread stores a message and then wakes the loop. If a wake were lost, the loop would wait for ever.
#[test]
fn no_wake_from_many_threads_is_lost_c54() {
    const THREADS: usize = 8;
    const MESSAGES: usize = 500;
    on_every_backend(|events| {
        let (left, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let (left, taken, waker) = (&left, &taken, events.waker());
                scope.spawn(move || {
                    for _ in 0..MESSAGES {
                        let mine = left.fetch_add(1, Ordering::SeqCst) + 1;
                        waker.wake();
                        // Now and then the thread lets the loop fall asleep, so that a wake meets a waiting loop.
                        while mine.is_multiple_of(64) && taken.load(Ordering::SeqCst) < mine {
                            thread::yield_now();
                        }
                    }
                });
            }
            while taken.load(Ordering::SeqCst) < THREADS * MESSAGES {
                events.turn(Wait::Block).unwrap();
                taken.store(left.load(Ordering::SeqCst), Ordering::SeqCst);
            }
        });
    });
}

/// C54: each of two threads waits until its wake has arrived, and then wakes again after a varying delay. An
/// environment variable makes the test run longer.
#[test]
fn two_threads_wake_again_and_again_and_no_wake_is_lost_c54() {
    const LOST_NS: u64 = 600_000 * MS;
    let seconds = std::env::var("COGLOOP_HAMMER_S").map_or(0.1, |seconds| seconds.parse::<f64>().unwrap());
    on_every_backend(|events| {
        let (left, taken, is_over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let end_ns = events.now_ns() + (seconds * 1e9) as u64;
        thread::scope(|scope| {
            for thread in 0..2 {
                let (left, taken, is_over, waker) = (&left, &taken, &is_over, events.waker());
                scope.spawn(move || {
                    for nth in 0.. {
                        let mine = left.fetch_add(1, Ordering::SeqCst) + 1;
                        waker.wake();
                        while taken.load(Ordering::SeqCst) < mine {
                            if is_over.load(Ordering::SeqCst) {
                                return;
                            }
                            thread::yield_now();
                        }
                        (0..(nth * 7 + thread * 3) % 50).for_each(|_| std::hint::spin_loop());
                    }
                });
            }
            let mut lost = 0;
            while lost == 0 && events.now_ns() < end_ns {
                let before_ns = events.now_ns();
                events.turn(Wait::AtMost(LOST_NS)).unwrap();
                lost = u64::from(events.turn_ns() - before_ns >= LOST_NS);
                taken.store(left.load(Ordering::SeqCst), Ordering::SeqCst);
            }
            is_over.store(true, Ordering::SeqCst);
            assert_eq!(lost, 0, "wakes of both threads were lost: a wait lasted ten minutes");
        });
        println!("{} wakes", taken.load(Ordering::SeqCst));
    });
}

/// C54: the kernel has a flag that says that there are more completions to collect. It may set the flag after the loop
/// has collected them. The flag then stays set although nothing is left. Regression test: a loop that trusted the flag
/// never stopped collecting, in one run of a hundred.
#[test]
fn a_stale_hint_of_more_to_collect_is_ignored_after_one_try_c54() {
    on_every_backend(|events| {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (is_over, waker) = (&is_over, events.waker());
                scope.spawn(move || {
                    while !is_over.load(Ordering::SeqCst) {
                        waker.wake();
                    }
                });
            }
            for _ in 0..20_000 {
                events.turn(Wait::Block).unwrap();
            }
            is_over.store(true, Ordering::SeqCst);
        });
    });
}

/// C54: a signal handler has only the descriptor's number and `write`.
#[cfg(unix)]
#[test]
fn writing_to_the_wakers_descriptor_wakes_c54() {
    on_every_backend(|events| {
        let waker = events.waker();
        assert_eq!(rustix::io::write(waker.write_end(), &1u64.to_ne_bytes()), Ok(8));
        events.turn(Wait::Block).unwrap();
    });
}

/// C39, C54: epoll's set is built again when a closed descriptor goes on reporting. The waker is registered in the new
/// set.
#[test]
fn a_wake_still_arrives_after_a_closed_descriptor_was_dropped_c39_c54() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let _alive = fd.try_clone_to_owned().unwrap();
        events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        close(fd);
        assert_eq!(poll(events), []);
        events.waker().wake();
        events.turn(Wait::Block).unwrap();
    });
}

#[test]
fn a_waker_outlives_its_loop() {
    let events = Loop::new(&cogloop_io::Options::default()).unwrap();
    let waker = events.waker();
    drop(events);
    waker.wake();
}
