//! Signals, stopping the process, and exec. The tests signal only their own thread or process. C29 and the like are
//! rows of docs/conformance.md.
#![cfg(unix)]

mod common;

use cogloop_io::{Missed, MonotonicClock, Plan, Wait};
use common::*;
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use std::cell::Cell;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// C56: the user does not see a signal. On a busy machine the first signal may come after the deadline. So the test
/// goes on until a signal has interrupted a wait.
#[test]
fn a_signal_is_invisible_and_the_deadline_is_kept_c56() {
    let arrived = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGUSR1, Arc::clone(&arrived)).unwrap();
    let interrupted = AtomicUsize::new(0);
    for _ in 0..1_000 {
        signals_come_until_a_deadline(&arrived, &interrupted);
        if interrupted.load(Ordering::SeqCst) > 0 {
            return;
        }
    }
    panic!("no wait was interrupted, so this test shows nothing");
}

fn signals_come_until_a_deadline(arrived: &AtomicBool, interrupted: &AtomicUsize) {
    on_every_backend(|events| {
        let deadline_ns = events.now_ns() + 20 * MS;
        events.add_timer_at(deadline_ns, 1);
        // An integer, because musl's type is a pointer, which must not be sent to another thread.
        let (done, waiter) = (AtomicBool::new(false), pthread_self() as usize);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    pthread_kill(waiter as Pthread, Signal::SIGUSR1).unwrap();
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let mut waited = events.turn(Wait::Block);
            while waited.is_ok() && events.next_expired().is_none() {
                interrupted.fetch_add(1, Ordering::SeqCst);
                waited = events.turn(Wait::Block);
            }
            // On a busy machine the first signal may come after the deadline.
            while !arrived.swap(false, Ordering::SeqCst) {
                thread::yield_now();
            }
            done.store(true, Ordering::SeqCst);
            waited.unwrap();
        });
        assert!(events.turn_ns() >= deadline_ns);
    });
}

#[test]
fn stop_and_continue_are_invisible_c56() {
    on_every_backend(|events| {
        let mut shell = Command::new("sh").args(["-c", "kill -STOP $PPID; kill -CONT $PPID"]).spawn().unwrap();
        let deadline_ns = events.now_ns() + 30 * MS;
        events.add_timer_at(deadline_ns, 1);
        let mut fired = 0;
        while !events.is_idle() {
            events.turn(Wait::Block).unwrap();
            while events.next_expired().is_some() {
                assert!(events.turn_ns() >= deadline_ns);
                fired += 1;
            }
        }
        assert_eq!(fired, 1);
        assert!(shell.wait().unwrap().success());
    });
}

