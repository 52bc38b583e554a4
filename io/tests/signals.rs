//! Signals as readiness. Each test raises a signal of its own, because the tests share a process.
#![cfg(unix)]

mod common;

use cogloop_io::signals::Signals;
use cogloop_io::{Interest, Mode, Wait};
use common::*;
use nix::sys::signal::{Signal, raise};
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Whether this process catches the signal, as the kernel lists it.
fn is_caught(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
    u64::from_str_radix(mask, 16).unwrap() >> (signal as i32 - 1) & 1 == 1
}

#[test]
fn a_signal_wakes_each_watcher_and_many_signals_are_one() {
    const SIGNAL: Signal = Signal::SIGURG;
    on_every_backend(|events| {
        let mut one = Signals::new().unwrap();
        let mut other = Signals::new().unwrap();
        assert!(!is_caught(SIGNAL), "no handler unless asked");
        one.watch(SIGNAL as i32).unwrap();
        other.watch(SIGNAL as i32).unwrap();
        let token = events.add_shared(Rc::new(one.descriptor()), Interest::READ, Mode::Level).unwrap();
        let second = events.add_shared(Rc::new(other.descriptor()), Interest::READ, Mode::Level).unwrap();
        for _ in 0..3 {
            (0..5).for_each(|_| raise(SIGNAL).unwrap());
            let mut ready: Vec<_> = poll(events).into_iter().map(|(token, _)| token).collect();
            ready.sort();
            assert_eq!(ready, [token, second]);
            assert_eq!(one.take().collect::<Vec<_>>(), [SIGNAL as i32]);
            assert_eq!(other.take().collect::<Vec<_>>(), [SIGNAL as i32]);
            assert_eq!(one.take().count(), 0);
        }
        events.remove_descriptor(token).unwrap();
        events.remove_descriptor(second).unwrap();
        drop(one);
        assert!(is_caught(SIGNAL), "the other loop still watches");
        other.unwatch(SIGNAL as i32);
        assert!(!is_caught(SIGNAL), "the earlier action is restored");
    });
}

/// Each signal is sent only after the loop has seen the previous one. If one were lost, the loop would wait for ever.
#[test]
fn no_signal_to_another_thread_is_lost() {
    const SIGNAL: Signal = Signal::SIGWINCH;
    on_every_backend(|events| {
        let mut signals = Signals::new().unwrap();
        signals.watch(SIGNAL as i32).unwrap();
        let token = events.add_shared(Rc::new(signals.descriptor()), Interest::READ, Mode::Level).unwrap();
        let is_seen = AtomicBool::new(true);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200 {
                    while !is_seen.swap(false, Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    raise(SIGNAL).unwrap();
                }
            });
            for _ in 0..200 {
                while signals.take().count() == 0 {
                    events.turn(Wait::Block).unwrap();
                }
                is_seen.store(true, Ordering::SeqCst);
            }
        });
        events.remove_descriptor(token).unwrap();
    });
}

#[test]
fn an_earlier_signal_handler_is_not_called_and_is_restored() {
    let called = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGUSR1, Arc::clone(&called)).unwrap();
    let mut signals = Signals::new().unwrap();
    signals.watch(Signal::SIGUSR1 as i32).unwrap();
    raise(Signal::SIGUSR1).unwrap();
    assert!(!called.load(Ordering::SeqCst));
    assert_eq!(signals.take().collect::<Vec<_>>(), [Signal::SIGUSR1 as i32]);
    drop(signals);
    raise(Signal::SIGUSR1).unwrap();
    assert!(called.load(Ordering::SeqCst));
}

#[test]
fn a_signal_that_cannot_be_watched_is_refused_and_no_handler_is_installed() {
    let mut signals = Signals::new().unwrap();
    for number in [-1, 0, Signal::SIGKILL as i32, Signal::SIGSTOP as i32, Signal::SIGSEGV as i32, 65, i32::MAX] {
        assert!(signals.watch(number).is_err(), "{number}");
        signals.unwatch(number);
    }
    assert_eq!(signals.take().count(), 0);
}

/// Regression test: when a watcher was dropped, its place in the handler's list kept the descriptor open for the next
/// watcher. After a hundred loops of five watchers, 505 descriptors were open.
#[test]
fn a_watcher_of_signals_closes_its_descriptor() {
    let is_open = |number: i32| std::path::Path::new(&format!("/proc/self/fd/{number}")).exists();
    let mut watchers: Vec<_> = (0..50).map(|_| Signals::new().unwrap()).collect();
    watchers.iter_mut().for_each(|watcher| watcher.watch(Signal::SIGUSR2 as i32).unwrap());
    let numbers: Vec<_> = watchers.iter().map(|watcher| watcher.descriptor().as_fd().as_raw_fd()).collect();
    assert!(numbers.iter().all(|&number| is_open(number)));
    drop(watchers);
    // Other tests run in this process and may have taken some of the numbers since.
    let open = numbers.iter().filter(|&&number| is_open(number)).count();
    assert!(open < 25, "{open} of 50 are open");
}

/// Handlers run on one thread while watchers are made and dropped on another.
#[test]
fn watchers_come_and_go_under_a_storm_of_signals() {
    const SIGNAL: Signal = Signal::SIGIO;
    let mut keeps = Signals::new().unwrap();
    keeps.watch(SIGNAL as i32).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // On a busy machine this thread may start when all watchers have come and gone.
            loop {
                raise(SIGNAL).unwrap();
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        for _ in 0..2_000 {
            let mut watchers = [Signals::new().unwrap(), Signals::new().unwrap()];
            watchers.iter_mut().for_each(|watcher| watcher.watch(SIGNAL as i32).unwrap());
            let [first, second] = watchers;
            drop(second);
            drop(first);
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(keeps.take().collect::<Vec<_>>(), [SIGNAL as i32]);
}

/// A real-time signal has no name in the standard, and a program may use it for any purpose.
#[cfg(target_os = "linux")]
#[test]
fn a_real_time_signal_is_watched_like_any_other() {
    let number = nix::libc::SIGRTMIN() + 1;
    on_every_backend(|events| {
        let mut signals = Signals::new().unwrap();
        signals.watch(number).unwrap();
        signals.watch(nix::libc::SIGRTMAX()).unwrap();
        let token = events.add_shared(Rc::new(signals.descriptor()), Interest::READ, Mode::Level).unwrap();
        let kill = format!("kill -{number} {}", std::process::id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        while poll(events).is_empty() {}
        assert_eq!(signals.take().collect::<Vec<_>>(), [number]);
        events.remove_descriptor(token).unwrap();
    });
    let mut signals = Signals::new().unwrap();
    for number in [0, -1, 9, 19, 32, 65, i32::MAX] {
        let refused = signals.watch(number).unwrap_err();
        assert!(refused.to_string().contains(&format!("signal {number} ")), "{refused}");
        signals.unwatch(number);
    }
}
