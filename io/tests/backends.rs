//! The loop on a scripted kernel that misbehaves, with a descriptor number beyond the set of `select`, and with a
//! backend that cannot be woken. C48 and the like are rows of docs/conformance.md.

mod common;

use cogloop_io::scripted::{Call, Step};
use cogloop_io::{Backend, Event, Mode, MonotonicClock, Ready, ScriptedBackend, Token, VirtualClock, Wait, Waker};
use common::*;
use rustix::fd::{AsRawFd, BorrowedFd};
#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

fn scripted() -> (Loop, ScriptedBackend) {
    let clock = VirtualClock::new();
    let backend = ScriptedBackend::new(clock.clone());
    (Loop::from_parts(Box::new(clock), Box::new(backend.clone()), 1_000).unwrap(), backend)
}

fn report(backend: &ScriptedBackend, events: &[(Token, cogloop_io::Interest)]) {
    let events = events.iter().map(|&(token, ready)| Event::new(token, ready)).collect();
    backend.push(Step::Report { after_ns: 0, events });
}

/// C48: the kernel reports tokens that were removed, replaced or never known, and directions that are not
/// observed.
#[test]
fn spurious_events_are_tolerated_c48() {
    let (mut events, backend) = scripted();
    let ((a, _a), (b, _b), (c, _c)) = (pair(), pair(), pair());
    let removed = events.add_descriptor(a, READ).unwrap();
    events.remove_descriptor(removed).unwrap();
    let reuses_the_slot = events.add_descriptor(b, READ).unwrap();
    assert_eq!(reuses_the_slot.index(), removed.index());
    let replaced = events.add_descriptor(c, READ).unwrap();
    let live = events.add_descriptor(c, WRITE).unwrap();
    let unknown = Token::from_bits(1 << 32 | 4_711).unwrap();

    report(&backend, &[(removed, BOTH), (replaced, BOTH), (unknown, BOTH), (reuses_the_slot, WRITE), (live, BOTH)]);
    assert_eq!(poll(&mut events), [(live, WRITE)]);
    report(&backend, &[]);
    assert_eq!(poll(&mut events), [], "a wait without an event");
}

/// Readiness that was not pulled is dropped, because a level-triggered kernel reports it again.
#[test]
fn readiness_that_a_stopped_turn_left_is_not_served_later() {
    let (mut events, backend) = scripted();
    let ((a, _a), (b, _b)) = (pair(), pair());
    let (a, b) = (events.add_descriptor(a, READ).unwrap(), events.add_descriptor(b, READ).unwrap());
    report(&backend, &[(a, READ), (b, READ)]);
    events.turn(Wait::Block).unwrap();
    assert_eq!(events.next_ready(), Some(Ready { token: a, ready: READ }));
    report(&backend, &[(a, READ)]);
    assert_eq!(poll(&mut events), [(a, READ)]);
}

#[test]
fn a_refused_registration_leaves_the_old_state_whole_c51() {
    let (mut events, backend) = scripted();
    let ((a, _a), (b, _b)) = (pair(), pair());
    let token = events.add_descriptor(a, READ).unwrap();
    for errno in [12, 28, 1] {
        for attempt in [
            |events: &mut Loop, a, _| events.add_descriptor(a, WRITE).map(drop),
            |events, _, b| events.add_descriptor(b, WRITE).map(drop),
        ] as [fn(&mut Loop, BorrowedFd<'static>, BorrowedFd<'static>) -> io::Result<()>; 2]
        {
            backend.refuse(errno);
            assert_eq!(attempt(&mut events, a, b).unwrap_err().raw_os_error(), Some(errno));
            assert_eq!((events.descriptors(), events.interest(token)), (1, Some(READ)));
            events.audit();
        }
        backend.refuse(errno);
        assert!(events.set_interest(token, BOTH).is_err());
        assert_eq!(events.interest(token), Some(READ));
    }
    report(&backend, &[(token, READ)]);
    assert_eq!(poll(&mut events), [(token, READ)]);
}

