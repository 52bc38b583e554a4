//! Descriptors on every backend: removal, closing, reuse, hang-up, files, and what the kernel refuses. C37 and the like
//! are rows of docs/conformance.md.

mod common;

use cogloop_io::{Interest, Wait};
use common::*;
use std::net::Shutdown;
#[cfg(unix)]
use std::{
    fs::File,
    io::{Stdin, Write},
    os::fd::{AsFd, AsRawFd},
};

/// C37: a callback removes or closes a descriptor of the same batch.
#[test]
fn a_descriptor_removed_within_the_batch_gets_no_event_c37() {
    on_every_backend(|events| {
        let pairs: Vec<_> = (0..4).map(|_| pair()).collect();
        let tokens: Vec<_> = pairs.iter().map(|(fd, _)| events.add_descriptor(*fd, READ).unwrap()).collect();
        pairs.iter().for_each(|(_, peer)| write(&mut peer.try_clone().unwrap()));

        events.turn(Wait::Block).unwrap();
        let first = events.next_ready().unwrap().token;
        for (token, (fd, _)) in tokens.iter().zip(&pairs) {
            if *token != first {
                events.remove_descriptor(*token).unwrap();
                close(*fd);
            }
        }
        assert_eq!(events.next_ready(), None);
        assert_eq!(poll(events), [(first, READ)], "the remaining one is still ready");
    });
}

#[cfg(unix)]
#[test]
fn a_number_reused_within_the_batch_gets_no_stale_event_c38() {
    on_every_backend(|events| {
        let ((a, mut peer_a), (b, mut peer_b)) = (pair(), pair());
        let old = [events.add_descriptor(a, READ).unwrap(), events.add_descriptor(b, READ).unwrap()];
        write(&mut peer_a);
        write(&mut peer_b);
        events.turn(Wait::Block).unwrap();

        let first = events.next_ready().unwrap().token;
        let (other, fd) = if first == old[0] { (old[1], b) } else { (old[0], a) };
        events.remove_descriptor(other).unwrap();
        let (quiet, mut peer) = pair();
        close(fd);
        let reused = dup_at(quiet, fd.as_raw_fd());
        let new = events.add_descriptor(reused, READ).unwrap();
        assert_ne!(new, other);

        assert_eq!(events.next_ready(), None, "the new file does not get the old one's readiness");
        assert_eq!(poll(events), [(first, READ)]);
        write(&mut peer);
        assert_eq!(poll(events).len(), 2, "the new file is observed");
    });
}

/// C38: the reused number names the new file, even if the old descriptor was closed without being removed.
#[cfg(unix)]
#[test]
fn a_number_closed_without_removal_and_added_again_names_the_new_file_c38() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let old = events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        events.turn(Wait::Block).unwrap();
        let (quiet, mut new_peer) = pair();
        close(fd);
        let new = events.add_descriptor(dup_at(quiet, fd.as_raw_fd()), READ).unwrap();

        assert_eq!(events.next_ready(), None);
        assert_eq!(events.descriptors(), 1, "the old observation is gone");
        assert_eq!(poll(events), []);
        write(&mut new_peer);
        assert_eq!(poll(events), [(new, READ)]);
        assert!(events.remove_descriptor(old).is_err(), "stale");
        assert_eq!(poll(events), [(new, READ)], "a stale token removes nothing");
    });
}

/// C39: epoll goes on reporting a registration as long as a duplicate keeps its file open.
#[test]
fn a_closed_descriptor_whose_duplicate_lives_gets_no_event_and_does_not_spin_c39() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let _alive = fd.try_clone_to_owned().unwrap();
        events.add_descriptor(fd, READ).unwrap();
        close(fd);
        write(&mut peer);
        assert_eq!(poll(events), []);
        assert!(waits_quietly(events), "the wait lasts: the backend does not spin");
    });
}

