//! The clock of `luamockit`: the performance counter, which also counts while the machine sleeps. A thread can sleep
//! until a time of this clock. There is no timer descriptor.

use super::descriptor::Number;
use super::wakers;
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nanoseconds since the first reading.
pub(crate) fn now_ns() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    // 2^64 ns are 584 years. The result is never 0, because 0 means "never".
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1
}

/// Sleeps until `at_ns`. Returns false if an interrupt came first.
///
/// # Errors
/// None here.
pub(crate) fn sleep_until(at_ns: u64) -> io::Result<bool> {
    Ok(sleep(at_ns.saturating_sub(now_ns())) == Ok(None))
}

/// Sleeps. If an interrupt comes first, returns the remaining time.
///
/// # Errors
/// None here.
pub(crate) fn sleep(ns: u64) -> Result<Option<u64>, i32> {
    let start = Instant::now();
    loop {
        let left_ns = ns.saturating_sub(start.elapsed().as_nanos() as u64);
        if left_ns == 0 {
            return Ok(None);
        }
        // A nap that has lasted for a day is no interrupt.
        if wakers::nap(Duration::from_nanos(left_ns)) {
            let left_ns = ns.saturating_sub(start.elapsed().as_nanos() as u64);
            return Ok((left_ns > 0).then_some(left_ns));
        }
    }
}

/// There is no alarm, because Windows has no timer that a loop could watch.
pub(crate) enum Alarm {}

impl Alarm {
    /// # Errors
    /// Always `Unsupported`.
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no descriptor of a timer"))
    }

    pub(crate) fn set(&mut self, _: u64) {
        match *self {}
    }

    pub(crate) fn number(&self) -> Number {
        match *self {}
    }
}
