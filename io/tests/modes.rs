//! Level, edge and one-shot mode are the same on every backend. C52 and the like are rows of docs/conformance.md.

mod common;

use cogloop_io::{Interest, Mode, Token, Wait};
use common::*;
use rustix::fd::{AsFd, BorrowedFd};
use std::io::{ErrorKind, Read};
use std::thread;
use std::time::Duration;

/// A connected pair. The end that the loop observes is non-blocking.
fn nonblocking() -> (BorrowedFd<'static>, Peer) {
    let (fd, peer) = pair();
    rustix::io::ioctl_fionbio(fd, true).unwrap();
    (fd, peer)
}

fn read_all(fd: BorrowedFd<'_>) -> usize {
    let mut total = 0;
    loop {
        match read(fd, &mut [0; 64]) {
            Ok(0) => return total,
            Ok(length) => total += length,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return total;
            }
        }
    }
}

fn added(events: &mut Loop, mode: Mode, interest: Interest) -> (Token, BorrowedFd<'static>, Peer) {
    let (fd, peer) = nonblocking();
    (events.add_descriptor_with(fd, interest, mode).unwrap(), fd, peer)
}

#[test]
fn a_level_is_reported_as_long_as_it_lasts_c52() {
    on_every_backend(|events| {
        let (token, fd, mut peer) = added(events, Mode::Level, READ);
        write(&mut peer);
        for _ in 0..3 {
            assert_eq!(poll(events), [(token, READ)]);
            events.drained(token, READ).unwrap();
        }
        read_all(fd);
        poll(events);
        assert_eq!(poll(events), []);
    });
}

#[test]
fn a_one_shot_is_reported_once_until_it_is_set_again_c52() {
    on_every_backend(|events| {
        let (token, _, mut peer) = added(events, Mode::OneShot, READ);
        write(&mut peer);
        for _ in 0..3 {
            assert_eq!(poll(events), [(token, READ)]);
            write(&mut peer);
            assert_eq!(poll(events), [], "not for more data");
            assert_eq!(poll(events), []);
            events.drained(token, BOTH).unwrap();
            assert_eq!(poll(events), [], "`drained` has no effect on a one-shot");
            assert!(waits_quietly(events), "the wait lasts: the backend does not spin");
            assert_eq!(events.interest(token), Some(READ), "the interest is unchanged");
            events.set_interest(token, READ).unwrap();
        }
        assert_eq!(poll(events), [(token, READ)], "unread data is reported");

        let (token, _, mut peer) = added(events, Mode::OneShot, BOTH);
        assert_eq!(poll(events), [(token, WRITE)]);
        write(&mut peer);
        assert_eq!(poll(events), [], "once, whichever direction comes first");
        events.set_interest(token, BOTH).unwrap();
        assert_eq!(poll(events), [(token, BOTH)]);
    });
}

#[test]
fn an_edge_is_reported_once_until_it_is_drained_c52() {
    on_every_backend(|events| {
        let (token, fd, mut peer) = added(events, Mode::Edge, BOTH);
        assert_eq!(poll(events), [(token, WRITE)]);
        assert_eq!(poll(events), [], "a writable descriptor does not keep the loop busy");
        assert!(waits_quietly(events));
        for _ in 0..3 {
            write(&mut peer);
            assert_eq!(poll(events), [(token, READ)], "each direction by itself");
            write(&mut peer);
            assert_eq!(poll(events), []);
            assert!(waits_quietly(events));
            read_all(fd);
            events.drained(token, READ).unwrap();
            // The kernel may have noted the second byte before `read_all` took it. Then the direction is reported once
            // more, without data.
            while let [(again, READ)] = poll(events)[..] {
                assert_eq!((again, read_all(fd)), (token, 0));
                events.drained(token, READ).unwrap();
            }
        }
        // The buffer is full, and then has room again.
        while send(fd, &[0; 4096]).is_ok() {}
        events.drained(token, WRITE).unwrap();
        assert_eq!(poll(events), []);
        assert!(read_all(peer.as_fd()) > 0);
        assert_eq!(poll(events), [(token, WRITE)]);
        events.set_interest(token, BOTH).unwrap();
        assert_eq!(poll(events), [(token, WRITE)], "after `set_interest` everything is reported again");
    });
}

