//! Tests of descriptors, on every backend. The numbers `C…` name rows of docs/conformance.md.

mod common;

#[cfg(unix)]
use cogloop::Options;
use cogloop::{Error, Interest, Loop, Mode, Ready, Source};
use common::*;
use std::io::{ErrorKind, Read, Write};
use std::ops::ControlFlow;
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const READ: Interest = Interest::READ;
const WRITE: Interest = Interest::WRITE;
const BOTH: Interest = Interest::BOTH;

/// Serialises the tests that close and reuse descriptor numbers. These numbers belong to the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_each(story: impl Fn(Loop<Log>)) {
    let _guard = alone();
    on_every_backend(|options| story(Loop::with_options(options.clone()).unwrap()));
}

type Log = Vec<(&'static str, Interest)>;

fn pair() -> (Stream, Stream) {
    let (ours, peer) = streams();
    ours.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    (ours, peer)
}

/// A callback that records the directions for which it is called.
fn note(name: &'static str) -> impl FnMut(&mut Log, &Ready<'_, Log>, &Stream) {
    move |log, ready, _| log.push((name, ready.ready()))
}

/// Runs a turn that does not wait, and returns the records.
fn poll(events: &mut Loop<Log>) -> Log {
    let mut log = Log::new();
    events.turn(&mut log, Some(Duration::ZERO)).unwrap();
    log
}

fn sees_the_end(mut peer: &Stream) -> bool {
    match peer.read(&mut [0; 8]) {
        Ok(length) => length == 0,
        // If the other end was closed with unread data, the system reports this error instead of the end.
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// C37, C40: the callback that comes first removes the other source. That source's file is closed at once, and its peer
/// sees the end.
#[test]
fn a_source_that_is_removed_in_the_same_turn_is_not_called_c37_c40() {
    on_each(|mut events| {
        let ((left, mut left_peer), (right, mut right_peer)) = (pair(), pair());
        let names = Rc::new(std::cell::Cell::new(None::<(Source, Source)>));
        let remove_other = |names: &Rc<std::cell::Cell<Option<(Source, Source)>>>| {
            let names = Rc::clone(names);
            move |log: &mut Log, ready: &Ready<'_, Log>, _: &Stream| {
                let (left, right) = names.get().unwrap();
                let other = if ready.source() == left { right } else { left };
                if ready.cancel(other) {
                    assert!(!ready.cancel(other) && ready.interest(other).is_none());
                    log.push(("one", ready.ready()));
                }
            }
        };
        let left = events.add(left, READ, remove_other(&names)).unwrap();
        let right = events.add(right, READ, remove_other(&names)).unwrap();
        names.set(Some((left, right)));
        left_peer.write_all(b"x").unwrap();
        right_peer.write_all(b"x").unwrap();
        assert_eq!(poll(&mut events), [("one", READ)]);
        assert_eq!(poll(&mut events), []);
        assert_ne!(
            sees_the_end(&left_peer),
            sees_the_end(&right_peer),
            "one of the two is closed, and its peer sees the end"
        );
    });
}

/// C38: a callback closes a file, and a new file gets the same number in that callback.
#[cfg(unix)]
#[test]
fn a_new_file_with_an_old_number_gets_no_event_of_the_old_file_c38() {
    on_each(|mut events| {
        let ((ours, mut peer), (other, mut others)) = (pair(), pair());
        let number = other.as_raw_fd();
        let second = events.add(other, READ, |_: &mut Log, _, _| panic!("it was removed")).unwrap();
        events
            .add(ours, READ, move |log: &mut Log, ready, mut ours| {
                let length = ours.read(&mut [0; 8]).unwrap();
                log.push(("first", ready.ready()));
                if length == 1 && ready.cancel(second) {
                    let (new, kept) = pair();
                    assert_eq!(new.as_raw_fd(), number, "the number is used again");
                    ready.add(new, READ, note("new")).unwrap();
                    std::mem::forget(kept);
                }
            })
            .unwrap();
        peer.write_all(b"x").unwrap();
        assert_eq!(poll(&mut events), [("first", READ)]);
        let _ = others.write_all(b"x");
        assert_eq!(poll(&mut events), []);
    });
}

/// C42, C43: the end of a stream, a half-close, or an error wakes a source that observes either direction.
#[test]
fn a_hang_up_wakes_the_observed_direction_c42_c43() {
    on_each(|mut events| {
        for interest in [READ, WRITE] {
            let (ours, peer) = pair();
            let source = events.add(ours, interest, note("end")).unwrap();
            drop(peer);
            assert_eq!(poll(&mut events), [("end", interest)]);
            assert!(events.cancel(source));
        }
        let (ours, peer) = pair();
        events.add(ours, READ, note("half")).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(poll(&mut events), [("half", READ)]);
    });
}

/// C44: both directions come in one call. Then one of them is dropped.
#[test]
fn both_directions_come_in_one_call_and_one_can_be_dropped_c44() {
    on_each(|mut events| {
        let (ours, mut peer) = pair();
        peer.write_all(b"x").unwrap();
        let source = events
            .add(ours, BOTH, |log: &mut Log, ready, _| {
                assert!(ready.is_readable() || ready.is_writable());
                log.push(("both", ready.ready()));
                ready.set_interest(ready.source(), READ).unwrap();
            })
            .unwrap();
        assert_eq!(poll(&mut events), [("both", BOTH)]);
        assert_eq!((poll(&mut events), events.interest(source)), (vec![("both", READ)], Some(READ)));
        events.set_interest(source, Interest::NONE).unwrap();
        assert_eq!(poll(&mut events), []);
    });
}

/// C44, C47: a duplicate keeps the file of the closed descriptor open. So epoll still reports the file, and refuses
/// each change for the closed number.
#[cfg(unix)]
#[test]
fn a_direction_that_was_dropped_at_a_closed_number_is_not_served_c44_c47() {
    on_each(|mut events| {
        for left in [WRITE, Interest::NONE] {
            let (ours, mut peer) = pair();
            let _lives_on = ours.try_clone().unwrap();
            let ours: &'static Stream = Box::leak(Box::new(ours));
            let source = events.add(ours, BOTH, |log: &mut Log, ready, _| log.push(("served", ready.ready()))).unwrap();
            // The backend epoll checks a registration at its first and second report, and not at its third.
            assert_eq!([poll(&mut events), poll(&mut events)].concat(), [("served", WRITE); 2]);
            nix::unistd::close(ours.as_raw_fd()).unwrap();
            events.set_interest(source, left).unwrap();
            peer.write_all(b"x").unwrap();
            for _ in 0..3 {
                assert!(poll(&mut events).iter().all(|(_, ready)| left.contains(*ready)));
            }
            events.cancel(source);
        }
    });
}

/// C45: the second source takes over the descriptor from any kind of source.
#[test]
fn a_second_source_takes_a_descriptor_over_c45() {
    on_each(|mut events| {
        let (ours, mut peer) = pair();
        let ours = Rc::new(ours);
        peer.write_all(b"x").unwrap();
        let dropped = Rc::new(());
        let held = Rc::clone(&dropped);
        let first = events.add(Rc::clone(&ours), READ, move |_: &mut Log, _, _| drop(Rc::clone(&held))).unwrap();
        let second =
            events.add(Rc::clone(&ours), READ, |log: &mut Log, ready, _| log.push(("second", ready.ready()))).unwrap();
        assert_eq!(Rc::strong_count(&dropped), 1, "the first callback was dropped");
        assert!(events.interest(first).is_none() && !events.cancel(first));
        assert!(matches!(events.set_interest(first, READ), Err(Error::Removed)));
        assert_eq!((poll(&mut events), events.source_count()), (vec![("second", READ)], 1));

        let watched = events.watch(Rc::clone(&ours)).unwrap();
        assert!(!events.cancel(second));
        let third =
            events.add(Rc::clone(&ours), READ, |log: &mut Log, ready, _| log.push(("third", ready.ready()))).unwrap();
        let error = events.block_on(&mut Log::new(), watched.readable()).unwrap().unwrap_err();
        assert!(error.to_string().contains("another one has taken its descriptor"), "{error}");
        drop(watched);
        assert_eq!(poll(&mut events), [("third", READ)]);
        assert!(events.cancel(third));
        assert_eq!(Rc::strong_count(&ours), 1, "no other reference is left");
    });
}

/// C46: a device, a regular file and a directory are always ready.
#[cfg(unix)]
#[test]
fn files_are_always_ready_c46() {
    on_each(|mut events| {
        for path in ["/dev/null", "/proc/self/exe", "/"] {
            let source = events
                .add(std::fs::File::open(path).unwrap(), READ, |log: &mut Log, ready, _| {
                    log.push(("file", ready.ready()))
                })
                .unwrap();
            assert_eq!(poll(&mut events), [("file", READ)], "{path}");
            assert!(events.cancel(source));
        }
        assert_eq!(events.source_count(), 0);
    });
}

/// A descriptor that the loop refuses is dropped, and nothing else changes. Here the limit of sources refuses it.
#[cfg(unix)]
#[test]
fn a_refused_descriptor_is_dropped_and_changes_nothing() {
    let _guard = alone();
    let mut events = Loop::<Log>::with_options(Options::new().backend("select").max_sources(1)).unwrap();
    let (ours, mut peer) = pair();
    events.add(ours, READ, note("first")).unwrap();
    let (refused, refused_peer) = pair();
    let error = events.add(refused, READ, note("second")).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "sources", limit: 1 }), "{error}");
    assert!(sees_the_end(&refused_peer));
    peer.write_all(b"x").unwrap();
    assert_eq!(poll(&mut events), [("first", READ)]);
}