/// C58: a started program inherits no eventfd, epoll set, ring or timer descriptor of a loop.
#[test]
fn a_program_started_meanwhile_has_no_descriptor_of_ours_c58() {
    let list = |of: &str| {
        let output = Command::new("ls").args(["-l", of]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // The program that started the tests may have descriptors of these kinds itself, and every program that a test
    // starts inherits them.
    const KINDS: [&str; 4] = ["[eventfd]", "[eventpoll]", "[io_uring]", "[timerfd]"];
    let own_kinds = |listing: &str| KINDS.map(|kind| listing.matches(kind).count());
    let seen = Cell::new([0; 4]);
    let from_outside = own_kinds(&list("/proc/self/fd"));
    on_every_backend(|events| {
        // This also makes epoll build its set again.
        let (fd, mut peer) = pair();
        let _alive = fd.try_clone_to_owned().unwrap();
        events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        close(fd);
        assert_eq!(poll(events), []);

        let ours = list(&format!("/proc/{}/fd", std::process::id()));
        assert!(ours.contains("[eventfd]"), "the process has a waker that could be inherited:\n{ours}");
        seen.set(std::array::from_fn(|kind| seen.get()[kind] + own_kinds(&ours)[kind]));
        let childs = list("/proc/self/fd");
        assert!(childs.contains("/dev/null") || childs.contains("pipe:"), "the listing works:\n{childs}");
        assert_eq!(own_kinds(&childs), from_outside, "inherited:\n{childs}");
    });
    let permitted = permitted();
    for (kind, backend) in [(1, "epoll"), (2, "uring")] {
        let has_it = seen.get()[kind] > 0;
        assert!(has_it || !permitted.contains(&backend), "no loop had a descriptor {}", KINDS[kind]);
    }
}

/// C29: the process is stopped for a second. Afterwards each policy handles the hundred periods that have passed. The
/// turns also serve other timers and descriptors, and no timer is served twice in a turn.
#[test]
fn after_sigstop_for_a_second_intervals_follow_their_policy_without_a_storm_c29() {
    const PERIOD: u64 = 10 * MS;
    const RESOLUTION: u64 = 1_000;
    let _guard = alone();
    // The loops are made before the stop.
    let loops = backends().into_iter().map(|(name, backend)| {
        let mut events = Loop::from_parts(Box::new(MonotonicClock), backend, RESOLUTION).unwrap();
        let first_ns = events.now_ns() + PERIOD;
        for (value, missed) in [(0, Missed::Skip), (1, Missed::Delay), (2, Missed::Burst)] {
            events.add_planned(Plan::every(first_ns, PERIOD.try_into().unwrap(), missed), value);
        }
        (name, events)
    });
    let loops: Vec<_> = loops.collect();
    let mut shell = Command::new("sh").args(["-c", "kill -STOP $PPID; sleep 1; kill -CONT $PPID"]).spawn().unwrap();
    assert!(shell.wait().unwrap().success());
    on_each(loops, |mut events| {
        let (fd, mut peer) = pair();
        write(&mut peer);
        events.add_descriptor(fd, READ).unwrap();
        // For each policy: the deadline, the number of missed deadlines, and the time of the turn.
        let mut served: [Vec<(u64, u64, u64)>; 3] = Default::default();
        while served[2].last().is_none_or(|(deadline_ns, _, turn_ns)| deadline_ns + PERIOD <= *turn_ns) {
            events.turn(Wait::Block).unwrap();
            let before = served.each_ref().map(Vec::len);
            while let Some(timer) = events.next_expired() {
                served[timer.value as usize].push((timer.deadline_ns, timer.missed, events.turn_ns()));
            }
            assert!(served.iter().zip(before).all(|(now, before)| now.len() <= before + 1), "twice in a turn");
            assert!(events.next_ready().is_some(), "the descriptor is served in each turn");
        }
        let [skip, delay, burst] = served;
        assert!(skip[0].1 >= 90, "the others are counted as missed: {:?}", skip[0]);
        for pair in skip.windows(2) {
            assert_eq!(pair[1].0, pair[0].0 + (1 + pair[0].1) * PERIOD, "on the old schedule");
            assert!(pair[1].0 > pair[0].2, "never for a time in the past");
        }
        let follows = |pair: &[(u64, u64, u64)]| pair[1].0 == (pair[0].2 + PERIOD).next_multiple_of(RESOLUTION);
        assert!(delay.windows(2).all(follows), "one period after the last call, rounded up: {delay:?}");
        assert!(
            burst.len() >= 90 && burst.windows(2).all(|pair| pair[1].0 == pair[0].0 + PERIOD),
            "every deadline is served"
        );
    });
}

/// C60: a profiler's signal comes every millisecond, to the thread that waits. The test ends when timers and
/// descriptors were served often enough. On musl, nix has no timers that signal a thread.
#[cfg(target_env = "gnu")]
#[test]
fn a_signal_a_millisecond_starves_nothing_c60() {
    use nix::sys::signal::{SigEvent, SigevNotify};
    use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
    use nix::time::ClockId;
    use nix::unistd::gettid;
    use std::io::{Read, Write};
    let arrived = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGPROF, Arc::clone(&arrived)).unwrap();
    on_every_backend(|events| {
        let notify = SigevNotify::SigevThreadId { signal: Signal::SIGPROF, thread_id: gettid().as_raw(), si_value: 0 };
        let mut profiler = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify)).unwrap();
        let every = Expiration::Interval(Duration::from_millis(1).into());
        profiler.set(every, TimerSetTimeFlags::empty()).unwrap();

        let (fd, mut peer) = pair();
        events.add_descriptor(fd, READ).unwrap();
        peer.set_nonblocking(false).unwrap();
        let first_ns = events.now_ns() + 3 * MS;
        events.add_planned(Plan::every(first_ns, (3 * MS).try_into().unwrap(), Missed::Skip), 1);
        let (mut signals, mut timers, mut echoes) = (0, 0, 0);
        thread::scope(|scope| {
            // Answers each byte until the end of the stream.
            scope.spawn(move || {
                while peer.write(b"x").is_ok() && peer.read(&mut [0; 8]).is_ok_and(|length| length > 0) {
                    thread::sleep(Duration::from_micros(500));
                }
            });
            while signals < 20 || timers < 20 || echoes < 20 {
                events.turn(Wait::Block).unwrap();
                signals += usize::from(arrived.swap(false, Ordering::SeqCst));
                while let Some(timer) = events.next_expired() {
                    assert!(timer.deadline_ns <= events.turn_ns());
                    timers += 1;
                }
                while events.next_ready().is_some() {
                    rustix::io::read(fd, &mut [0; 8]).unwrap();
                    rustix::io::write(fd, b"x").unwrap();
                    echoes += 1;
                }
            }
            events.clear();
            close(fd);
        });
    });
}
