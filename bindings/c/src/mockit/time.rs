//! The clocks: the wall clock for timestamps, and for delays `CLOCK_BOOTTIME`, which also counts while the machine sleeps.

use std::ffi::{c_int, c_long};

use libc::{time_t, timespec};
use rustix::io::Errno;
use rustix::thread::{NanosleepRelativeResult, clock_nanosleep_absolute, clock_nanosleep_relative};
use rustix::time::{ClockId, Timespec, clock_gettime};

pub(super) const NS_PER_MS: u64 = 1_000_000;
const NS_PER_SEC: u64 = 1_000_000_000;

/// Seconds since the epoch, and milliseconds within that second.
pub(super) fn wall() -> (time_t, c_long) {
    let now = clock_gettime(ClockId::Realtime);
    (now.tv_sec as time_t, (now.tv_nsec as u64 / NS_PER_MS) as c_long)
}

/// Nanoseconds since the machine has started.
pub(super) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as u64 * NS_PER_SEC + now.tv_nsec as u64
}

/// Converts to the kernel's type. A time beyond that type's range becomes its greatest value.
pub(super) fn to_timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / NS_PER_SEC) as _, tv_nsec: (ns % NS_PER_SEC) as _ }
}

/// Sleeps. With `resume`, signals do not end the sleep. Returns the remaining milliseconds, rounded up, and the error number.
pub(super) fn sleep(ms: u64, resume: bool) -> (u64, c_int) {
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

/// Adds milliseconds; the nanoseconds stay below a second.
pub(super) fn add_ms(ts: &mut timespec, ms: u32) {
    let ns = ts.tv_nsec as u64 + u64::from(ms % 1000) * NS_PER_MS;
    ts.tv_sec += time_t::from(ms / 1000) + (ns / NS_PER_SEC) as time_t;
    ts.tv_nsec = (ns % NS_PER_SEC) as _;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a sum in 128 bits: each millisecond of three seconds, and the most there are, at both ends of a second.
    #[test]
    fn milliseconds_are_added_and_the_nanoseconds_stay_below_a_second() {
        for ms in (0..3_000).chain([u32::MAX - 1, u32::MAX]) {
            for ns in [0, 1, 999_999, 1_000_000, 500_000_000, 999_000_000, 999_999_999] {
                // SAFETY: zero is a time.
                let mut ts: timespec = unsafe { std::mem::zeroed() };
                (ts.tv_sec, ts.tv_nsec) = (7, ns);
                add_ms(&mut ts, ms);
                let wanted = 7_000_000_000 + i128::from(ns) + i128::from(ms) * 1_000_000;
                assert_eq!(i128::from(ts.tv_sec) * 1_000_000_000 + i128::from(ts.tv_nsec), wanted, "{ns} and {ms}");
                assert!((0..1_000_000_000).contains(&ts.tv_nsec));
            }
        }
    }

    /// What a time is for the kernel is that time again.
    #[test]
    fn every_time_is_one_for_the_kernel() {
        for ns in [0, 1, 999_999_999, 1_000_000_000, u64::MAX - 1, u64::MAX] {
            let time = to_timespec(ns);
            assert_eq!(time.tv_sec as u64 * NS_PER_SEC + time.tv_nsec as u64, ns);
        }
    }
}
