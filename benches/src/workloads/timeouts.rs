//! The read time-outs of a server: each request sets one, its answer cancels it, and none ever fires.

use super::inputs::Inputs;
use super::testbed::Testbed;
use crate::store::Store;

/// The numbers of requests that wait at a time.
pub(crate) const SIZES: [usize; 4] = [64, 1_024, 8_192, 65_536];
/// The delay of all time-outs: 30 s, if a tick is 1 ms.
const DELAY: u64 = 30_000;
/// The number of steps in which about a second passes. In these steps all time-outs are set once and cancelled once.
const STEPS: usize = 16;
const STEP: u64 = 1_000 / STEPS as u64;

/// The CPU time in ns to set a time-out and to cancel it. It includes the advances, in which a lazy store drops the
/// timers that it has kept.
pub(crate) fn run<S: Store>(inputs: &Inputs) -> f64 {
    let turn_ns = super::testbed::measure_turn_ns::<S>();
    let mut testbed = Testbed::<S>::fresh(turn_ns);
    testbed.handles.reserve(inputs.size);
    // The rounds take at least twice the delay, so that a lazy store also drops the cancelled timers that it keeps.
    let rounds = inputs.rounds.max(80);
    // The first half of the rounds only grows the store's memory.
    for _ in 0..rounds / 2 {
        round(&mut testbed, inputs);
    }
    let ns = testbed.timed_without_turns_ns(|testbed| (0..rounds / 2).map(|_| round(testbed, inputs)).sum());
    ns / (rounds / 2 * inputs.size) as f64
}

/// Sets all time-outs in one order and cancels them in another. Returns the number of advances.
fn round<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs) -> u64 {
    testbed.handles.clear();
    let chunk = (2 * inputs.size).div_ceil(STEPS);
    for ids in inputs.order.chunks(chunk) {
        for &id in ids {
            testbed.handles.push(testbed.store.insert(testbed.now + DELAY, u64::from(id)));
        }
        pass(testbed);
    }
    for places in inputs.order.chunks(chunk) {
        for &place in places {
            testbed.store.cancel(&mut testbed.handles[place as usize]);
        }
        pass(testbed);
    }
    STEPS as u64
}

fn pass<S: Store>(testbed: &mut Testbed<S>) {
    testbed.now += STEP;
    testbed.store.advance(testbed.now, |id| panic!("{} fired the time-out {id}, which was cancelled", S::NAME));
}
