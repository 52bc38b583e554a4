//! Makes the system refuse system calls, for one thread and the processes that it starts. That simulates an older
//! kernel or a container.
#![allow(dead_code, unreachable_pub, reason = "each program uses its part")]

use nix::libc;
use rustix::io::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};
use std::collections::BTreeMap;

/// The sets of calls that can be refused. Each set is named for what is missing then, or for the kernel that lacks it.
pub const SETS: [&str; 5] = ["io_uring", "epoll_pwait2", "pidfd", "timerfd", "linux-4.18"];

/// The calls of a set, and the error that they return. A container forbids io_uring; an older kernel lacks the other
/// calls.
pub fn set(name: &str) -> Option<(Vec<i64>, Errno)> {
    let calls = match name {
        "io_uring" => vec![libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register],
        "epoll_pwait2" => vec![libc::SYS_epoll_pwait2],
        "pidfd" => vec![libc::SYS_pidfd_open],
        "timerfd" => vec![libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime],
        // All calls that came after 4.18. On most architectures their numbers follow the last number of 4.18, and on
        // all they start at 424.
        "linux-4.18" => (libc::SYS_io_uring_setup - 1..libc::SYS_io_uring_setup + 100).collect(),
        _ => return None,
    };
    Some((calls, if name == "io_uring" { Errno::PERM } else { Errno::NOSYS }))
}

/// From now on, these system calls of this thread end with `action`.
pub fn refuse(calls: &[i64], action: SeccompAction) {
    filter(calls.iter().map(|&call| (call, Vec::new())).collect(), action);
}

/// From now on, calls of this thread that match one of these rules end with `action`.
pub fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, action: SeccompAction) {
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, architecture).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// The action that makes a call return this error.
pub fn with(errno: Errno) -> SeccompAction {
    SeccompAction::Errno(errno.raw_os_error() as u32)
}
