//! Single operations for callgrind, which counts the instructions inside of `measured_region` and nowhere else.

use std::hint::black_box;

use super::basic::{pass_by_deadline, pass_in_steps};
use super::bed::Bed;
use super::inputs::{Inputs, REARM_SPAN_NEAR, Scale};
use super::steady::{churn_pairs, rearm_fill, rearm_step};
use crate::store::Store;

pub(crate) const TIMERS: usize = 1_000;
/// What can be probed: as it is asked for, and in words.
pub(crate) const PROBES: [(&str, &str); 8] = [
    ("insert", "insert"),
    ("cancel", "cancel"),
    ("churn", "cancel + insert"),
    ("rearm", "fire + re-arm"),
    ("rearm-near", "the same, near"),
    ("expire", "expire, 1000 steps"),
    ("expire-by-deadline", "expire by deadline"),
    ("next", "next deadline"),
];

/// The name by which callgrind is told where to count.
pub(crate) const REGION: &str = "measured_region";

#[inline(never)]
fn measured_region<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}

/// Goes through an operation about `operations` times; how many it were exactly is returned.
pub(crate) fn run<S: Store>(probe: &str, operations: usize) -> usize {
    let scale = Scale { churn_pairs: operations, fires: operations as u64, round_operations: operations };
    let inputs = Inputs::new(TIMERS, 1, &scale);
    let mut bed = Bed::<S>::scrambled(&inputs, 0.0);
    match probe {
        "insert" => fill_and_empty(
            &mut bed,
            &inputs,
            |bed| measured_region(|| bed.fill(&inputs)),
            |bed| bed.cancel_all(&inputs),
        ),
        "cancel" => fill_and_empty(
            &mut bed,
            &inputs,
            |bed| bed.fill(&inputs),
            |bed| measured_region(|| bed.cancel_all(&inputs)),
        ),
        "churn" => {
            bed.fill(&inputs);
            measured_region(|| churn_pairs(&mut bed, &inputs.churn));
            operations
        }
        "rearm" => rearm(&mut bed, &inputs, operations),
        "rearm-near" => rearm(&mut bed, &inputs.with_rearm_span(REARM_SPAN_NEAR), operations),
        "expire" => {
            for _ in 0..inputs.rounds {
                bed.fill(&inputs);
                measured_region(|| pass_in_steps(&mut bed, |_, _| ()));
            }
            inputs.rounds * inputs.size
        }
        "expire-by-deadline" => {
            for _ in 0..inputs.rounds {
                bed.fill(&inputs);
                measured_region(|| pass_by_deadline(&mut bed, |_, _| ()));
            }
            inputs.rounds * inputs.size
        }
        "next" => {
            bed.fill(&inputs);
            measured_region(|| {
                for _ in 0..operations {
                    black_box(black_box(&mut bed.store).next_deadline());
                }
            });
            operations
        }
        unknown => panic!("no probe is called {unknown}"),
    }
}

fn rearm<S: Store>(bed: &mut Bed<S>, inputs: &Inputs, operations: usize) -> usize {
    rearm_fill(bed, inputs);
    let mut fired = 0;
    measured_region(|| {
        while fired < operations {
            rearm_step(bed, inputs, |_, _| fired += 1);
        }
    });
    fired
}

fn fill_and_empty<S: Store>(
    bed: &mut Bed<S>,
    inputs: &Inputs,
    fill: impl Fn(&mut Bed<S>),
    empty: impl Fn(&mut Bed<S>),
) -> usize {
    for _ in 0..inputs.rounds {
        fill(bed);
        empty(bed);
        bed.purge();
    }
    inputs.rounds * inputs.size
}