/// C52: level, edge and one-shot mode.
#[test]
fn level_edge_and_one_shot_report_as_often_as_they_say_c52() {
    on_each(|mut events| {
        let (ours, mut peer) = pair();
        let ours = Rc::new(ours);
        let log_it = |log: &mut Log, ready: &Ready<'_, Log>, _: &Rc<Stream>| log.push(("ready", ready.ready()));
        let once = [("ready", READ)];
        peer.write_all(b"x").unwrap();

        let source = events.add_with(Rc::clone(&ours), READ, Mode::Level, log_it).unwrap();
        assert_eq!((poll(&mut events), poll(&mut events)), (once.into(), once.into()));
        assert!(events.cancel(source));

        let source = events.add_with(Rc::clone(&ours), READ, Mode::Edge, log_it).unwrap();
        assert_eq!((poll(&mut events), poll(&mut events)), (once.into(), vec![]));
        events.drained(source, READ).unwrap();
        assert_eq!((poll(&mut events), poll(&mut events)), (once.into(), vec![]));
        assert!(events.mark_ready(source, READ) && events.cancel(source) && !events.mark_ready(source, READ));

        let source = events.add_with(Rc::clone(&ours), READ, Mode::OneShot, log_it).unwrap();
        assert_eq!((poll(&mut events), poll(&mut events)), (once.into(), vec![]));
        events.set_interest(source, READ).unwrap();
        assert_eq!((poll(&mut events), poll(&mut events)), (once.into(), vec![]));
    });
}

