//! Entries that the kernel refuses for lack of memory, and completions that it loses. A filter for one thread simulates
//! both.

use super::*;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// From now on, in this thread, the kernel answers every submission with this error.
fn refuse(errno: Errno) {
    refuse_calls(&[nix::libc::SYS_io_uring_enter], errno);
}

fn refuse_calls(calls: &[i64], errno: Errno) {
    let rules = calls.iter().map(|&call| (call, Vec::new())).collect();
    let action = SeccompAction::Errno(errno.raw_os_error() as u32);
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, architecture).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// Regression test: `send` took an earlier completion for progress, so it repeated the call for ever.
#[test]
fn a_kernel_that_stays_busy_is_retried_later_not_for_ever() {
    if !permitted() {
        return;
    }
    let story = || {
        let pipes = pipes(1);
        let mut uring = Uring::with_rings(4, Setup::Plain).unwrap();
        uring.add(pipes[0].0, Interest::READ, token(0)).unwrap();
        uring.early.push_back(Completion { name: REMOVAL, result: 0, has_ended: true });
        uring.arm().unwrap();
        refuse(Errno::BUSY);
        assert_eq!(uring.send(), Err(Errno::AGAIN));
    };
    std::thread::spawn(story).join().unwrap();
}

/// The kernel answers `EBADR` while a removal makes room in the queue. Regression test: a poll that was removed at
/// that moment was removed again, without end.
#[test]
fn lost_completions_found_while_submitting_are_handled_afterwards() {
    if !permitted() {
        return;
    }
    let story = || {
        let pipes = pipes(2);
        let mut uring = Uring::with_rings(1, Setup::Plain).unwrap();
        for (index, (fd, _)) in (0..).zip(&pipes) {
            uring.add(*fd, Interest::READ, token(index)).unwrap();
        }
        assert_eq!(waited(&mut uring), []);
        uring.disarm(0).unwrap();
        refuse(Errno::BADR);
        assert_eq!(uring.disarm(1), Err(Errno::AGAIN), "the queue is full and is not taken");
        assert_eq!((uring.armed, uring.has_lost), (1, true), "nothing has changed");
        uring.wait(&mut Vec::new(), None).unwrap();
        assert_eq!(
            (&uring.dirty[..], uring.has_lost),
            (&[0][..], true),
            "slot 0 is armed again soon, and the next wait arms slot 1"
        );
    };
    std::thread::spawn(story).join().unwrap();
}

/// The queue is full, and the kernel has no memory to take an entry. Without a second attempt the poll would stay armed
/// for ever and keep its file open.
#[test]
fn a_removal_without_memory_is_repeated_by_the_next_wait() {
    if !permitted() {
        return;
    }
    let pipes = pipes(2);
    let mut uring = Uring::with_rings(1, Setup::Plain).unwrap();
    for (index, (fd, _)) in (0..).zip(&pipes) {
        uring.add(*fd, Interest::READ, token(index)).unwrap();
    }
    assert_eq!(waited(&mut uring), []);
    let refused = carry(&mut uring, |uring| {
        refuse(Errno::AGAIN);
        uring.modify(pipes[0].0, Interest::NONE, token(0)).unwrap();
        uring.remove(pipes[1].0, token(1))
    });
    assert_eq!(refused.unwrap_err().raw_os_error(), Some(Errno::AGAIN.raw_os_error()));
    assert_eq!((uring.armed, polls(&uring)), (0, 2));
    assert_eq!(waited(&mut uring), []);
    assert_eq!((uring.armed, polls(&uring)), (0, 0));
}

/// A look, the one `poll( 2 )` of many registrations, fails. Then arming the polls again finds the ready descriptors. A
/// look that a signal interrupts is repeated.
#[test]
fn a_failed_look_loses_no_event_and_reports_no_false_one() {
    if !permitted() {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    let calls = [nix::libc::SYS_poll, nix::libc::SYS_ppoll];
    #[cfg(not(target_arch = "x86_64"))]
    let calls = [nix::libc::SYS_ppoll];
    for errno in [Errno::NOMEM, Errno::INTR] {
        let story = move || {
            let mut pipes = pipes(2);
            let mut uring = Uring::new().unwrap();
            for (index, (fd, _)) in (0..).zip(&pipes) {
                uring.add(*fd, Interest::READ, token(index)).unwrap();
            }
            uring.expect_news(token(1));
            assert_eq!(waited(&mut uring), []);
            refuse_calls(&calls, errno);
            for (_, writer) in &mut pipes {
                writer.write_all(b"x").unwrap();
            }
            rustix::io::read(pipes[0].0, &mut [0; 8]).unwrap();
            if errno == Errno::INTR {
                assert_eq!(waited(&mut uring), []);
                assert!(uring.needs_look, "the next wait looks again");
            } else {
                assert_eq!(waited(&mut uring), [1]);
                rustix::io::read(pipes[1].0, &mut [0; 8]).unwrap();
                assert_eq!(waited(&mut uring), []);
                pipes[0].1.write_all(b"x").unwrap();
                assert_eq!(waited(&mut uring), [0]);
            }
        };
        std::thread::spawn(story).join().unwrap();
    }
}
