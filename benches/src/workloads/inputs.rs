//! The random numbers of a run. They are made before the measurement, and are the same for every store.

use fastrand::Rng;

/// Delays are uniform in `1..=SPAN` ticks.
pub(crate) const SPAN: u64 = 1_000_000;
/// A timer that fires is set again with a delay that is uniform in `1..=REARM_SPAN` ticks: up to 10 s, if a tick is 1
/// ms.
const REARM_SPAN: u64 = 10_000;
/// Replaces `REARM_SPAN` in the probe `rearm-near`. It is so short that the lowest level of a wheel holds most of these
/// timers.
pub(crate) const REARM_SPAN_NEAR: u64 = 200;
/// The average number of re-armed timers that become due in a step of time. A step is at least one tick.
const REARM_DUE: u64 = 20;

/// The inputs of the workloads at one size.
pub(crate) struct Inputs {
    /// The number of live timers.
    pub(crate) size: usize,
    /// The delay of each timer.
    pub(crate) delays: Vec<u64>,
    /// A permutation of the timers.
    pub(crate) order: Vec<u32>,
    /// For each step of the churn (a cancel and an insert): the timer that is replaced, and the delay of the new timer.
    pub(crate) churn: Vec<(u32, u32)>,
    /// The number of times that timers fire and are set again.
    pub(crate) fires: u64,
    /// The longest delay of a timer that is set again.
    pub(crate) rearm_span: u64,
    /// The number of ticks in a step of time while timers fire and are set again.
    pub(crate) rearm_step: u64,
    /// The number of repetitions of a short workload for one sample. The repetitions make small sizes measurable.
    pub(crate) rounds: usize,
}

impl Inputs {
    pub(crate) fn new(size: usize, seed: u64, scale: &Scale) -> Self {
        let mut random = Rng::with_seed(seed ^ size as u64);
        let mut order: Vec<u32> = (0..size as u32).collect();
        random.shuffle(&mut order);
        let pairs = scale.churn_pairs;
        Self {
            size,
            delays: (0..size).map(|_| random.u64(1..=SPAN)).collect(),
            order,
            churn: (0..pairs).map(|_| (random.u32(0..size as u32), random.u32(1..=SPAN as u32))).collect(),
            fires: scale.fires.max(size as u64),
            rearm_span: 0,
            rearm_step: 0,
            rounds: (scale.round_operations / size).max(1),
        }
        .with_rearm_span(REARM_SPAN)
    }

    pub(crate) fn with_rearm_span(self, rearm_span: u64) -> Self {
        let rearm_step = (REARM_DUE * rearm_span / 2 / self.size as u64).max(1);
        Self { rearm_span, rearm_step, ..self }
    }
}

/// The numbers of operations in a sample.
pub(crate) struct Scale {
    pub(crate) churn_pairs: usize,
    pub(crate) fires: u64,
    pub(crate) round_operations: usize,
}

impl Scale {
    pub(crate) const FULL: Self = Self { churn_pairs: 500_000, fires: 1_000_000, round_operations: 100_000 };
    pub(crate) const SMOKE: Self = Self { churn_pairs: 2_000, fires: 2_000, round_operations: 1_000 };
    pub(crate) const QUICK: Self = Self { churn_pairs: 200_000, fires: 200_000, round_operations: 50_000 };
}

/// Mixes two words into one that looks random.
#[inline]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let x = (a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