/// C39: a registration with many events behind it is checked only now and then.
#[test]
fn a_busy_descriptor_closed_without_removal_gets_no_more_events_c39() {
    on_every_backend(|events| {
        let ((fd, mut peer), (other, mut other_peer)) = (pair(), pair());
        let _alive = fd.try_clone_to_owned().unwrap();
        let token = events.add_descriptor(fd, READ).unwrap();
        let other = events.add_descriptor(other, READ).unwrap();
        write(&mut peer);
        // More than 1,024 events, so that the next check at a power of two is far away.
        for _ in 0..1_100 {
            assert_eq!(poll_unaudited(events), [(token, READ)]);
        }
        close(fd);
        let more = (0..1_000).filter(|_| !poll_unaudited(events).is_empty()).count();
        assert!(more <= 64, "{more} events of a closed descriptor");
        write(&mut other_peer);
        assert_eq!(poll(events), [(other, READ)], "other descriptors are not disturbed");
    });
}

/// C39, C40: a descriptor is removed after it was closed, while a duplicate is open.
#[test]
fn removing_a_closed_descriptor_works_and_ends_its_events_c39_c40() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let alive = fd.try_clone_to_owned().unwrap();
        let token = events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        close(fd);
        events.remove_descriptor(token).unwrap();
        assert!(events.is_idle());
        assert_eq!(poll(events), []);
        assert!(waits_quietly(events), "no spin");
        drop(alive);
        assert!(sees_the_end(&mut peer));
    });
}

#[test]
fn after_remove_and_close_the_peer_sees_the_end_c40() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, BOTH).unwrap();
        poll(events);
        events.remove_descriptor(token).unwrap();
        close(fd);
        assert!(sees_the_end(&mut peer));
    });
}

/// C41: a socket and a regular file are closed while the loop observes them.
#[cfg(unix)]
#[test]
fn a_descriptor_closed_without_removal_gets_no_event_and_its_peer_sees_the_end_c41() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let file = lend(File::open("Cargo.toml").unwrap());
        events.add_descriptor(fd, BOTH).unwrap();
        events.add_descriptor(file, READ).unwrap();
        assert_eq!(poll(events).len(), 2);
        close(fd);
        close(file);
        assert!(sees_the_end(&mut peer));
        for _ in 0..3 {
            assert_eq!(poll(events), []);
        }
        assert!(waits_quietly(events), "no spin");
    });
}

/// C41: with io_uring, the armed poll keeps the file open. The peer sees the end when the backend finds the closed
/// descriptor, both in a quiet and in a busy loop.
#[cfg(unix)]
#[test]
fn the_peer_of_a_descriptor_closed_during_a_wait_sees_the_end_in_time_c41() {
    on_every_backend(|events| {
        for is_busy in [false, true] {
            let ((fd, mut peer), file) = (pair(), lend(File::open("Cargo.toml").unwrap()));
            let token = events.add_descriptor(fd, READ).unwrap();
            assert_eq!(poll(events), []);
            close(fd);
            if is_busy {
                events.add_descriptor(file, READ).unwrap();
            }
            let turns = (1..).take_while(|_| !sees_the_end(&mut peer)).map(|_| {
                events.turn(Wait::AtMost(20 * MS)).unwrap();
                assert!(std::iter::from_fn(|| events.next_ready()).all(|ready| ready.token != token));
            });
            let turns = turns.take(1_000).count();
            assert!(turns <= if is_busy { 128 } else { 4 }, "{turns} turns, busy: {is_busy}");
            events.clear();
        }
    });
}

/// C41: a closed descriptor does not delay the events of others by a turn.
#[test]
fn a_descriptor_closed_without_removal_delays_no_other_c41() {
    on_every_backend(|events| {
        let ((closed, _peer), (fd, mut peer)) = (pair(), pair());
        events.add_descriptor(closed, READ).unwrap();
        let token = events.add_descriptor(fd, READ).unwrap();
        close(closed);
        write(&mut peer);
        assert_eq!(poll(events), [(token, READ)]);
    });
}

/// C41: the number now names a file that the loop was never given.
#[cfg(unix)]
#[test]
fn another_file_with_an_observed_number_gets_no_event_c41() {
    on_every_backend(|events| {
        let (fd, file) = (pair().0, lend(File::open("Cargo.toml").unwrap()));
        let tokens = [events.add_descriptor(fd, BOTH).unwrap(), events.add_descriptor(file, READ).unwrap()];
        let (stranger, mut peer) = pair();
        for observed in [fd, file] {
            close(observed);
            dup_at(stranger, observed.as_raw_fd());
        }
        write(&mut peer);
        for _ in 0..3 {
            assert_eq!(poll(events), []);
        }
        tokens.into_iter().for_each(|token| events.remove_descriptor(token).unwrap());
        assert!(events.is_idle());
    });
}

