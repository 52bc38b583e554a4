//! Tests that read the kernel's own list of polls, fork, or go to another thread. C40, C41, C57 and C59 are rows
//! of docs/conformance.md.

mod busy;
mod lasting;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
mod refused;

use super::*;
use crate::epoll::Epoll;
use crate::fork::tests::FORKING;
use crate::portable::Portable;
use crate::select::Select;
use crate::stories::{on_each, or_skip};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io::{PipeReader, PipeWriter, Write};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::PoisonError;

/// Whether this system permits rings with every setup.
fn permitted() -> bool {
    Setup::ALL.into_iter().all(|setup| or_skip("uring", Uring::with_rings(4, setup)).is_some())
}

fn token(index: u32) -> Token {
    Token::new(index, NonZeroU32::MIN)
}

fn lend(fd: impl Into<OwnedFd>) -> BorrowedFd<'static> {
    let leaked: &'static OwnedFd = Box::leak(Box::new(fd.into()));
    leaked.as_fd()
}

fn pipes(count: u32) -> Vec<(BorrowedFd<'static>, PipeWriter)> {
    let lent = |(reader, writer): (PipeReader, _)| (lend(reader), writer);
    (0..count).map(|_| lent(std::io::pipe().unwrap())).collect()
}

/// The other backends. They need none of the features that are tested here.
fn others() -> [(&'static str, Box<dyn Backend>); 3] {
    [
        ("epoll", Box::new(Epoll::new().unwrap())),
        ("select", Box::new(Select::new())),
        ("portable", Box::new(Portable::new().unwrap())),
    ]
}

fn waited(uring: &mut Uring) -> Vec<u32> {
    ready(uring).iter().map(|token| token.index()).collect()
}

/// The number of polls that the kernel has.
fn polls(uring: &Uring) -> usize {
    let path = format!("/proc/self/fdinfo/{}", uring.ring.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| line.trim_start().starts_with("op=6")).count()
}

#[test]
fn the_kernel_has_exactly_the_polls_that_are_armed() {
    if !permitted() {
        return;
    }
    let pipes = pipes(3);
    for setup in Setup::ALL {
        let mut uring = Uring::with_rings(4, setup).unwrap();
        for (index, (fd, _)) in (0..).zip(&pipes) {
            uring.add(*fd, Interest::READ, token(index)).unwrap();
        }
        assert_eq!((uring.armed, polls(&uring)), (0, 0), "registrations are submitted by the wait");
        assert_eq!(waited(&mut uring), []);
        assert_eq!((uring.armed, polls(&uring)), (3, 3), "{setup:?}");
        uring.remove(pipes[0].0, token(0)).unwrap();
        assert_eq!((uring.armed, polls(&uring)), (2, 2), "removed before `remove` returns");
        uring.modify(pipes[1].0, Interest::NONE, token(1)).unwrap();
        uring.modify(pipes[2].0, Interest::BOTH, token(2)).unwrap();
        assert_eq!(waited(&mut uring), []);
        assert_eq!((uring.armed, polls(&uring)), (1, 1), "changed");
        uring.remove(pipes[2].0, token(2)).unwrap();
        assert_eq!((uring.armed, polls(&uring)), (0, 0));
    }
}

/// A change of interest leaves a removal in the queue. Removing a descriptor submits it, too.
#[test]
fn a_removal_submits_the_removal_that_a_change_has_queued() {
    if !permitted() {
        return;
    }
    let pipes = pipes(1);
    let mut uring = Uring::new().unwrap();
    uring.add(pipes[0].0, Interest::READ, token(0)).unwrap();
    waited(&mut uring);
    uring.modify(pipes[0].0, Interest::NONE, token(0)).unwrap();
    assert_eq!(polls(&uring), 1);
    uring.remove(pipes[0].0, token(0)).unwrap();
    assert_eq!(polls(&uring), 0);
}

#[test]
fn the_completion_of_a_removed_poll_is_dropped() {
    if !permitted() {
        return;
    }
    let mut pipes = pipes(1);
    for setup in Setup::ALL {
        let mut uring = Uring::with_rings(4, setup).unwrap();
        uring.add(pipes[0].0, Interest::READ, token(0)).unwrap();
        assert_eq!(waited(&mut uring), []);
        // The poll has completed, but the backend has not collected the completion yet.
        pipes[0].1.write_all(b"x").unwrap();
        uring.remove(pipes[0].0, token(0)).unwrap();
        let newer = Token::new(0, NonZeroU32::new(2).unwrap());
        let quiet = std::io::pipe().unwrap();
        uring.add(lend(quiet.0), Interest::READ, newer).unwrap();
        assert_eq!(waited(&mut uring), [], "{setup:?}");
        rustix::io::read(pipes[0].0, &mut [0; 8]).unwrap();
    }
}

/// One turn has more registrations than the submission ring holds, and more ready ones than the completion ring holds.
/// All events come in one batch.
#[test]
fn both_rings_may_be_smaller_than_a_batch() {
    if !permitted() {
        return;
    }
    let mut pipes = pipes(100);
    for setup in Setup::ALL {
        let mut uring = Uring::with_rings(2, setup).unwrap();
        for (index, (fd, _)) in (0..).zip(&pipes) {
            uring.add(*fd, Interest::READ, token(index)).unwrap();
        }
        assert_eq!(waited(&mut uring), []);
        assert_eq!(polls(&uring), 100);
        pipes.iter_mut().for_each(|(_, writer)| writer.write_all(b"x").unwrap());
        for round in ["woken", "still ready", "and again"] {
            let mut ready = waited(&mut uring);
            ready.sort_unstable();
            assert_eq!(ready, (0..100).collect::<Vec<_>>(), "{setup:?}, {round}");
        }
        pipes.iter().for_each(|(fd, _)| assert_eq!(rustix::io::read(fd, &mut [0; 8]), Ok(1)));
        assert_eq!(waited(&mut uring), []);
    }
}

/// `EBADR`: the kernel has lost completions and does not say which.
#[test]
fn after_lost_completions_all_polls_are_armed_again_once() {
    if !permitted() {
        return;
    }
    let mut pipes = pipes(5);
    let mut uring = Uring::with_rings(2, Setup::Deferred).unwrap();
    for (index, (fd, _)) in (0..).zip(&pipes) {
        uring.add(*fd, Interest::READ, token(index)).unwrap();
    }
    assert_eq!(waited(&mut uring), []);
    pipes[3].1.write_all(b"x").unwrap();
    uring.disarm_all();
    assert_eq!(waited(&mut uring), [3]);
    assert_eq!(waited(&mut uring), [3]);
    assert_eq!((uring.armed, polls(&uring)), (4, 4));
}

#[test]
fn serial_numbers_wrap_around_and_skip_zero() {
    if !permitted() {
        return;
    }
    let mut pipes = pipes(3);
    let mut uring = Uring::new().unwrap();
    uring.last_serial = u32::MAX - 1;
    for (index, (fd, _)) in (0..).zip(&pipes) {
        uring.add(*fd, Interest::READ, token(index)).unwrap();
    }
    assert_eq!(waited(&mut uring), []);
    assert_eq!(uring.last_serial, 2);
    pipes.iter_mut().for_each(|(_, writer)| writer.write_all(b"x").unwrap());
    assert_eq!(waited(&mut uring).len(), 3);
}

#[test]
fn a_dropped_loop_keeps_no_file_open_c40() {
    if !permitted() {
        return;
    }
    let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
    for setup in Setup::ALL {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = lend(reader);
        let mut uring = Uring::with_rings(4, setup).unwrap();
        uring.add(reader, Interest::READ, token(0)).unwrap();
        assert_eq!(waited(&mut uring), []);
        drop(uring);
        nix::unistd::close(reader.as_raw_fd()).unwrap();
        assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe, "{setup:?}");
    }
}

