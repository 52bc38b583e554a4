//! The memory of the timers, counted in the allocator. Nothing here is timed.

use fastrand::Rng;

use super::inputs::{Inputs, SPAN};
use super::steady::{churn_pairs, rearm_fill, rearm_step};
use super::testbed::Testbed;
use crate::allocator;
use crate::store::Store;

#[derive(Copy, Clone, Debug)]
pub(crate) struct Footprint {
    /// The bytes of a store that has never held a timer.
    pub(crate) empty: u64,
    /// The bytes for each timer. They include the bytes of the empty store.
    pub(crate) per_timer: f64,
}

/// The bytes after a store was filled.
pub(crate) fn filled<S: Store>(inputs: &Inputs) -> Footprint {
    after::<S>(inputs, |_| {})
}

/// The bytes after many timers were cancelled and replaced, while no time passed.
pub(crate) fn churned<S: Store>(inputs: &Inputs, pairs: usize) -> Footprint {
    after::<S>(inputs, |testbed| {
        let mut random = Rng::with_seed(pairs as u64);
        for _ in 0..pairs {
            churn_pairs(testbed, &[(random.u32(0..inputs.size as u32), random.u32(1..=SPAN as u32))]);
        }
    })
}

fn after<S: Store>(inputs: &Inputs, work: impl FnOnce(&mut Testbed<S>)) -> Footprint {
    drop(S::new()); // allocates what the peer keeps for the whole program
    let before = allocator::live_bytes();
    let mut testbed = Testbed::<S>::fresh(0.0);
    let empty = allocator::bytes_since(before);
    testbed.handles.reserve_exact(inputs.size);
    let handles = allocator::bytes_since(before) - empty;
    testbed.fill(inputs);
    work(&mut testbed);
    let bytes = allocator::bytes_since(before) - handles;
    testbed.cancel_all(inputs);
    Footprint { empty, per_timer: bytes as f64 / inputs.size as f64 }
}

/// Calls of the allocator for a thousand operations. The store has done the same operations
/// once before the count.
#[derive(Copy, Clone, Debug)]
pub(crate) struct SteadyAllocations {
    pub(crate) churn: f64,
    pub(crate) rearm: f64,
}

pub(crate) fn allocations<S: Store>(inputs: &Inputs) -> SteadyAllocations {
    let mut testbed = Testbed::<S>::fresh(0.0);
    testbed.fill(inputs);
    churn_pairs(&mut testbed, &inputs.churn);
    let churn = thousandths(inputs.churn.len() as u64, || churn_pairs(&mut testbed, &inputs.churn));
    testbed.cancel_all(inputs);
    testbed.purge();

    rearm_fill(&mut testbed, inputs);
    let mut rearm_all = || {
        let mut fired = 0;
        while fired < inputs.fires {
            rearm_step(&mut testbed, inputs, |_, _| fired += 1);
        }
    };
    rearm_all();
    let rearm = thousandths(inputs.fires, rearm_all);
    SteadyAllocations { churn, rearm }
}

fn thousandths(operations: u64, work: impl FnOnce()) -> f64 {
    let before = allocator::calls();
    work();
    (allocator::calls() - before) as f64 * 1_000.0 / operations as f64
}