/// C38: all eventfds share one inode, so device and inode do not distinguish them.
#[cfg(target_os = "linux")]
#[test]
fn an_eventfd_that_takes_the_number_of_another_gets_none_of_its_events_c38() {
    let eventfd = || rustix::event::eventfd(0, rustix::event::EventfdFlags::NONBLOCK).unwrap();
    on_every_backend(|events| {
        for is_armed in [false, true] {
            let old = lend(eventfd());
            let token = events.add_descriptor(old, READ).unwrap();
            if is_armed {
                assert_eq!(poll(events), []);
            }
            // The file stays open, and the poll that waits for it stays armed.
            let twin = old.try_clone_to_owned().unwrap();
            close(old);
            let new = lend(eventfd());
            assert_eq!(new.as_raw_fd(), old.as_raw_fd());
            for fd in [twin.as_fd(), new] {
                rustix::io::write(fd, &1u64.to_ne_bytes()).unwrap();
            }
            for _ in 0..5 {
                assert!(poll(events).iter().all(|(reported, _)| *reported != token), "armed before: {is_armed}");
            }
            let again = events.add_descriptor(new, READ).unwrap();
            assert_eq!(poll(events), [(again, READ)]);
            events.remove_descriptor(again).unwrap();
            close(new);
        }
    });
}

/// C39, C41: the loop drops a closed descriptor. The number of a second closed descriptor names another file. The
/// loop does not report that file.
#[cfg(unix)]
#[test]
fn dropping_a_closed_descriptor_reports_no_other_file_c39_c41() {
    on_every_backend(|events| {
        let ((dead, mut dead_peer), (gone, _gone_peer), (stranger, mut peer)) = (pair(), pair(), pair());
        let _alive = dead.try_clone_to_owned().unwrap();
        events.add_descriptor(dead, READ).unwrap();
        events.add_descriptor(gone, READ).unwrap();
        close(gone);
        dup_at(stranger, gone.as_raw_fd());
        write(&mut peer);
        write(&mut dead_peer);
        close(dead);
        for _ in 0..3 {
            assert_eq!(poll(events), []);
        }
    });
}

#[cfg(unix)]
#[test]
fn a_hang_up_or_an_error_wakes_the_direction_that_is_observed_c42() {
    on_every_backend(|events| {
        let (reader, writer) = std::io::pipe().unwrap();
        let writer = lend(writer);
        let token = events.add_descriptor(writer, WRITE).unwrap();
        drop(reader);
        assert_eq!(poll(events), [(token, WRITE)], "error only");

        let (reader, writer) = std::io::pipe().unwrap();
        let reader = lend(reader);
        let hung_up = events.add_descriptor(reader, READ).unwrap();
        events.remove_descriptor(token).unwrap();
        drop(writer);
        assert_eq!(poll(events), [(hung_up, READ)], "hang-up only");
        events.set_interest(hung_up, Interest::NONE).unwrap();
        assert_eq!(poll(events), []);
        assert!(waits_quietly(events), "with no interest it does not spin");
        close(reader);
    });
}

/// C42: the read end of a pipe is observed for writing. It then has a bare hang-up, without an error.
#[cfg(unix)]
#[test]
fn a_bare_hang_up_wakes_a_descriptor_observed_for_writing_only_c42() {
    on_every_backend(|events| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let token = events.add_descriptor(lend(reader), WRITE).unwrap();
        assert_eq!(poll(events), []);
        writer.write_all(b"x").unwrap();
        assert_eq!(poll(events), [], "reading is not observed");
        assert!(waits_quietly(events), "it does not spin");
        drop(writer);
        assert_eq!(poll(events), [(token, WRITE)]);
        assert_eq!(poll(events), [(token, WRITE)], "level-triggered");
    });
}

#[cfg(unix)]
#[test]
fn a_bare_hang_up_is_readiness_for_both_directions_c42() {
    on_every_backend(|events| {
        let (reader, writer) = std::io::pipe().unwrap();
        let token = events.add_descriptor(lend(reader), BOTH).unwrap();
        drop(writer);
        assert_eq!(poll(events), [(token, BOTH)]);
    });
}

