//! Reports are true, even if a callback drains a descriptor that the same turn is about to report. The tests try every
//! order. A reader that gets a report never blocks, even on a blocking descriptor. C43 is a row of docs/conformance.md.

mod common;

use cogloop_io::{EventLoop, Mode, Options, Token, Wait};
use common::*;
use rustix::fd::{AsFd, BorrowedFd};

/// Reads from a blocking descriptor. A callback of another registration calls this.
fn take(fd: BorrowedFd<'_>) {
    assert_eq!(read(fd, &mut [0; 64]).unwrap(), 1);
}

/// `n` blocking ends that are observed for reading, with their peers.
fn observed(events: &mut Loop, n: usize, mode: Mode) -> Vec<(Token, BorrowedFd<'static>, Peer)> {
    let observe = |_| {
        let (ours, peer) = pair();
        (events.add_descriptor_with(ours, READ, mode).unwrap(), ours, peer)
    };
    (0..n).map(observe).collect()
}

/// With io_uring, the poll that the last wait has armed completes while the callback runs.
#[test]
fn input_that_was_read_between_two_waits_is_not_reported() {
    on_every_backend(|events| {
        let ends = &mut observed(events, 3, Mode::Level);
        assert_eq!(poll(events), []);
        for round in 0..20 {
            let (a, b) = (round % 3, (round + 1) % 3);
            write(&mut ends[a].2);
            write(&mut ends[b].2);
            take(ends[a].1);
            assert_eq!(poll(events), [(ends[b].0, READ)], "round {round}");
            take(ends[b].1);
            assert_eq!(poll(events), [], "round {round}");
        }
        // Later data are reported.
        write(&mut ends[0].2);
        events.turn(Wait::Block).unwrap();
        assert_eq!(events.next_ready().map(|ready| ready.token), Some(ends[0].0));
    });
}

/// A non-blocking descriptor is not reported either, although its reader would only get `WouldBlock`. This holds in
/// every mode.
#[test]
fn input_that_was_read_between_two_waits_is_not_reported_to_a_nonblocking_reader() {
    on_every_backend(|events| {
        for (mode, taken) in [(Mode::Level, 0), (Mode::Level, 1), (Mode::Edge, 0), (Mode::OneShot, 0)] {
            let ends = &mut observed(events, 3, mode);
            for (token, end, _) in ends.iter() {
                rustix::io::ioctl_fionbio(end, true).unwrap();
                events.set_interest(*token, READ).unwrap();
            }
            assert_eq!(poll(events), []);
            for round in 0..20 {
                let (a, b) = (round % 3, (round + 1) % 3);
                for n in [a, b] {
                    write(&mut ends[n].2);
                }
                take(ends[a].1);
                let reported = poll(events);
                assert_eq!(reported, [(ends[b].0, READ)], "{mode:?}, round {round}");
                take(ends[b].1);
                match mode {
                    Mode::Edge => events.drained(ends[b].0, READ).unwrap(),
                    Mode::OneShot => events.set_interest(ends[b].0, READ).unwrap(),
                    Mode::Level => {}
                }
                // Turns without events make no difference.
                (0..taken).for_each(|_| assert_eq!(poll(events), [], "{mode:?}, round {round}"));
            }
            ends.iter().for_each(|(token, ..)| events.remove_descriptor(*token).unwrap());
        }
    });
}

/// Both directions come in one report, although only one of them woke the loop.
#[test]
fn two_directions_that_became_ready_between_two_waits_are_both_reported() {
    on_every_backend(|events| {
        let (ours, mut peer) = pair();
        rustix::io::ioctl_fionbio(ours, true).unwrap();
        while rustix::io::write(ours, &[0; 4096]).is_ok() {}
        let token = events.add_descriptor(ours, BOTH).unwrap();
        assert_eq!(poll(events), []);
        write(&mut peer);
        while std::io::Read::read(&mut peer, &mut [0; 4096]).is_ok_and(|length| length > 0) {}
        assert_eq!(poll(events), [(token, BOTH)]);
    });
}

