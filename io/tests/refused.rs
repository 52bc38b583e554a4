//! System calls that fail in a container, on an old kernel, or in a process that has used up its descriptors. A seccomp
//! filter lasts as long as its thread, so each test has a thread or a process of its own. C51 and C56 are rows of
//! docs/conformance.md.

#![cfg(target_os = "linux")]
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]

mod common;
#[path = "common/refuse.rs"]
mod refuse;

use cogloop_io::backend::BRIEF_NS;
use cogloop_io::epoll::Epoll;
use cogloop_io::select::Select;
use cogloop_io::uring::{Setup, Uring};
use cogloop_io::{Backend, BackendReport, Clock, MonotonicClock, Options, Wait};
use common::*;
use nix::libc;
use refuse::{filter, refuse, with};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::{SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

/// From now on, in this thread, this descriptor cannot be registered, and its file cannot be identified.
fn refuse_descriptor(fd: BorrowedFd<'_>, errno: Errno) {
    let rule = |argument| {
        let number = fd.as_raw_fd() as u64;
        let is_it = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, number).unwrap();
        vec![SeccompRule::new(vec![is_it]).unwrap()]
    };
    // The third call does the same as the second: libc makes it in place of `fstat`.
    let calls = [(libc::SYS_epoll_ctl, rule(2)), (libc::SYS_fstat, rule(0)), (libc::SYS_newfstatat, rule(0))];
    filter(BTreeMap::from(calls), with(errno));
}

/// The C library's words for an error, which differ between musl and glibc.
fn in_words(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    text.split(" (os error").next().unwrap().to_owned()
}

/// Makes a loop with the backend `name`, in a thread where these system calls fail with `errno`. Checks that the loop
/// works, and returns the report on its backend.
fn report(name: &'static str, calls: &'static [i64], errno: Errno) -> BackendReport {
    let story = move || {
        refuse(calls, with(errno));
        let options = Options { backend: Some(name.to_owned()), ..Options::default() };
        let mut events = Loop::new(&options).unwrap();
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        assert!(!events.dump().to_string().is_empty());
        write(&mut peer);
        events.turn(Wait::Block).unwrap();
        assert_eq!(events.next_ready().map(|ready| ready.token), Some(token));
        events.backend().clone()
    };
    thread::spawn(story).join().unwrap()
}

/// C51: the report gives each reason in words. The crate `polling` uses epoll here.
#[test]
fn where_a_backend_is_refused_the_next_serves_and_the_report_says_why_c51() {
    const URING: &[i64] = &[libc::SYS_io_uring_setup];
    const EPOLL: &[i64] = &[libc::SYS_epoll_create1];
    let permitted = permitted();
    // If the system itself refuses io_uring, only select is left beside epoll.
    let beside_epoll = if permitted.contains(&"uring") { "uring" } else { "select" };
    let refused = [("uring", (URING, "epoll")), ("epoll", (EPOLL, beside_epoll)), ("portable", (EPOLL, beside_epoll))];
    let refused = refused.into_iter().filter(|(name, _)| permitted.contains(name));
    on_each(refused.map(|(name, with)| (name, (name, with))), |(name, (calls, next))| {
        let is_uring = name == "uring";
        let forbids = if is_uring {
            "a container's seccomp filter or kernel.io_uring_disabled does that"
        } else {
            "a container's seccomp filter does that"
        };
        for (errno, why) in [
            (Errno::PERM, forbids),
            (Errno::NOSYS, "the kernel lacks it, or a container's seccomp filter hides it"),
            (Errno::NOMEM, "most kernels count the rings as locked memory, ulimit -l"),
        ] {
            let report = report(name, calls, errno);
            assert_eq!(report.name, next);
            // Only io_uring has rings that count as locked memory.
            let expected = match errno {
                Errno::NOMEM if !is_uring => format!("{name} refused: {}", errno),
                _ => format!("{name} refused: {} ({why})", in_words(errno)),
            };
            assert!(report.reason.starts_with(&expected), "{}", report.reason);
            assert!(report.reason.ends_with(&format!(", so {next}")), "{}", report.reason);
        }
        assert_eq!(report(name, &[], Errno::PERM).reason, "asked for by name", "this kernel permits it");
    });
}

