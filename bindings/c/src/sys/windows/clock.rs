//! The performance counter, and sleeping until a time of it. The clock also counts while the machine sleeps. No
//! signal ends a sleep.

use std::ffi::c_int;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Nanoseconds since the first reading.
pub(crate) fn now_ns() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    // 2^64 ns are 584 years.
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Sleeps. Returns the remaining milliseconds and the error number, which are both 0.
pub(crate) fn sleep(ms: u64, _resume: bool) -> (u64, c_int) {
    thread::sleep(Duration::from_millis(ms));
    (0, 0)
}
