//! Urgent data: a direction of its own on every backend. Reading and writing do not report it.

#![cfg(unix)]

mod common;

use cogloop_io::{Interest, Mode, Wait};
use common::*;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::net::{TcpListener, TcpStream};

const PRIORITY: Interest = Interest::PRIORITY;

/// Two connected ends of TCP, which has urgent data.
fn connected() -> (BorrowedFd<'static>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let ours: &'static TcpStream = Box::leak(Box::new(listener.accept().unwrap().0));
    ours.set_nonblocking(true).unwrap();
    (ours.as_fd(), theirs)
}

/// The readiness that the next turn with an event reports.
fn next(events: &mut Loop) -> Interest {
    loop {
        events.turn(Wait::Block).unwrap();
        if let Some(ready) = events.next_ready() {
            return ready.ready;
        }
    }
}

#[test]
fn urgent_data_is_reported_as_priority_until_it_is_read() {
    on_every_backend(|events| {
        let (ours, theirs) = connected();
        let token = events.add_descriptor(ours, PRIORITY).unwrap();
        send(&theirs, b"!", SendFlags::OOB).unwrap();
        for _ in 0..3 {
            assert_eq!(next(events), PRIORITY);
        }
        events.set_interest(token, READ).unwrap();
        assert_eq!(poll(events), [], "reading would block");
        events.set_interest(token, READ | PRIORITY).unwrap();
        assert_eq!(next(events), PRIORITY);
        send(&theirs, b"x", SendFlags::empty()).unwrap();
        while next(events) != READ | PRIORITY {}
        recv(ours, &mut [0; 1], RecvFlags::OOB).unwrap();
        assert_eq!(next(events), READ, "the urgent byte was read");
        events.set_interest(token, PRIORITY).unwrap();
        assert_eq!(poll(events), [], "plain bytes are not urgent");
    });
}

#[test]
fn each_mode_reports_urgent_data_as_often_as_it_says() {
    on_every_backend(|events| {
        for mode in [Mode::Edge, Mode::OneShot] {
            let (ours, theirs) = connected();
            let token = events.add_descriptor_with(ours, READ | PRIORITY, mode).unwrap();
            send(&theirs, b"!", SendFlags::OOB).unwrap();
            assert_eq!(next(events), PRIORITY, "{mode:?}");
            assert_eq!(poll(events), [], "{mode:?}");
            if mode == Mode::Edge { events.drained(token, PRIORITY) } else { events.set_interest(token, PRIORITY) }
                .unwrap();
            assert_eq!(next(events), PRIORITY, "{mode:?} again");
            events.remove_descriptor(token).unwrap();
        }
    });
}

#[test]
fn a_hang_up_ends_the_wait_for_urgent_data() {
    on_every_backend(|events| {
        let (ours, peer) = pair();
        let token = events.add_descriptor(ours, PRIORITY).unwrap();
        assert_eq!(poll(events), []);
        drop(peer);
        assert_eq!(next(events), PRIORITY);
        events.set_interest(token, READ | PRIORITY).unwrap();
        assert_eq!(next(events), READ, "reading says what has happened");
    });
}

#[test]
fn a_file_without_urgent_data_lets_the_loop_sleep() {
    on_every_backend(|events| {
        let file: OwnedFd = std::fs::File::open(std::env::current_exe().unwrap()).unwrap().into();
        let device: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
        for fd in [file, device] {
            let token = events.add_owned(fd, PRIORITY).unwrap();
            assert_eq!(poll(events), []);
            assert!(waits_quietly(events), "the wait was ended early");
            events.set_interest(token, READ | PRIORITY).unwrap();
            assert_eq!(next(events), READ);
            events.remove_descriptor(token).unwrap();
        }
    });
}