/// C57: without the check for a fork, the parent would submit what the child queued.
#[test]
fn a_forked_child_gets_an_error_and_the_parent_is_undisturbed_c57() {
    if !permitted() {
        return;
    }
    let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
    on_each(Setup::ALL.map(|setup| ("uring", setup)), |setup| {
        let mut pipes = pipes(2);
        let mut uring = Uring::with_rings(4, setup).unwrap();
        uring.add(pipes[0].0, Interest::READ, token(0)).unwrap();
        assert_eq!(waited(&mut uring), []);
        // SAFETY: the child only makes system calls and allocates memory. Both are safe after a fork: the C library
        // keeps its allocator usable in the child. The child
        // ends with `_exit`, so it never returns to the test harness.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                let answers = [
                    uring.wait(&mut Vec::new(), Some(0)),
                    uring.add(pipes[1].0, Interest::READ, token(1)),
                    uring.modify(pipes[0].0, Interest::BOTH, token(0)),
                    uring.remove(pipes[0].0, token(0)),
                ];
                let all = answers.iter().all(|answer| {
                    answer.as_ref().is_err_and(|error| error.to_string().contains("make a new loop after a fork"))
                });
                drop(uring);
                let afresh = Uring::with_rings(4, setup).is_ok_and(|mut new| {
                    new.add(pipes[0].0, Interest::READ, token(0)).is_ok() && waited(&mut new).is_empty()
                });
                // SAFETY: the call ends this process and touches nothing.
                unsafe { nix::libc::_exit(if all && afresh { 7 } else { 1 }) }
            }
            ForkResult::Parent { child } => {
                assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 7)), "{setup:?}");
            }
        }
        assert_eq!((uring.armed, polls(&uring)), (1, 1), "{setup:?}");
        pipes[0].1.write_all(b"x").unwrap();
        assert_eq!(waited(&mut uring), [0]);
    });
}

