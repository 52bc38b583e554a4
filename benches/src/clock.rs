//! The kernel's monotonic clock, as integers.

use cogloop_io::{Clock, MonotonicClock};
use rustix::time::Timespec;

/// The current time in ns.
pub(crate) fn now_ns() -> u64 {
    MonotonicClock.now_ns()
}

/// A time in ns, for a system call.
pub(crate) fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 }
}