/// Three descriptors are ready in one batch. The callback of each one drains a subset of all three.
#[test]
fn input_that_a_callback_of_the_same_batch_has_read_is_not_reported_to_a_blocking_reader() {
    on_every_backend(|events| {
        let ends = &mut observed(events, 3, Mode::Level);
        // Each digit of the plan says which callback empties a descriptor. 0, 1, 2: the first, second or third callback
        // that is served; 3: no callback; 4: the callback of a timer.
        for plan in 0..125 {
            let emptied_by = [plan % 5, plan / 5 % 5, plan / 25];
            let mut full = [true; 3];
            ends.iter_mut().for_each(|(.., peer)| write(peer));
            let has_timer = emptied_by.contains(&4);
            if has_timer {
                events.add_timer(0, 0);
            }
            events.turn(Wait::Block).unwrap();
            let mut empty = |by| {
                for n in (0..3).filter(|&n| emptied_by[n] == by) {
                    if std::mem::take(&mut full[n]) {
                        take(ends[n].1);
                    }
                }
                full
            };
            let mut full_now = [true; 3];
            if events.next_expired().is_some() {
                full_now = empty(4);
            }
            let mut served = 0;
            while let Some(ready) = events.next_ready() {
                let n = ends.iter().position(|(token, ..)| *token == ready.token).unwrap();
                assert!(full_now[n], "{n} of {emptied_by:?} was reported, and reading would block");
                full_now = empty(served);
                served += 1;
            }
            (0..3).filter(|&n| full_now[n]).for_each(|n| take(ends[n].1));
            assert_eq!(poll(events), [], "{emptied_by:?}");
        }
    });
}

/// The loop checks whether a descriptor blocks when the report is given out, not when the descriptor was added.
#[cfg(unix)]
#[test]
fn a_descriptor_that_began_to_block_after_it_was_added_gets_no_spurious_report() {
    on_every_backend(|events| {
        let pairs: Vec<_> = (0..2).map(|_| pair()).collect();
        let mut ends = Vec::new();
        for (ours, peer) in pairs {
            rustix::io::ioctl_fionbio(ours, true).unwrap();
            ends.push((events.add_descriptor(ours, READ).unwrap(), ours, peer));
        }
        assert_eq!(poll(events), []);
        for (_, ours, peer) in &mut ends {
            rustix::io::ioctl_fionbio(*ours, false).unwrap();
            write(peer);
        }
        events.turn(Wait::Block).unwrap();
        let first = events.next_ready().unwrap().token;
        ends.iter().for_each(|(_, ours, _)| take(*ours));
        assert_eq!(events.next_ready(), None, "after {first:?}: reading would block");
    });
}

/// The descriptor is no longer readable, but still writable.
#[test]
fn a_direction_that_stays_ready_is_reported_without_the_other() {
    on_every_backend(|events| {
        let mut ends = [(); 2].map(|()| pair());
        let tokens = [0, 1].map(|n| events.add_descriptor(ends[n].0, BOTH).unwrap());
        ends.iter_mut().for_each(|(_, peer)| write(peer));
        events.turn(Wait::Block).unwrap();
        // The callback of the descriptor that is served first drains the other descriptor.
        let first = events.next_ready().unwrap();
        let other = usize::from(first.token == tokens[0]);
        take(ends[other].0);
        let after: Vec<_> = std::iter::from_fn(|| events.next_ready()).map(|it| (it.token, it.ready)).collect();
        // Windows polls each socket in the background, so the other one may come only in a later turn.
        if !(cfg!(windows) && after.is_empty()) {
            assert_eq!(after, [(tokens[other], WRITE)]);
        }
    });
}