#[test]
fn where_everything_else_is_refused_select_serves_c51() {
    on_each([("select", ())], |()| {
        let report = report("uring", &[libc::SYS_io_uring_setup, libc::SYS_epoll_create1], Errno::PERM);
        assert_eq!(report.name, "select");
        for part in ["uring refused: Operation not permitted", "; epoll refused: ", ", so select"] {
            assert!(report.reason.contains(part), "{part} is missing in: {}", report.reason);
        }
    });
}

#[test]
fn a_descriptor_that_the_kernel_refuses_changes_nothing_c51() {
    on_each(permitted().into_iter().map(|name| (name, name)), |name| {
        for errno in [Errno::NOMEM, Errno::NOSPC] {
            let story = move || {
                let options = Options { backend: Some(name.to_owned()), ..Options::default() };
                let mut events = Loop::new(&options).unwrap();
                let ((a, mut peer), (b, _peer_b)) = (pair(), pair());
                let token = events.add_descriptor(a, READ).unwrap();
                refuse_descriptor(b, errno);
                for interest in [READ, WRITE, BOTH] {
                    let refused = events.add_descriptor(b, interest).unwrap_err();
                    assert_eq!(Errno::from_io_error(&refused), Some(errno));
                    assert_eq!(events.descriptors(), 1);
                }
                assert_eq!(poll(&mut events), []);
                write(&mut peer);
                assert_eq!(poll(&mut events), [(token, READ)]);
            };
            thread::spawn(story).join().unwrap();
        }
    });
}

/// Simulates a kernel before 5.11, or a container that refuses epoll_pwait2 or timer descriptors.
#[test]
fn epoll_waits_with_the_calls_that_are_not_refused() {
    const WAITS: [i64; 2] = [libc::SYS_epoll_pwait2, libc::SYS_epoll_pwait];
    let (create, settime) = (libc::SYS_timerfd_create, libc::SYS_timerfd_settime);
    let waits = WAITS.to_vec();
    let timers = [vec![], vec![create], vec![settime]];
    for refused in
        timers.iter().flat_map(|timer| [timer.clone(), [&waits[..1], timer].concat(), [&waits[..], timer].concat()])
    {
        let story = move || {
            refuse(&refused, with(Errno::NOSYS));
            let backend = Box::new(Epoll::new().unwrap());
            let mut events = Loop::from_parts(Box::new(MonotonicClock), backend, 1_000).unwrap();
            for round in 0..3 {
                let deadline_ns = events.now_ns() + 3 * MS;
                events.add_timer_at(deadline_ns, round);
                let mut turns = 0;
                while events.next_expired().is_none() {
                    events.turn(Wait::Block).unwrap();
                    turns += 1;
                }
                assert!(events.turn_ns() >= deadline_ns);
                assert!(turns <= 3, "{turns} turns without {refused:?}");
            }
        };
        thread::spawn(story).join().unwrap();
    }
}

/// Regression test: the turn that found the system call missing returned without an event.
#[test]
fn the_first_turn_reports_what_is_ready_where_epoll_waits_are_refused() {
    for refused in [&[libc::SYS_epoll_pwait2][..], &[libc::SYS_epoll_pwait2, libc::SYS_epoll_pwait]] {
        let story = move || {
            let backend = Box::new(Epoll::new().unwrap());
            let mut events = Loop::from_parts(Box::new(MonotonicClock), backend, 1_000).unwrap();
            let (fd, mut peer) = pair();
            let token = events.add_descriptor(fd, READ).unwrap();
            write(&mut peer);
            refuse(refused, with(Errno::NOSYS));
            assert_eq!(poll(&mut events), [(token, READ)], "without {refused:?}");
        };
        thread::spawn(story).join().unwrap();
    }
}

/// If one crate enables rustix's feature `linux_5_11`, `polling` calls epoll_pwait2 in the whole program, also on
/// kernels without that call. Regression test: this crate once enabled the feature, so a program that depended on both
/// crates failed in the first wait of its poller.
#[test]
fn a_program_can_wait_with_its_own_poller_if_epoll_pwait2_is_refused() {
    let story = || {
        refuse(&[libc::SYS_epoll_pwait2], with(Errno::NOSYS));
        let poller = polling::Poller::new().unwrap();
        let mut found = polling::Events::new();
        for timeout_ms in [0, 3] {
            let start_ns = MonotonicClock.now_ns();
            poller.wait(&mut found, Some(Duration::from_millis(timeout_ms))).unwrap();
            assert!(MonotonicClock.now_ns() >= start_ns + timeout_ms * MS && found.is_empty());
        }
    };
    thread::spawn(story).join().unwrap();
}