/// C42: the hang-up comes while the loop waits.
#[cfg(unix)]
#[test]
fn a_bare_hang_up_ends_a_wait_c42() {
    on_every_backend(|events| {
        let (reader, writer) = std::io::pipe().unwrap();
        let token = events.add_descriptor(lend(reader), WRITE).unwrap();
        assert_eq!(poll(events), []);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(2));
                drop(writer);
            });
            let mut ready = None;
            while ready.is_none() {
                events.turn(Wait::Block).unwrap();
                ready = events.next_ready();
            }
            assert_eq!(ready.map(|ready| (ready.token, ready.ready)), Some((token, WRITE)));
        });
    });
}

#[test]
fn half_close_and_end_of_stream_are_readable_again_and_again_c43() {
    on_every_backend(|events| {
        let (fd, peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        assert_eq!(poll(events), []);
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(poll(events), [(token, READ)], "half-close");
        drop(peer);
        for _ in 0..3 {
            assert_eq!(poll(events), [(token, READ)], "level-triggered");
        }
    });
}

/// C44: both directions come in one event, so that the user can serve reading first. One of them can be dropped.
#[test]
fn both_directions_come_together_and_one_can_be_dropped_c44() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        write(&mut peer);
        let token = events.add_descriptor(fd, BOTH).unwrap();
        assert_eq!(poll(events), [(token, BOTH)], "one event");
        for left in [WRITE, READ, BOTH] {
            events.set_interest(token, left).unwrap();
            assert_eq!(events.interest(token), Some(left));
            assert_eq!(poll(events), [(token, left)]);
        }
        // The interest changes between the wait and the pull.
        events.turn(Wait::Block).unwrap();
        events.set_interest(token, WRITE).unwrap();
        assert_eq!(events.next_ready().map(|ready| ready.ready), Some(WRITE));
    });
}

#[test]
fn a_second_add_replaces_the_first_c45() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let first = events.add_descriptor(fd, WRITE).unwrap();
        let second = events.add_descriptor(fd, READ).unwrap();
        assert_ne!(first, second);
        assert_eq!(events.descriptors(), 1);
        assert_eq!(poll(events), [], "write is not observed any more");
        write(&mut peer);
        assert_eq!(poll(events), [(second, READ)]);
        assert!(events.set_interest(first, BOTH).is_err(), "stale");
        events.remove_descriptor(second).unwrap();
        assert!(events.is_idle());
    });
}

#[cfg(unix)]
#[test]
fn files_directories_and_dev_null_are_always_ready_c46() {
    on_every_backend(|events| {
        for path in ["Cargo.toml", ".", "/dev/null", "/dev/zero"] {
            let fd = lend(File::open(path).unwrap());
            let token = events.add_descriptor(fd, READ).unwrap();
            for _ in 0..3 {
                events.turn(Wait::Block).unwrap();
                let ready = events.next_ready().unwrap_or_else(|| panic!("{path} is not ready"));
                assert_eq!((ready.token, ready.ready), (token, READ), "{path}");
                assert_eq!(events.next_ready(), None, "{path} once a turn");
            }
            events.set_interest(token, BOTH).unwrap();
            assert_eq!(poll(events), [(token, BOTH)], "{path}");
            events.set_interest(token, Interest::NONE).unwrap();
            assert_eq!(poll(events), [], "{path} with no interest");
            events.set_interest(token, READ).unwrap();
            assert_eq!(poll(events), [(token, READ)], "{path} again");
            events.remove_descriptor(token).unwrap();
            assert_eq!(poll(events), [], "{path} removed");
            close(fd);
        }
    });
}

/// C46: a file and a socket do not hide each other's events.
#[cfg(unix)]
#[test]
fn an_always_ready_file_hides_no_other_descriptor_c46() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let (socket, file) = (fd, lend(File::open("Cargo.toml").unwrap()));
        let socket = events.add_descriptor(socket, READ).unwrap();
        let file = events.add_descriptor(file, READ).unwrap();
        assert_eq!(poll(events), [(file, READ)]);
        write(&mut peer);
        let mut both = poll(events);
        both.sort_by_key(|(token, _)| *token);
        assert_eq!(both, [(socket, READ), (file, READ)]);
    });
}

