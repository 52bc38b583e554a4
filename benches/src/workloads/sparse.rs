//! A handful of timers over a long time: how often the store has to be woken, and what it costs to ask it when.

use std::hint::black_box;

use fastrand::Rng;

use crate::measure::timed_ns;
use crate::store::Store;

/// Timers, each in a stretch of time sixteen times as long as that of the one before: 2⁴⁰ ticks in all.
const TIMERS: u64 = 10;
const SPAN: u64 = 1 << 40;

#[derive(Copy, Clone, Debug)]
pub(crate) struct Sparse {
    /// How often time was let pass until all had fired; `TIMERS` is the least.
    pub(crate) wakeups: u64,
    /// Timers that did not fire at the tick for which they were set.
    pub(crate) inexact: u64,
    /// ns for asking a store that has not changed since it was asked last.
    pub(crate) next_deadline_ns: f64,
}

/// `None` for a store that cannot hold such a delay.
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
    assert_eq!(fired, TIMERS, "{} fires each sparse timer once", S::NAME);
    Some(Sparse { wakeups, inexact, next_deadline_ns: asked_ns / f64::from(ASKED) })
}
