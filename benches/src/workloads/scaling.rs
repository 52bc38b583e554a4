//! The life of one store at one size, from its first timer to its last. Also its memory while timers are cancelled and
//! replaced.

use fastrand::Rng;

use super::inputs::{Inputs, SPAN};
use super::steady::churn_pairs;
use super::testbed::Testbed;
use crate::allocator;
use crate::measure::timed_ns;
use crate::store::Store;

/// The number of steps in which time passes.
const STEPS: u64 = 1_000;

/// The CPU time in ns for one timer, and its memory.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Life {
    pub(crate) insert_ns: f64,
    /// Cancelling a timer and inserting another.
    pub(crate) churn_ns: f64,
    /// Letting a timer expire. In a lazy store this includes the cancelled timers that it has kept. NaN if the timers
    /// were not allowed to expire.
    pub(crate) expire_ns: f64,
    pub(crate) bytes: f64,
}

pub(crate) fn life<S: Store>(inputs: &Inputs, expires: bool) -> Life {
    let turn_ns = super::testbed::measure_turn_ns::<S>();
    let (mut testbed, before) = bed_with_room::<S>(inputs, turn_ns);
    let size = inputs.size as f64;
    let insert_ns = timed_ns(|| testbed.fill(inputs)) / size;
    let bytes = allocator::bytes_since(before) as f64 / size;
    let churn_ns = timed_ns(|| churn_pairs(&mut testbed, &inputs.churn)) / inputs.churn.len() as f64;
    let expire_ns = if expires { expire(&mut testbed, inputs.size) } else { f64::NAN };
    Life { insert_ns, churn_ns, expire_ns, bytes }
}

/// Makes a new store. Also returns the live bytes to subtract when the store's memory is counted: those before the
/// store was made, and those of the handles.
fn bed_with_room<S: Store>(inputs: &Inputs, turn_ns: f64) -> (Testbed<S>, u64) {
    drop(S::new()); // allocates what the peer keeps for the whole program
    let before = allocator::live_bytes();
    let mut testbed = Testbed::<S>::fresh(turn_ns);
    let empty = allocator::bytes_since(before);
    testbed.handles.reserve_exact(inputs.size);
    let handles = allocator::bytes_since(before) - empty;
    (testbed, before.wrapping_add(handles))
}

fn expire<S: Store>(testbed: &mut Testbed<S>, size: usize) -> f64 {
    let mut fired = 0;
    let ns = testbed.timed_without_turns_ns(|testbed| {
        for step in 1..=STEPS {
            testbed.store.advance(step * (SPAN / STEPS), |_| {
                fired += 1;
                None
            });
        }
        STEPS
    });
    let in_time = if S::EXACT { size } else { fired };
    testbed.now = SPAN;
    fired += testbed.let_all_fire();
    assert_eq!(fired, size, "{} has fired a wrong number", S::NAME);
    ns / in_time as f64
}

/// Returns the bytes for each timer, at first and after every `pairs_a_sample` replacements of a timer.
pub(crate) fn growth<S: Store>(inputs: &Inputs, pairs_a_sample: usize, samples: usize) -> Vec<f64> {
    let (mut testbed, before) = bed_with_room::<S>(inputs, 0.0);
    testbed.fill(inputs);
    let mut random = Rng::with_seed(inputs.size as u64);
    let bytes = (0..=samples).map(|sample| {
        let pairs = if sample == 0 { 0 } else { pairs_a_sample };
        for _ in 0..pairs {
            churn_pairs(&mut testbed, &[(random.u32(0..inputs.size as u32), random.u32(1..=SPAN as u32))]);
        }
        allocator::bytes_since(before) as f64 / inputs.size as f64
    });
    let bytes = bytes.collect();
    testbed.cancel_all(inputs);
    bytes
}
