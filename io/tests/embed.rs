//! A loop inside another loop. The outer loop waits with `poll`, or with an epoll set of its own. C41 and C46 are rows
//! of docs/conformance.md.
#![cfg(target_os = "linux")]

mod common;

use cogloop_io::{Due, Wait};
use common::*;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll as poll_outside};
use rustix::io::Errno;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

/// The outer loop's wait. Returns whether the inner loop's descriptor is readable.
type Outside = fn(BorrowedFd<'_>, Option<&Timespec>) -> Result<bool, Errno>;

const OUTSIDE: [(&str, Outside); 2] = [
    ("poll", |inner, timeout| {
        poll_outside(&mut [PollFd::from_borrowed_fd(inner, PollFlags::IN)], timeout).map(|n| n > 0)
    }),
    // During this wait the outer loop learns only what the kernel announces: epoll does not poll the descriptor again
    // by itself.
    ("epoll", |inner, timeout| {
        {
            let set = epoll::create(CreateFlags::CLOEXEC)?;
            epoll::add(&set, inner, EventData::new_u64(1), EventFlags::IN)?;
            let mut found = Vec::with_capacity(1);
            epoll::wait(&set, rustix::buffer::spare_capacity(&mut found), timeout)
        }
        .map(|n| n > 0)
    }),
];

/// A wait of the outer loop, as long as the inner one allows. Returns whether the inner loop ended it.
fn wait_outside(events: &mut Loop, outside: Outside) -> bool {
    let allowed = events.next_timeout_ns().unwrap().map(Duration::from_nanos);
    let timeout = allowed.map(|allowed| Timespec::try_from(allowed).unwrap());
    let ended = outside(events.pollable().unwrap(), timeout.as_ref()).unwrap_or_else(|error| {
        assert_eq!(error, Errno::INTR);
        false
    });
    ended || allowed == Some(Duration::ZERO)
}

/// Runs `story` on every backend that has a descriptor to watch, inside each kind of outer loop.
fn in_every_loop(story: impl Fn(&mut Loop, Outside)) {
    on_every_backend(|events| {
        for (name, outside) in OUTSIDE {
            println!("inside of {name}");
            match events.pollable() {
                Ok(_) => story(events, outside),
                Err(error) => assert_eq!(
                    (error.kind(), error.to_string().as_str()),
                    (ErrorKind::Unsupported, "select has no descriptor that another loop could watch")
                ),
            }
            events.clear();
        }
    });
}

/// The outer loop waits without a timeout, so only the inner loop's descriptor ends its wait.
#[test]
fn an_outer_wait_ends_when_something_inside_is_ready() {
    in_every_loop(|events, outside| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        thread::scope(|scope| {
            for _ in 0..20 {
                assert_eq!(poll(events), []);
                scope.spawn(|| {
                    thread::sleep(Duration::from_micros(500));
                    write(&mut peer.try_clone().unwrap());
                });
                let mut found = Vec::new();
                while found.is_empty() {
                    wait_outside(events, outside);
                    found = poll(events);
                }
                assert_eq!(found, [(token, READ)]);
                assert_eq!(rustix::io::read(fd, &mut [0; 8]), Ok(1));
                // The byte may be announced once more, but not again and again.
                poll(events);
            }
        });
        // This descriptor was added after the last turn, and is ready already.
        let (other, mut other_peer) = pair();
        write(&mut other_peer);
        let other = events.add_descriptor(other, READ).unwrap();
        wait_outside(events, outside);
        assert_eq!(poll(events), [(other, READ)]);
        write(&mut peer);
        wait_outside(events, outside);
        assert_eq!(poll(events).len(), 2);
    });
}

#[test]
fn an_outer_wait_ends_for_a_wake() {
    in_every_loop(|events, outside| {
        for _ in 0..20 {
            let waker = events.waker();
            thread::scope(|scope| {
                scope.spawn(move || {
                    thread::sleep(Duration::from_micros(500));
                    waker.wake();
                });
                // A wait may also end early, as by a signal. Then the loop waits again.
                while !wait_outside(events, outside) {}
            });
            assert_eq!(poll(events), []);
        }
    });
}

/// If the descriptor stayed readable after everything was served, the outer loop would spin.
#[test]
fn an_outer_wait_without_inner_events_lasts_until_the_deadline() {
    in_every_loop(|events, outside| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        assert_eq!(poll(events), []);
        assert_eq!(events.next_timeout_ns().unwrap(), None, "there is no timeout, only the descriptor");
        for round in 0..5 {
            write(&mut peer);
            events.turn(Wait::AtMost(MS)).unwrap();
            assert_eq!(events.next_ready().map(|ready| ready.token), Some(token));
            assert_eq!(rustix::io::read(fd, &mut [0; 8]), Ok(1));
            let deadline_ns = events.now_ns() + 5 * MS;
            events.add_timer_at(deadline_ns, round);
            let mut waits = 0;
            let mut log = Vec::new();
            while log.is_empty() {
                wait_outside(events, outside);
                waits += 1;
                events.run_once(Wait::Poll, |_, due| log.push(due)).unwrap();
                log.retain(|due| matches!(due, Due::Timer(_)));
            }
            assert!(events.turn_ns() >= deadline_ns);
            assert!(waits <= 8, "{waits} waits for one timer");
        }
        events.add_timer(0, 1);
        assert_eq!(events.next_timeout_ns().unwrap(), Some(0), "due");
        assert!(events.run_once(Wait::Poll, |_, _| ()).unwrap());
        events.mark_ready(token, READ);
        assert_eq!(events.next_timeout_ns().unwrap(), Some(0), "marked");
    });
}

/// C46: the kernel cannot watch a file, so the loop says that the outer loop need not wait.
#[test]
fn a_regular_file_inside_leaves_the_outer_loop_no_wait_c46() {
    in_every_loop(|events, outside| {
        let file = lend(File::open("Cargo.toml").unwrap());
        let token = events.add_descriptor(file, READ).unwrap();
        for _ in 0..3 {
            wait_outside(events, outside);
            assert_eq!(poll(events), [(token, READ)]);
        }
    });
}

/// C41: the epoll backend builds its set again, and then has another descriptor.
#[test]
fn after_a_closed_descriptor_was_dropped_the_new_set_is_watched_c41() {
    in_every_loop(|events, outside| {
        let ((fd, mut peer), (other, mut other_peer)) = (pair(), pair());
        let _alive = fd.try_clone_to_owned().unwrap();
        events.add_descriptor(fd, READ).unwrap();
        let other = events.add_descriptor(other, READ).unwrap();
        write(&mut peer);
        close(fd);
        assert_eq!(poll(events), []);
        write(&mut other_peer);
        wait_outside(events, outside);
        assert_eq!(poll(events), [(other, READ)]);
        assert!(events.pollable().unwrap().as_fd().try_clone_to_owned().is_ok());
    });
}
