//! Measures the CPU time of this thread. Other programs on the machine disturb CPU time less than any other measure of
//! time.

use std::hint::black_box;
use std::sync::OnceLock;

use rustix::time::{ClockId, clock_gettime};

/// The thread's CPU time in ns.
#[inline]
pub(crate) fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The CPU time of `work` in ns. Reading the clock is a system call; its time is subtracted.
#[inline]
pub(crate) fn timed_ns(work: impl FnOnce()) -> f64 {
    let start = cpu_ns();
    work();
    let end = cpu_ns();
    (end.saturating_sub(start) as f64 - reading_ns()).max(0.0)
}

/// The time of one reading of the clock: the median difference between two readings with nothing in between.
fn reading_ns() -> f64 {
    static READING_NS: OnceLock<f64> = OnceLock::new();
    *READING_NS.get_or_init(|| {
        let readings = (0..1001).map(|_| {
            let start = cpu_ns();
            black_box(cpu_ns() - start) as f64
        });
        crate::statistics::Summary::of(readings).median
    })
}

/// The number of times that this thread has gone to sleep, as the kernel counts it.
pub(crate) fn voluntary_switches() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_sleep_is_a_voluntary_switch() {
        let before = voluntary_switches().unwrap();
        std::thread::sleep(Duration::from_millis(1));
        assert!(voluntary_switches().unwrap() > before);
    }
}