/// Data in a user's buffer counts as ready although the kernel does not report it.
#[test]
fn a_source_that_is_marked_ready_is_served_once() {
    on_each(|mut events| {
        let (ours, _peer) = pair();
        let source = events.add(ours, READ, note("marked")).unwrap();
        assert_eq!(poll(&mut events), []);
        assert!(events.mark_ready(source, READ));
        assert_eq!((poll(&mut events), poll(&mut events)), (vec![("marked", READ)], vec![]));
    });
}

/// A source whose callback returns `Break` ends, and its file is closed. A source of another loop is stale here.
#[test]
fn a_source_ends_when_its_callback_returns_break() {
    on_each(|mut events| {
        let (ours, mut peer) = pair();
        let source = events
            .add(ours, READ, |log: &mut Log, ready, _| (log.push(("last", ready.ready())), ControlFlow::Break(())).1)
            .unwrap();
        let mut other = Loop::<Log>::simulated().unwrap();
        assert!(!other.cancel(source) && !other.unref_source(source) && other.interest(source).is_none());
        assert!(matches!(other.drained(source, READ), Err(Error::Removed)));
        other.run(&mut Log::new()).unwrap();
        peer.write_all(b"x").unwrap();
        let mut log = Log::new();
        events.run(&mut log).unwrap();
        assert_eq!(log, [("last", READ)]);
        assert!(sees_the_end(&peer));
    });
}
