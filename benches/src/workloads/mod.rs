//! The workloads, and the order in which a store runs them.

pub(crate) mod agreement;
mod basic;
mod inputs;
pub(crate) mod memory;
pub(crate) mod pause;
pub(crate) mod probe;
pub(crate) mod scaling;
pub(crate) mod sparse;
mod steady;
mod testbed;
pub(crate) mod timeouts;
mod workload;

pub(crate) use inputs::{Inputs, Scale};
pub(crate) use testbed::Memory;
pub(crate) use workload::{Sample, Workload};

use std::collections::BTreeMap;

use crate::allocator;
use crate::store::Store;
use testbed::Testbed;

/// A cell of the tables of times. The first element is the number of timers.
pub(crate) type Cell = (usize, Memory, Workload);
/// The samples of each store in each cell.
pub(crate) type Samples = BTreeMap<Cell, Vec<Vec<Sample>>>;

/// One sample of each workload. For a store in new memory, only insertion is measured.
pub(crate) fn run<S: Store>(inputs: &Inputs, memory: Memory) -> Vec<Sample> {
    type Work<S> = fn(&mut Testbed<S>, &Inputs) -> Vec<Sample>;
    let turn_ns = testbed::measure_turn_ns::<S>();
    let mut scrambled = (memory == Memory::Scrambled).then(|| Testbed::<S>::scrambled(inputs, turn_ns));
    let mut on_bed = |workload: Work<S>| match memory {
        Memory::New => {
            allocator::give_back_unused();
            workload(&mut Testbed::fresh(turn_ns), inputs)
        }
        Memory::Ordered => workload(&mut Testbed::ordered(inputs, turn_ns), inputs),
        Memory::Scrambled => scrambled.as_mut().map(|testbed| workload(testbed, inputs)).unwrap_or_default(),
    };
    let short: Vec<Work<S>> = match memory {
        Memory::New => vec![|testbed, inputs| basic::insert_and_cancel(testbed, inputs)[..1].to_vec()],
        _ => vec![
            |testbed, inputs| basic::insert_and_cancel(testbed, inputs).to_vec(),
            |testbed, inputs| vec![basic::expire_in_steps(testbed, inputs)],
            |testbed, inputs| Vec::from_iter(basic::expire_by_deadline(testbed, inputs)),
        ],
    };
    let mut samples = Vec::new();
    for short in short {
        let rounds: Vec<_> = (0..inputs.rounds).map(|_| on_bed(short)).collect();
        samples.extend(mean(&rounds));
    }
    if memory != Memory::New {
        samples.extend(on_bed(|testbed, inputs| vec![steady::churn(testbed, inputs)]));
        samples.extend(on_bed(|testbed, inputs| vec![steady::restart(testbed, inputs)]));
        samples.extend(on_bed(|testbed, inputs| vec![steady::rearm(testbed, inputs)]));
    }
    samples
}

/// The means of the samples of several rounds.
fn mean(rounds: &[Vec<Sample>]) -> Vec<Sample> {
    let Some(first) = rounds.first() else { return Vec::new() };
    let mean_of = |index: usize, part: fn(&Sample) -> f64| {
        rounds.iter().map(|samples| part(&samples[index])).sum::<f64>() / rounds.len() as f64
    };
    let of_rounds = |(index, sample): (usize, &Sample)| Sample {
        ns: mean_of(index, |sample| sample.ns),
        later_ns: mean_of(index, |sample| sample.later_ns),
        ..*sample
    };
    first.iter().enumerate().map(of_rounds).collect()
}