/// C52: data that comes between the last read and `drained` is not lost. This is the classic race of
/// edge-triggered readiness.
#[test]
fn no_byte_is_lost_between_the_last_read_and_drained_c52() {
    const BYTES: usize = 2_000;
    on_every_backend(|events| {
        let (token, fd, mut peer) = added(events, Mode::Edge, BOTH);
        peer.set_nonblocking(false).unwrap();
        let mut taken = 0;
        thread::scope(|scope| {
            scope.spawn(move || {
                for nth in 0..BYTES {
                    write(&mut peer);
                    if nth % 100 == 0 {
                        thread::sleep(Duration::from_micros(300));
                    }
                }
                // The stream is closed only after everything was read. So the end of the stream cannot cause the
                // report.
                let _ = peer.read(&mut [0; 1]);
            });
            while taken < BYTES {
                events.turn(Wait::Block).unwrap();
                while let Some(ready) = events.next_ready() {
                    if ready.ready.contains(READ) {
                        taken += read_all(fd);
                        events.drained(token, READ).unwrap();
                    }
                }
            }
            send(fd, b"x").unwrap();
        });
        assert_eq!(taken, BYTES);
    });
}

/// C52, C42: the end of the stream is an edge like any other, and does not spin.
#[test]
fn a_hang_up_is_reported_once_to_an_edge_and_a_one_shot_c52_c42() {
    on_every_backend(|events| {
        for mode in [Mode::Edge, Mode::OneShot] {
            let (token, _, peer) = added(events, mode, READ);
            assert_eq!(poll(events), []);
            drop(peer);
            assert_eq!(poll(events), [(token, READ)], "{mode:?}");
            assert_eq!(poll(events), []);
            assert!(waits_quietly(events), "{mode:?}");
            events.remove_descriptor(token).unwrap();
        }
    });
}

/// C52, C46: files that are always ready are reported once, too.
#[cfg(unix)]
#[test]
fn a_regular_file_is_reported_once_to_an_edge_and_a_one_shot_c52_c46() {
    on_every_backend(|events| {
        let file = lend(std::fs::File::open("Cargo.toml").unwrap());
        let token = events.add_descriptor_with(file, READ, Mode::Edge).unwrap();
        assert_eq!(poll(events), [(token, READ)]);
        assert_eq!(poll(events), []);
        assert!(waits_quietly(events));
        events.drained(token, READ).unwrap();
        assert_eq!(poll(events), [(token, READ)]);
        let token = events.add_descriptor_with(file, READ, Mode::OneShot).unwrap();
        assert_eq!(poll(events), [(token, READ)]);
        assert_eq!(poll(events), []);
        let token = events.add_descriptor(file, READ).unwrap();
        assert_eq!(
            [poll(events), poll(events)],
            [[(token, READ)], [(token, READ)]],
            "level-triggered again after another `add`"
        );
    });
}

/// C52, C37: a report that was not pulled does not count.
#[test]
fn readiness_that_was_not_pulled_is_reported_by_the_next_turn_c52() {
    on_every_backend(|events| {
        for mode in [Mode::Edge, Mode::OneShot] {
            let (token, _, mut peer) = added(events, mode, READ);
            write(&mut peer);
            events.turn(Wait::Block).unwrap();
            events.turn(Wait::Block).unwrap();
            assert_eq!(poll(events), [(token, READ)], "{mode:?}");
            assert_eq!(poll(events), []);
            events.remove_descriptor(token).unwrap();
            assert!(events.drained(token, READ).is_err(), "stale");
        }
    });
}
