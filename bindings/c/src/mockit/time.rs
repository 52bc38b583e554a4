//! The clocks: the wall clock for timestamps, and a clock for delays that also counts while the machine sleeps.

use std::ffi::c_long;
use std::time::{SystemTime, UNIX_EPOCH};

use libc::{time_t, timespec};

pub(super) use crate::sys::clock::{now_ns, sleep};

pub(super) const NS_PER_MS: u64 = 1_000_000;
const NS_PER_SEC: u64 = 1_000_000_000;

/// Seconds since the epoch, and milliseconds within that second. A clock that is set before the epoch reads 0.
pub(super) fn wall() -> (time_t, c_long) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_secs() as time_t, now.subsec_millis() as c_long)
}

/// Adds milliseconds; the nanoseconds stay below a second.
pub(super) fn add_ms(ts: &mut timespec, ms: u32) {
    let ns = ts.tv_nsec as u64 + u64::from(ms % 1000) * NS_PER_MS;
    ts.tv_sec += (ms / 1000) as time_t + (ns / NS_PER_SEC) as time_t;
    ts.tv_nsec = (ns % NS_PER_SEC) as _;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares each sum with a sum in 128 bits. Adds all numbers of milliseconds below three seconds, and the two
    /// greatest numbers, to several times within a second.
    #[test]
    fn milliseconds_are_added_and_the_nanoseconds_stay_below_a_second() {
        for ms in (0..3_000).chain([u32::MAX - 1, u32::MAX]) {
            for ns in [0, 1, 999_999, 1_000_000, 500_000_000, 999_000_000, 999_999_999] {
                // SAFETY: a `timespec` of zeros is valid.
                let mut ts: timespec = unsafe { std::mem::zeroed() };
                (ts.tv_sec, ts.tv_nsec) = (7, ns);
                add_ms(&mut ts, ms);
                let wanted = 7_000_000_000 + i128::from(ns) + i128::from(ms) * 1_000_000;
                assert_eq!(i128::from(ts.tv_sec) * 1_000_000_000 + i128::from(ts.tv_nsec), wanted, "{ns} and {ms}");
                assert!((0..1_000_000_000).contains(&ts.tv_nsec));
            }
        }
    }
}
