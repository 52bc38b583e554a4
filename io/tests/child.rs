//! A child's end as readiness, and descriptors that the loop owns.
#![cfg(unix)]
#![allow(clippy::zombie_processes, reason = "the tests wait for them by process number")]

mod common;

use cogloop_io::child::exit_status;
#[cfg(target_os = "linux")]
use cogloop_io::child::pidfd;
use cogloop_io::signals::Signals;
use cogloop_io::{Mode, Token, Wait};
use common::*;
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

fn shell(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap()
}

#[cfg(not(target_os = "linux"))]
fn pidfd(_: u32) -> std::io::Result<OwnedFd> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Whether this system has descriptors for processes (pidfd).
fn permitted() -> bool {
    let mut child = shell("exit 0");
    let made = or_skip("pidfd", pidfd(child.id()));
    child.wait().unwrap();
    made.is_some()
}

fn watch(events: &mut Loop, child: &Child) -> Token {
    events.add_owned(pidfd(child.id()).unwrap(), READ).unwrap()
}

fn wait_for_one(events: &mut Loop) -> Token {
    loop {
        events.turn(Wait::Block).unwrap();
        if let Some(ready) = events.next_ready() {
            return ready.token;
        }
    }
}

#[test]
fn the_end_of_a_child_is_readiness_and_says_how_it_ended() {
    if !permitted() {
        return;
    }
    on_every_backend(|events| {
        for (script, code, signal) in
            [("read line; exit 7", Some(7), None), ("read line; kill -TERM $$", None, Some(15))]
        {
            let mut child = shell(script);
            let token = watch(events, &child);
            assert_eq!(poll(events), [], "it runs");
            assert_eq!(exit_status(child.id()).unwrap(), None);
            drop(child.stdin.take());
            assert_eq!(wait_for_one(events), token);
            let status = exit_status(child.id()).unwrap().unwrap();
            assert_eq!((status.code(), status.signal()), (code, signal));
            assert!(exit_status(child.id()).is_err(), "reported once");
            events.remove_descriptor(token).unwrap();
        }
    });
}

#[test]
fn a_child_that_ended_before_it_was_watched_is_ready_at_once() {
    if !permitted() {
        return;
    }
    on_every_backend(|events| {
        let mut child = shell("exit 3");
        // Z is the state of a process that has ended and was not waited for.
        let stat = format!("/proc/{}/stat", child.id());
        while !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        let token = watch(events, &child);
        assert_eq!(poll(events), [(token, READ)]);
        assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(3), "std still has the exit status");
        events.remove_descriptor(token).unwrap();
    });
}

#[test]
fn each_of_a_hundred_children_is_reported_once() {
    if !permitted() {
        return;
    }
    on_every_backend(|events| {
        let mut children: HashMap<_, _> = (0..100)
            .map(|code| (code, shell(&format!("exit {code}"))))
            .map(|(code, child)| (watch(events, &child), (code, child)))
            .collect();
        while !children.is_empty() {
            let token = wait_for_one(events);
            let (code, mut child) = children.remove(&token).expect("reported once");
            assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(code));
            events.remove_descriptor(token).unwrap();
        }
    });
}

#[test]
fn a_child_that_is_no_longer_watched_is_not_waited_for() {
    if !permitted() {
        return;
    }
    on_every_backend(|events| {
        let mut child = shell("read line; exit 1");
        let token = watch(events, &child);
        events.remove_descriptor(token).unwrap();
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert_eq!(poll(events), []);
    });
}

/// Systems without pidfd have SIGCHLD.
#[test]
fn sigchld_reports_a_childs_end_too() {
    on_every_backend(|events| {
        let mut signals = Signals::new().unwrap();
        signals.watch(Signal::SIGCHLD as i32).unwrap();
        let token = events.add_shared(Rc::new(signals.descriptor()), READ, Mode::Level).unwrap();
        let child = shell("exit 9");
        let status = loop {
            assert_eq!(wait_for_one(events), token);
            // A handler on another thread may have noted its signal before an earlier `take`, and woken the loop after
            // that `take`.
            assert!(signals.take().all(|number| number == Signal::SIGCHLD as i32));
            // The signal may be for another test's child.
            if let Some(status) = exit_status(child.id()).unwrap() {
                break status;
            }
        };
        assert_eq!(status.code(), Some(9));
        events.remove_descriptor(token).unwrap();
    });
}

#[test]
fn a_number_without_a_process_is_an_error() {
    for pid in [0, u32::MAX, i32::MAX as u32] {
        assert!(pidfd(pid).is_err() && exit_status(pid).is_err(), "{pid}");
    }
    for other in [1, std::process::id(), std::os::unix::process::parent_id()] {
        assert!(pidfd(other).is_err() && exit_status(other).is_err(), "{other} is no child of ours");
    }
}

#[test]
fn an_owned_descriptor_is_closed_when_it_is_removed_or_cleared_and_can_be_taken_back() {
    on_every_backend(|events| {
        // A child of another test has a copy of each descriptor until its program begins.
        let wait_for_the_end = |peer: &mut std::os::unix::net::UnixStream| {
            while !sees_the_end(peer) {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let owned = |events: &mut Loop| {
            let (ours, peer) = std::os::unix::net::UnixStream::pair().unwrap();
            peer.set_nonblocking(true).unwrap();
            let number = ours.as_raw_fd();
            (events.add_owned(OwnedFd::from(ours), READ).unwrap(), peer, number)
        };
        let (token, mut peer, _) = owned(events);
        write(&mut peer);
        assert_eq!(poll(events), [(token, READ)]);
        events.remove_descriptor(token).unwrap();
        wait_for_the_end(&mut peer);

        let (_, mut peer, _) = owned(events);
        events.clear();
        wait_for_the_end(&mut peer);

        let (token, mut peer, number) = owned(events);
        let back = events.take_owned(token).unwrap();
        assert_eq!(back.as_raw_fd(), number);
        assert!(events.take_owned(token).is_err() && events.descriptors() == 0);
        drop(back);
        wait_for_the_end(&mut peer);
    });
}
