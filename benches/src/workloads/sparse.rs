//! A few timers over a long time: the number of advances, and the cost of asking for the next deadline.

use std::hint::black_box;

use fastrand::Rng;

use crate::measure::timed_ns;
use crate::store::Store;

/// The number of timers. The time between two deadlines grows by a factor of about sixteen, up to 2⁴⁰ ticks in all.
const TIMERS: u64 = 10;
const SPAN: u64 = 1 << 40;

#[derive(Copy, Clone, Debug)]
pub(crate) struct Sparse {
    /// The number of advances until all timers had fired; at least `TIMERS`.
    pub(crate) wakeups: u64,
    /// The number of timers that did not fire at their deadline.
    pub(crate) inexact: u64,
    /// The time in ns for asking for the next deadline again while the store has not changed.
    pub(crate) next_deadline_ns: f64,
}

/// Lets the timers fire. `None` if the store cannot hold a delay of `SPAN` ticks.
pub(crate) fn run<S: Store>(seed: u64) -> Option<Sparse> {
    const ASKED: u32 = 100_000;
    if S::DELAY_MAX < SPAN {
        return None;
    }
    let mut random = Rng::with_seed(seed);
    let deadlines: Vec<u64> = (0..TIMERS).map(|i| random.u64(1 << (4 * i)..1 << (4 * i + 4))).collect();
    let mut store = S::new();
    for (id, &deadline) in (0..).zip(&deadlines) {
        store.insert(deadline, id);
    }
    let asked_ns = timed_ns(|| {
        for _ in 0..ASKED {
            black_box(black_box(&mut store).next_deadline());
        }
    });
    let (mut wakeups, mut fired, mut inexact) = (0, 0, 0);
    while let Some(next) = store.next_deadline() {
        wakeups += 1;
        store.advance(next, |id| {
            fired += 1;
            inexact += u64::from(deadlines[id as usize] != next);
            None
        });
    }
    assert_eq!(fired, TIMERS, "{} has fired a wrong number", S::NAME);
    Some(Sparse { wakeups, inexact, next_deadline_ns: asked_ns / f64::from(ASKED) })
}