/// C57: a child can only drop an inherited loop and make a loop of its own.
#[test]
fn a_forked_child_that_makes_its_own_loop_leaves_the_parents_alone_c57() {
    if !permitted() {
        return;
    }
    let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
    on_each(others(), |mut backend| {
        let mut pipes = pipes(1);
        let mut found = Vec::new();
        backend.add(pipes[0].0, Interest::READ, token(0)).unwrap();
        backend.wait(&mut found, Some(0)).unwrap();
        // SAFETY: the child only makes system calls and allocates memory. Both are safe after a fork: the C library
        // keeps its allocator usable in the child. The child
        // ends with `_exit`, so it never returns to the test harness.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                drop(backend);
                let works = others().into_iter().all(|(_, mut new)| {
                    let mut found = Vec::new();
                    new.add(pipes[0].0, Interest::READ, token(7)).is_ok()
                        && pipes[0].1.write_all(b"x").is_ok()
                        && new.wait(&mut found, Some(0)).is_ok()
                        && found == [crate::Event::new(token(7), Interest::READ)]
                        && rustix::io::read(pipes[0].0, &mut [0; 8]) == Ok(1)
                        && new.remove(pipes[0].0, token(7)).is_ok()
                });
                // SAFETY: the call ends this process and touches nothing.
                unsafe { nix::libc::_exit(if works { 7 } else { 1 }) }
            }
            ForkResult::Parent { child } => {
                assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 7)));
            }
        }
        backend.wait(&mut found, Some(0)).unwrap();
        assert_eq!(found, []);
        pipes[0].1.write_all(b"x").unwrap();
        backend.wait(&mut found, Some(0)).unwrap();
        assert_eq!(found, [crate::Event::new(token(0), Interest::READ)]);
    });
}

/// C41: the number of registrations is larger than one batch of checks.
#[test]
fn a_quiet_wait_drops_closed_descriptors_c41() {
    if !permitted() {
        return;
    }
    let pipes = pipes(300);
    let mut uring = Uring::new().unwrap();
    for (index, (fd, _)) in (0..).zip(&pipes) {
        uring.add(*fd, Interest::READ, token(index)).unwrap();
    }
    assert_eq!(waited(&mut uring), []);
    nix::unistd::close(pipes[299].0.as_raw_fd()).unwrap();
    // One wait would be enough, but the kernel sometimes cuts a wait short.
    for _ in 0..100 {
        if uring.armed == 300 {
            uring.wait(&mut Vec::new(), Some(4 * ring::QUIET_NS)).unwrap();
        }
    }
    assert_eq!((uring.armed, polls(&uring)), (299, 299));
}

/// A backend that is used in another thread. Safe Rust does not allow that, but a host in C or Lua can do it.
struct Carried<'a>(&'a mut dyn Backend);