/// Refuses each set of system calls, and then all sets at once. A loop with the default backend waits for
/// a timer, a descriptor and a wake.
#[test]
fn the_default_backend_works_if_newer_system_calls_are_refused() {
    let each = refuse::SETS.map(|name| vec![name]);
    for names in each.into_iter().chain([refuse::SETS.to_vec()]) {
        let story = move || {
            for (calls, errno) in names.iter().filter_map(|name| refuse::set(name)) {
                refuse(&calls, with(errno));
            }
            let mut events = Loop::new(&Options::default()).unwrap();
            let (fd, mut peer) = pair();
            let token = events.add_descriptor(fd, READ).unwrap();
            assert_eq!(poll(&mut events), []);
            write(&mut peer);
            events.turn(Wait::Block).unwrap();
            assert_eq!(events.next_ready().map(|ready| ready.token), Some(token), "without {names:?}");
            events.remove_descriptor(token).unwrap();
            let deadline_ns = events.now_ns() + 3 * MS;
            events.add_timer_at(deadline_ns, 7);
            while events.next_expired().is_none() {
                events.turn(Wait::Block).unwrap();
            }
            assert!(events.turn_ns() >= deadline_ns);
            let waker = events.waker();
            thread::spawn(move || waker.wake());
            events.turn(Wait::Block).unwrap();
        };
        thread::spawn(story).join().unwrap();
    }
}

/// For a few microseconds the backend polls the kernel instead of sleeping.
#[test]
fn a_brief_wait_does_not_sleep() {
    for setup in [Setup::Deferred, Setup::Cooperative, Setup::Plain] {
        let story = move || {
            let Some(mut uring) = or_skip("uring", Uring::with_rings(4, setup)) else { return };
            // A call that may sleep asks for at least one completion, in its third argument.
            let sleeps = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Ge, 1).unwrap();
            let rule = SeccompRule::new(vec![sleeps]).unwrap();
            filter(BTreeMap::from([(libc::SYS_io_uring_enter, vec![rule])]), with(Errno::PERM));
            let start_ns = MonotonicClock.now_ns();
            uring.wait(&mut Vec::new(), Some(BRIEF_NS)).unwrap();
            assert!(MonotonicClock.now_ns() >= start_ns + BRIEF_NS);
            assert!(uring.wait(&mut Vec::new(), Some(1_000 * MS)).is_err(), "a longer one sleeps");
        };
        thread::spawn(story).join().unwrap();
    }
}

/// If the call that submits entries fails with EAGAIN, EBUSY or EINTR, the wait ends early without an event. With any
/// other error, here EEXIST, the wait fails.
#[test]
fn an_io_uring_that_takes_no_entries_is_an_error_or_an_early_return() {
    for (errno, fails) in [(Errno::AGAIN, false), (Errno::BUSY, false), (Errno::INTR, false), (Errno::EXIST, true)] {
        let story = move || {
            let Some(uring) = or_skip("uring", Uring::with_rings(4, Setup::Plain)) else { return };
            let backend = Box::new(uring);
            let mut events = Loop::from_parts(Box::new(MonotonicClock), backend, 1_000).unwrap();
            let (fd, _peer) = pair();
            events.add_descriptor(fd, READ).unwrap();
            refuse(&[libc::SYS_io_uring_enter], with(errno));
            let waited = events.turn(Wait::AtMost(MS));
            assert_eq!(waited.is_err(), fails, "{errno:?}: {waited:?}");
            assert_eq!(events.next_ready(), None);
        };
        thread::spawn(story).join().unwrap();
    }
}

/// C56: a signal may come while `select` polls for hang-ups. That poll does not wait, but a signal can still interrupt
/// it.
#[test]
fn a_signal_while_select_looks_for_hang_ups_is_invisible_c56() {
    on_each([("select", ())], |()| {
        let story = || {
            let mut events = Loop::from_parts(Box::new(MonotonicClock), Box::new(Select::new()), 1_000).unwrap();
            let (fd, _peer) = pair();
            let token = events.add_descriptor(fd, WRITE).unwrap();
            assert_eq!(poll(&mut events), [(token, WRITE)]);
            refuse(&[libc::SYS_ppoll], with(Errno::INTR));
            assert_eq!(poll(&mut events), [], "an early return, as after any signal");
        };
        thread::spawn(story).join().unwrap();
    });
}

