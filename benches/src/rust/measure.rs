//! What the measurements of all contenders share: the inputs, the stopwatch, and the form of the results.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::allocator;
use crate::measure::cpu_ns;

/// The numbers of timers and of other objects in a measurement.
#[derive(Copy, Clone, Debug)]
pub(super) struct Work {
    pub(super) timers: usize,
    pub(super) posts: usize,
    /// The number of bytes that go to and fro.
    pub(super) rallies: usize,
}

/// One value of one round.
#[derive(Copy, Clone, Debug)]
pub(super) struct Figure {
    pub(super) workload: &'static str,
    /// Describes the value, with the unit last.
    pub(super) unit: &'static str,
    pub(super) is_rate: bool,
    pub(super) value: f64,
}

pub(super) fn figure(workload: &'static str, unit: &'static str, value: f64) -> Figure {
    Figure { workload, unit, is_rate: false, value }
}

/// Returns timeouts, and a random order for cancelling them. The timeouts are so long that none fires, even on a busy
/// machine.
pub(super) fn timeouts(count: usize) -> (Vec<Duration>, Vec<usize>) {
    let mut random = fastrand::Rng::with_seed(count as u64);
    let mut order: Vec<usize> = (0..count).collect();
    random.shuffle(&mut order);
    ((0..count).map(|_| Duration::from_millis(random.u64(3_600_000..7_200_000))).collect(), order)
}

/// The numbers of timeouts that are pending while others are set and cancelled at once.
pub(super) fn crowds(work: Work) -> [usize; 3] {
    if work.timers < 1_000 { [1, 10, 100] } else { [1, 1_000, 1_000_000] }
}

/// The number of timeouts to set and cancel for each number of pending ones. [`ENOUGH_NS`] may end the measurement
/// earlier.
pub(super) fn pairs_count(work: Work) -> usize {
    work.timers.min(50_000)
}

/// The measurement of a contender ends after this CPU time. Only a contender that searches all its timers takes so
/// long.
pub(super) const ENOUGH_NS: u64 = 500_000_000;

/// Returns short delays, and the time after which all of them are over.
pub(super) fn soon(count: usize) -> (Vec<Duration>, Duration) {
    const ALL_NS: u64 = 20_000_000;
    let mut random = fastrand::Rng::with_seed(count as u64);
    ((0..count).map(|_| Duration::from_nanos(random.u64(1..ALL_NS))).collect(), Duration::from_nanos(ALL_NS))
}

/// Returns the delays of a few timers that are some ms apart. So the thread sleeps between any two of them.
pub(super) fn sparse(count: usize) -> Vec<Duration> {
    (1..=count as u64).map(|nth| Duration::from_micros(5_300 * nth)).collect()
}

/// The number of timers that wake the thread one by one.
pub(super) fn sparse_count(work: Work) -> usize {
    if work.timers < 1_000 { 3 } else { 40 }
}

/// Measures CPU time, memory and time since it was started.
pub(super) struct Stopwatch {
    cpu_ns: u64,
    bytes: u64,
    began: Instant,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { cpu_ns: cpu_ns(), bytes: allocator::live_bytes(), began: Instant::now() }
    }

    /// Whether a contender has used [`ENOUGH_NS`]. Only some calls read the clock, because reading it is a system call.
    pub(super) fn is_enough(&self, nth: usize) -> bool {
        nth % 64 == 63 && cpu_ns() - self.cpu_ns > ENOUGH_NS
    }

    /// The CPU time of this thread, divided by `count`.
    pub(super) fn cpu_ns_for_one_of(&self, count: usize) -> f64 {
        (cpu_ns() - self.cpu_ns) as f64 / count as f64
    }

    pub(super) fn bytes_for_one_of(&self, count: usize) -> f64 {
        allocator::bytes_since(self.bytes) as f64 / count as f64
    }

    pub(super) fn millions_a_second(&self, count: usize) -> f64 {
        count as f64 / self.began.elapsed().as_secs_f64() / 1e6
    }
}

/// Two connected, non-blocking sockets.
pub(super) fn sockets() -> io::Result<(UnixStream, UnixStream)> {
    let (one, other) = UnixStream::pair()?;
    one.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    Ok((one, other))
}

pub(super) fn of_pending(insert_ns: f64, bytes: f64, cancel_ns: f64) -> Vec<Figure> {
    vec![
        figure("a timeout is set", "CPU time, ns", insert_ns),
        figure("a timeout is cancelled", "CPU time, ns", cancel_ns),
        figure("a pending timeout", "memory, bytes", bytes),
    ]
}

/// If the contender took too long for some numbers of pending timeouts, these numbers have no results.
pub(super) fn of_pairs(ns: Vec<f64>) -> Vec<Figure> {
    const WORKLOADS: [&str; 3] =
        ["set and cancelled, 1 pending", "set and cancelled, 1,000 pending", "set and cancelled, 1,000,000 pending"];
    WORKLOADS.into_iter().zip(ns).map(|(workload, ns)| figure(workload, "CPU time, ns", ns)).collect()
}

pub(super) fn of_due(fire_ns: f64) -> Vec<Figure> {
    vec![figure("a timer of many fires", "CPU time, ns", fire_ns)]
}

pub(super) fn of_sparse(wakes: f64, cpu_us: f64) -> Vec<Figure> {
    vec![figure("a lone timer", "wake-ups for a timer", wakes), figure("a lone timer", "CPU time, µs", cpu_us)]
}

pub(super) fn of_posts(rate: f64, cpu_ns: f64) -> Vec<Figure> {
    vec![
        Figure { is_rate: true, ..figure("posts from another thread", "millions a second", rate) },
        figure("posts from another thread", "CPU time of the loop's thread, ns", cpu_ns),
    ]
}

pub(super) fn of_pingpong(cpu_us: f64) -> Vec<Figure> {
    vec![figure("ping-pong over sockets, a byte", "CPU time, µs", cpu_us)]
}

pub(super) fn of_given_up((race_ns, bytes, alone_ns, crowd_ns): (f64, f64, f64, f64)) -> Vec<Figure> {
    vec![
        figure("a wait for a socket loses a race", "CPU time, ns", race_ns),
        figure("a wait for a socket loses a race", "memory kept, bytes", bytes),
        figure("a wait for a silent socket is made and dropped", "CPU time, ns", alone_ns),
        figure("one of 20,000 waits for a socket is given up", "CPU time, ns", crowd_ns),
    ]
}