/// C47: a `BorrowedFd` cannot be negative. The interfaces for C and Lua take integers, and refuse negative ones.
#[test]
fn a_closed_descriptor_is_refused_and_nothing_is_left_of_it_c47() {
    on_every_backend(|events| {
        let (fd, _peer) = pair();
        close(fd);
        for interest in [READ, WRITE, BOTH, Interest::NONE] {
            let error = events.add_descriptor(fd, interest).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(BAD_DESCRIPTOR));
        }
        assert!(events.is_idle());
        assert_eq!(poll(events), []);
    });
}

#[cfg(unix)]
#[test]
fn descriptor_0_is_like_any_other_c47() {
    on_every_backend(|events| {
        let stdin: &'static Stdin = Box::leak(Box::new(std::io::stdin()));
        let token = events.add_descriptor(stdin.as_fd(), READ).unwrap();
        assert_eq!(events.descriptors(), 1);
        poll(events);
        events.remove_descriptor(token).unwrap();
        assert!(events.is_idle());
    });
}

#[test]
fn changing_a_closed_descriptor_fails_and_keeps_the_old_interest_c47() {
    on_every_backend(|events| {
        let (fd, _peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        close(fd);
        assert!(events.set_interest(token, BOTH).is_err());
        assert_eq!(events.interest(token), Some(READ));
        events.remove_descriptor(token).unwrap();
        assert!(events.remove_descriptor(token).is_err(), "only once");
    });
}

/// C44, C47: a duplicate keeps the closed file open. So epoll goes on reporting it for a while, and refuses each change
/// of its number.
#[cfg(unix)]
#[test]
fn a_direction_that_was_dropped_at_a_closed_number_is_not_reported_c44_c47() {
    on_every_backend(|events| {
        for (before, left) in [(BOTH, WRITE), (BOTH, READ), (BOTH, Interest::NONE), (READ, Interest::NONE)] {
            let (fd, mut peer) = pair();
            let token = events.add_descriptor(fd, before).unwrap();
            let _lives_on = fd.try_clone_to_owned().unwrap();
            // epoll checks the number at the first and the second report, and not at the third.
            (0..2).for_each(|_| drop(poll(events)));
            close(fd);
            events.set_interest(token, left).unwrap();
            assert_eq!(events.interest(token), Some(left));
            write(&mut peer);
            for _ in 0..3 {
                for (reported, ready) in poll(events) {
                    assert_eq!(reported, token);
                    assert!(left.contains(ready), "{ready:?} of {left:?}, {before:?} before");
                }
            }
            assert!((0..30).any(|_| waits_quietly(events)), "{before:?}, {left:?}: the loop does not spin for ever");
            let _ = events.remove_descriptor(token);
        }
    });
}

#[test]
fn marked_readiness_is_reported_once_and_joined_to_the_kernels() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        events.mark_ready(token, READ);
        events.turn(Wait::Block).unwrap();
        assert_eq!(events.next_ready().map(|ready| (ready.token, ready.ready)), Some((token, READ)));
        assert_eq!(poll(events), [], "once");

        write(&mut peer);
        events.set_interest(token, BOTH).unwrap();
        events.mark_ready(token, READ);
        events.mark_ready(token, READ);
        assert_eq!(poll(events), [(token, BOTH)], "one event for one token");

        events.mark_ready(token, READ);
        events.remove_descriptor(token).unwrap();
        events.mark_ready(token, READ);
        assert_eq!(poll(events), [], "a mark with a stale token has no effect");
    });
}

/// C35: a callback clears the loop.
#[test]
fn clear_leaves_nothing_of_timers_descriptors_and_this_turn_c35() {
    on_every_backend(|events| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, BOTH).unwrap();
        events.add_timer(0, 1);
        write(&mut peer);
        events.turn(Wait::Block).unwrap();
        events.mark_ready(token, READ);
        events.clear();
        assert!(events.is_idle());
        assert_eq!((events.next_expired(), events.next_ready()), (None, None));
        assert_eq!(poll(events), []);
        assert!(events.remove_descriptor(token).is_err());
        let again = events.add_descriptor(fd, READ).unwrap();
        assert_ne!(again, token);
        assert_eq!(poll(events), [(again, READ)]);
    });
}