/// C44: a dropped direction is not reported even if the kernel has refused the change and goes on reporting it. The
/// loop asks the kernel again after each such report.
#[test]
fn a_direction_that_the_kernel_refuses_to_drop_is_not_reported_c44() {
    for mode in [Mode::Level, Mode::Edge, Mode::OneShot] {
        let (mut events, backend) = scripted();
        let (fd, _peer) = pair();
        let number = fd.as_raw_fd();
        let token = events.add_descriptor_with(fd, BOTH, mode).unwrap();
        drop(backend.take_calls());
        backend.refuse(12);
        events.set_interest(token, WRITE).unwrap();
        assert_eq!(events.interest(token), Some(WRITE));
        events.mark_ready(token, READ);
        backend.refuse(12);
        for _ in 0..2 {
            report(&backend, &[(token, READ)]);
            assert_eq!(poll(&mut events), [], "{mode:?}");
        }
        report(&backend, &[(token, BOTH)]);
        assert_eq!(poll(&mut events), [(token, WRITE)], "{mode:?}");
        let asked = backend.take_calls().into_iter().filter(|call| *call == Call::Modify(number, WRITE, token)).count();
        assert_eq!(asked, 3, "{mode:?}: the third was granted");
        events.audit();
    }
}

#[test]
fn the_backend_gets_every_change() {
    let (mut events, backend) = scripted();
    let (fd, _peer) = pair();
    let number = fd.as_raw_fd();
    let token = events.add_descriptor(fd, READ).unwrap();
    events.set_interest(token, BOTH).unwrap();
    let second = events.add_descriptor(fd, WRITE).unwrap();
    assert_eq!(second.index(), token.index(), "the new token has the index of the old one");
    events.remove_descriptor(second).unwrap();
    let expected = [
        Call::Add(number, READ, token),
        Call::Modify(number, BOTH, token),
        Call::Modify(number, WRITE, second),
        Call::Remove(number, second),
    ];
    assert_eq!(backend.take_calls(), expected);
}

/// C50: other backends have no set of a fixed size, so they take any number.
#[cfg(unix)]
#[test]
fn select_refuses_a_number_beyond_its_set_and_goes_on_c50() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let last = dup_at(fd, 1023);
        let beyond = dup_at(fd, 1024);
        write(&mut peer);
        let added = events.add_descriptor(beyond, READ);
        if events.backend().name == "select" {
            let message = "select cannot watch descriptor 1024: its limit is 1024 (FD_SETSIZE)";
            assert_eq!(added.unwrap_err().to_string(), message);
            assert!(events.is_idle());
        } else {
            let token = added.unwrap();
            assert_eq!(poll(events), [(token, READ)]);
            events.remove_descriptor(token).unwrap();
        }
        let token = events.add_descriptor(last, READ).unwrap();
        assert_eq!(poll(events), [(token, READ)]);
        close(last);
        close(beyond);
    });
}

#[test]
fn a_backend_that_cannot_be_woken_makes_no_loop() {
    struct Deaf;
    impl Backend for Deaf {
        fn name(&self) -> &'static str {
            "deaf"
        }
        fn attach(&mut self, _: &Waker) -> io::Result<()> {
            Err(io::Error::from_raw_os_error(12))
        }
        fn add(&mut self, _: BorrowedFd<'_>, _: cogloop_io::Interest, _: Token) -> io::Result<()> {
            Ok(())
        }
        fn modify(&mut self, _: BorrowedFd<'_>, _: cogloop_io::Interest, _: Token) -> io::Result<()> {
            Ok(())
        }
        fn remove(&mut self, _: BorrowedFd<'_>, _: Token) -> io::Result<()> {
            Ok(())
        }
        fn wait(&mut self, _: &mut Vec<Event>, _: Option<u64>) -> io::Result<()> {
            Ok(())
        }
    }
    let error = Loop::from_parts(Box::new(MonotonicClock), Box::new(Deaf), 1_000).err().unwrap();
    assert!(error.to_string().starts_with("registering the waker: "), "{error}");
}