/// Runs the test `part` of this program again, in a child process. There [`is_child`] is true, and the test does the
/// child's part of the work.
fn as_a_child(part: &str, backend: &str) -> ExitStatus {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", part, "--nocapture"]).env("COGLOOP_TEST_CHILD", part).env("COGLOOP_BACKEND", backend);
    child.output().unwrap().status
}

fn is_child(part: &str) -> bool {
    std::env::var("COGLOOP_TEST_CHILD").is_ok_and(|child| child == part)
}

/// A user may have a reason not to use io_uring, such as a security policy that kills a process that calls it.
#[test]
fn an_opt_out_comes_before_the_first_system_call_of_io_uring() {
    const PART: &str = "an_opt_out_comes_before_the_first_system_call_of_io_uring";
    if is_child(PART) {
        let calls = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
        refuse(&calls, SeccompAction::KillProcess);
        let mut events = Loop::new(&Options::default()).unwrap();
        events.turn(Wait::Poll).unwrap();
        assert_eq!(events.backend().reason, "asked for by COGLOOP_BACKEND");
        return;
    }
    on_each(["epoll", "select", "portable"].map(|name| (name, name)), |name| {
        assert!(as_a_child(PART, name).success());
    });
    if or_skip("uring", Uring::new()).is_some() {
        assert_eq!(
            as_a_child(PART, "uring").signal(),
            Some(libc::SIGSYS),
            "a loop that asks for io_uring makes the call"
        );
    }
}

/// C51: the process has no descriptor left for a loop.
#[test]
fn a_process_that_is_out_of_descriptors_gets_an_error_and_loses_nothing_c51() {
    const PART: &str = "a_process_that_is_out_of_descriptors_gets_an_error_and_loses_nothing_c51";
    if is_child(PART) {
        let asked = std::env::var("COGLOOP_BACKEND").unwrap();
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let make = || Loop::new(&Options::default());
        let before = open();
        // The number of descriptors that a loop has: those of its backend and of its waker.
        let one = make().unwrap();
        let takes = open() - before;
        drop(one);
        // epoll works without its timer descriptor, and the system may have none at all.
        let needs = if asked == "epoll" { takes.min(2) } else { takes };
        let limit = getrlimit(Resource::Nofile);
        for room in 0..=takes {
            let lowest = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 0).unwrap();
            let free = lowest.as_raw_fd() as u64;
            drop(lowest);
            setrlimit(Resource::Nofile, Rlimit { current: Some(free + room as u64), maximum: limit.maximum }).unwrap();
            let made = make().map(|events| events.backend().clone()).map_err(|error| error.to_string());
            setrlimit(Resource::Nofile, limit).unwrap();
            match &made {
                // A backend that needs fewer descriptors may be chosen instead.
                Ok(report) => assert_eq!(report.name == asked, room >= needs, "{room}: {report:?}"),
                Err(error) => assert!(room < needs && error.contains(&in_words(Errno::MFILE)), "{room}: {error}"),
            }
            assert!(room > 0 || made.is_err());
            assert_eq!(open(), before);
        }
        return;
    }
    on_each(permitted().into_iter().map(|name| (name, name)), |name| assert!(as_a_child(PART, name).success()));
}

/// A daemon has closed its standard streams. Its output must not go into a ring or a waker.
#[test]
fn own_descriptors_are_above_the_standard_streams() {
    const PART: &str = "own_descriptors_are_above_the_standard_streams";
    if is_child(PART) {
        for number in 0..3 {
            nix::unistd::close(number).unwrap();
        }
        let mut events = Loop::new(&Options::default()).unwrap();
        let mut signals = cogloop_io::signals::Signals::new().unwrap();
        signals.watch(nix::libc::SIGUSR1).unwrap();
        events.add_timer(MS, 1);
        events.turn(Wait::Block).unwrap();
        // `pollable` may make further descriptors: io_uring gets new rings, which another loop can watch.
        let _ = events.pollable();
        for number in 0..3 {
            assert!(std::fs::read_link(format!("/proc/self/fd/{number}")).is_err(), "{number} is open");
        }
        // The loop works with the program's own descriptors at these numbers.
        let (fd, mut peer) = pair();
        assert!(fd.as_raw_fd() < 3);
        let token = events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        while poll(&mut events) != [(token, READ)] {}
        return;
    }
    on_each(permitted().into_iter().map(|name| (name, name)), |name| {
        assert!(as_a_child(PART, name).success());
    });
}