/// C43: a read at the end of a stream returns at once. So the end is reported for each observed direction, also beside
/// another descriptor of the batch.
#[test]
fn the_end_of_a_stream_is_reported_after_a_callback_too_c43() {
    on_every_backend(|events| {
        for direction in [READ, WRITE, BOTH] {
            let ((a, mut first), (b, second)) = (pair(), pair());
            let (a_token, b_token) =
                (events.add_descriptor(a, READ).unwrap(), events.add_descriptor(b, direction).unwrap());
            write(&mut first);
            drop(second);
            let reported: Vec<_> = poll(events).into_iter().map(|(token, _)| token).collect();
            assert!(reported.contains(&a_token) && reported.contains(&b_token), "{direction:?}");
            for token in [a_token, b_token] {
                events.remove_descriptor(token).unwrap();
            }
            close(a);
            close(b);
        }
    });
}

/// On each backend a timer's callback takes the input, and the reader gets no report.
#[test]
fn a_blocking_reader_does_not_hang_when_another_callback_takes_its_input() {
    let _guard = alone();
    for backend in permitted() {
        let options = Options { backend: Some(backend.to_owned()), ..Options::default() };
        let mut events = EventLoop::<u64>::new(&options).unwrap();
        let (mine, theirs) = streams();
        let mine = lend(mine);
        events.add_descriptor(mine, READ).unwrap();
        events.add_timer(MS, 0);
        events.add_timer(20 * MS, 1);
        let mut reports = 0;
        events
            .run(|events, due| match due {
                cogloop_io::Due::Timer(timer) if timer.value == 0 => {
                    send(theirs.as_fd(), b"x").unwrap();
                    take(mine);
                }
                cogloop_io::Due::Timer(_) => events.clear(),
                cogloop_io::Due::Descriptor(_) => reports += 1,
            })
            .unwrap();
        assert_eq!(reports, 0, "on {backend} the reader got a report, and would block for ever");
    }
}

/// A descriptor that is a path only can be neither read nor written: `EBADF`.
#[cfg(target_os = "linux")]
#[test]
fn a_descriptor_that_is_a_path_only_is_refused() {
    use rustix::fs::{Mode, OFlags, open};
    on_every_backend(|events| {
        // Another socket is observed first, because a backend may recognise later sockets by it.
        let (socket, _peer) = pair();
        let token = events.add_descriptor(socket, READ).unwrap();
        let name = std::env::temp_dir().join(format!("cogloop-path-only-{}", std::process::id()));
        let _ = std::fs::remove_file(&name);
        let _listener = std::os::unix::net::UnixListener::bind(&name).unwrap();
        for path in ["Cargo.toml", "/", "/dev/null", name.to_str().unwrap()] {
            let path_only = lend(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap());
            for interest in [READ, WRITE, cogloop_io::Interest::NONE] {
                let refused = events.add_descriptor(path_only, interest).unwrap_err();
                assert_eq!(refused.raw_os_error(), Some(9), "{path} {interest:?}: {refused}");
            }
            close(path_only);
        }
        std::fs::remove_file(name).unwrap();
        events.remove_descriptor(token).unwrap();
        assert_eq!(events.descriptors(), 0);
    });
}

/// A waker that its own loop observed would no longer wake that loop. The descriptor of another loop may be observed.
#[cfg(unix)]
#[test]
fn a_loop_refuses_its_own_waker() {
    on_every_backend(|events| {
        let waker: &'static cogloop_io::Waker = Box::leak(Box::new(events.waker()));
        for fd in [waker.as_fd(), waker.write_end()] {
            let refused = events.add_descriptor(fd, READ).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(22), "{refused}");
        }
        waker.wake();
        assert_eq!(poll(events), []);
        let other: &'static mut Loop = Box::leak(Box::new(Loop::new(&Options::default()).unwrap()));
        if let Ok(fd) = other.pollable() {
            let token = events.add_descriptor(fd, READ).unwrap();
            events.remove_descriptor(token).unwrap();
        }
    });
}