// SAFETY: `carry` waits for the other thread, so only one thread has the backend at a time.
unsafe impl Send for Carried<'_> {}

/// Runs `act` in another thread.
fn carry<T: Send>(backend: &mut dyn Backend, act: impl FnOnce(&mut dyn Backend) -> T + Send) -> T {
    let carried = Carried(backend);
    let story = move || {
        // The block moves all of `carried` into the thread, and not only the reference in it, which is not `Send`.
        let Carried(backend) = { carried };
        act(backend)
    };
    std::thread::scope(|scope| scope.spawn(story).join().unwrap())
}

/// A loop that observes its own descriptor would always find it ready.
#[test]
fn a_backends_own_descriptor_is_refused() {
    let ours = |setup| or_skip("uring", Uring::with_rings(4, setup)).map(|uring| Box::new(uring) as Box<dyn Backend>);
    let all = Setup::ALL.into_iter().filter_map(|setup| Some(("uring", ours(setup)?)));
    on_each(all.chain(others()), |mut backend| {
        let Ok(number) = backend.pollable().map(|own| own.as_raw_fd()) else { return };
        // SAFETY: the descriptor stays open as long as the backend lives, and only the backend gets it.
        let own = unsafe { BorrowedFd::borrow_raw(number) };
        for interest in [Interest::READ, Interest::NONE] {
            let refused = backend.add(own, interest, token(1)).err().and_then(|error| error.raw_os_error());
            let is_taken = refused.is_none() && backend.name() != "uring" && interest.is_empty();
            assert!(is_taken || refused == Some(Errno::INVAL.raw_os_error()), "{interest:?}: {refused:?}");
        }
        assert_eq!(ready(&mut *backend), []);
    });
}

/// The tokens that one wait reports.
fn ready(backend: &mut dyn Backend) -> Vec<Token> {
    let mut events = Vec::new();
    backend.wait(&mut events, Some(0)).unwrap();
    events.iter().map(|event| event.token).collect()
}

#[test]
fn a_backend_works_in_another_thread_and_back_c59() {
    let ours = |setup| or_skip("uring", Uring::with_rings(4, setup)).map(|uring| Box::new(uring) as Box<dyn Backend>);
    let all = Setup::ALL.into_iter().filter_map(|setup| Some(("uring", ours(setup)?)));
    on_each(all.chain(others()), |mut backend| {
        let mut pipes = pipes(1);
        backend.add(pipes[0].0, Interest::READ, token(0)).unwrap();
        assert_eq!(ready(&mut *backend), [], "this thread has the backend again");
        pipes[0].1.write_all(b"x").unwrap();
        assert_eq!(carry(&mut *backend, ready), [token(0)], "{}", backend.name());
        assert_eq!(ready(&mut *backend), [token(0)], "{}", backend.name());
    });
}

/// Each of these calls is the first one in the other thread that reaches the kernel.
#[test]
fn the_first_call_in_another_thread_makes_rings_there_c59() {
    if !permitted() {
        return;
    }
    type First = fn(&mut dyn Backend, &[(BorrowedFd<'static>, PipeWriter)]);
    let all: [First; 3] = [
        |uring, pipes| uring.remove(pipes[0].0, token(0)).unwrap(),
        |uring, _| assert!(uring.prepare().unwrap(), "there may be events"),
        // The ring has room for the removal of four polls.
        |uring, pipes| {
            (0..6).for_each(|index| uring.modify(pipes[index].0, Interest::READ, token(index as u32)).unwrap())
        },
    ];
    for first in all {
        let pipes = pipes(6);
        let mut uring = Uring::with_rings(4, Setup::Deferred).unwrap();
        for (index, (fd, _)) in (0..).zip(&pipes) {
            uring.add(*fd, Interest::READ, token(index)).unwrap();
        }
        assert_eq!(waited(&mut uring), []);
        carry(&mut uring, |uring| first(uring, &pipes));
        let left = uring.slots.iter().filter(|slot| slot.registration.is_some()).count();
        assert_eq!((waited(&mut uring), uring.armed, polls(&uring)), (vec![], left, left));
    }
}
