//! The clock `CLOCK_BOOTTIME`, and sleeping until a time of it. The clock also counts while the machine sleeps.

use std::ffi::c_int;

use rustix::io::Errno;
use rustix::thread::{NanosleepRelativeResult, clock_nanosleep_absolute, clock_nanosleep_relative};
use rustix::time::{ClockId, Timespec, clock_gettime};

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_SEC: u64 = 1_000_000_000;

/// Nanoseconds since the machine has started.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as u64 * NS_PER_SEC + now.tv_nsec as u64
}

/// Converts to the kernel's type, which has room for every `u64` of nanoseconds.
pub(super) fn to_timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / NS_PER_SEC) as _, tv_nsec: (ns % NS_PER_SEC) as _ }
}

/// Sleeps. With `resume`, signals do not end the sleep. Returns the remaining milliseconds, rounded up, and the error
/// number.
pub(crate) fn sleep(ms: u64, resume: bool) -> (u64, c_int) {
    let ns = ms.saturating_mul(NS_PER_MS);
    if !resume {
        return match clock_nanosleep_relative(ClockId::Boottime, &to_timespec(ns)) {
            NanosleepRelativeResult::Ok => (0, 0),
            NanosleepRelativeResult::Interrupted(left) => {
                let left_ns = left.tv_sec as u64 * NS_PER_SEC + left.tv_nsec as u64;
                (left_ns.div_ceil(NS_PER_MS), Errno::INTR.raw_os_error())
            }
            NanosleepRelativeResult::Err(error) => (ms, error.raw_os_error()),
        };
    }
    let until = to_timespec(now_ns().saturating_add(ns));
    loop {
        match clock_nanosleep_absolute(ClockId::Boottime, &until) {
            Ok(()) => return (0, 0),
            Err(Errno::INTR) => {}
            Err(error) => return (ms, error.raw_os_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time that is converted for the kernel and back stays the same.
    #[test]
    fn every_time_has_a_value_of_the_kernels_type() {
        for ns in [0, 1, 999_999_999, 1_000_000_000, u64::MAX - 1, u64::MAX] {
            let time = to_timespec(ns);
            assert_eq!(time.tv_sec as u64 * NS_PER_SEC + time.tv_nsec as u64, ns);
        }
    }
}
