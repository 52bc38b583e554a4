//! A system that refuses system calls, to the thread that asks for that and to whatever it starts: an older kernel, or a
//! container.
#![allow(dead_code, unreachable_pub, reason = "each program uses its part")]

use nix::libc;
use rustix::io::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};
use std::collections::BTreeMap;

/// What a system refuses, by the name of what is missing.
pub const SETS: [&str; 5] = ["io_uring", "epoll_pwait2", "pidfd", "timerfd", "linux-4.18"];

/// The calls of a set, and how they end. Containers forbid io_uring; a kernel knows the others or does not.
pub fn set(name: &str) -> Option<(Vec<i64>, Errno)> {
    let calls = match name {
        "io_uring" => vec![libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register],
        "epoll_pwait2" => vec![libc::SYS_epoll_pwait2],
        "pidfd" => vec![libc::SYS_pidfd_open],
        "timerfd" => vec![libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime],
        // All that came after it: the numbers go on from the last of 4.18 on most architectures, and from 424 on all.
        "linux-4.18" => (libc::SYS_io_uring_setup - 1..libc::SYS_io_uring_setup + 100).collect(),
        _ => return None,
    };
    Some((calls, if name == "io_uring" { Errno::PERM } else { Errno::NOSYS }))
}

/// From now on, for this thread, these system calls end so.
pub fn refuse(calls: &[i64], action: SeccompAction) {
    filter(calls.iter().map(|&call| (call, Vec::new())).collect(), action);
}

/// From now on, for this thread, calls that one of these rules fits end so.
pub fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, action: SeccompAction) {
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, architecture).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// The call ends with this error.
pub fn with(errno: Errno) -> SeccompAction {
    SeccompAction::Errno(errno.raw_os_error() as u32)
}
