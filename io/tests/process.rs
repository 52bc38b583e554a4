//! Signals, stopping, and exec. Each test signals its own thread or process.

mod common;

use cogloop_io::Wait;
use common::*;
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// C56
#[test]
fn a_signal_is_invisible_and_the_deadline_is_kept_c56() {
    let arrived = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGUSR1, Arc::clone(&arrived)).unwrap();
    let interrupted = AtomicUsize::new(0);
    on_every_backend(|events| {
        let deadline_ns = events.now_ns() + 20 * MS;
        events.add_timer_at(deadline_ns, 1);
        let (done, waiter) = (AtomicBool::new(false), pthread_self());
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    pthread_kill(waiter, Signal::SIGUSR1).unwrap();
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let mut waited = events.turn(Wait::Block);
            while waited.is_ok() && events.next_expired().is_none() {
                interrupted.fetch_add(1, Ordering::SeqCst);
                waited = events.turn(Wait::Block);
            }
            done.store(true, Ordering::SeqCst);
            waited.unwrap();
        });
        assert!(events.turn_ns() >= deadline_ns);
        assert!(arrived.swap(false, Ordering::SeqCst), "no signal came");
    });
    assert!(interrupted.load(Ordering::SeqCst) > 0, "no wait was interrupted: this test shows nothing");
}

/// C56
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

/// C58
#[test]
fn a_program_started_meanwhile_has_no_descriptor_of_ours_c58() {
    let list = |of: &str| {
        let output = Command::new("ls").args(["-l", of]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    on_every_backend(|events| {
        // Into the way in which epoll builds its set anew, too.
        let (fd, mut peer) = pair();
        let _alive = fd.try_clone_to_owned().unwrap();
        events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        close(fd);
        assert_eq!(poll(events), []);

        let ours = list(&format!("/proc/{}/fd", std::process::id()));
        assert!(ours.contains("[eventfd]"), "the waker is there to be inherited:\n{ours}");
        let childs = list("/proc/self/fd");
        assert!(childs.contains("/dev/null") || childs.contains("pipe:"), "the listing works:\n{childs}");
        assert!(!childs.contains("[eventfd]") && !childs.contains("[eventpoll]"), "inherited:\n{childs}");
    });
}
