//! Single operations for callgrind, which counts only the instructions inside of `measured_region`.

use std::hint::black_box;

use super::basic::{pass_by_deadline, pass_in_steps};
use super::inputs::{Inputs, REARM_SPAN_NEAR, Scale};
use super::steady::{churn_pairs, rearm_fill, rearm_step, restart_all};
use super::testbed::Testbed;
use crate::store::Store;

pub(crate) const TIMERS: usize = 1_000;
/// The operations, each with its name as an option and its description.
pub(crate) const PROBES: [(&str, &str); 9] = [
    ("insert", "insert"),
    ("cancel", "cancel"),
    ("churn", "cancel + insert"),
    ("restart", "restart"),
    ("rearm", "fire + re-arm"),
    ("rearm-near", "the same, near"),
    ("expire", "expire, 1000 steps"),
    ("expire-by-deadline", "expire by deadline"),
    ("next", "next deadline"),
];

/// The name of the function in which callgrind counts.
pub(crate) const REGION: &str = "measured_region";

#[inline(never)]
fn measured_region<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}

/// Repeats an operation about `operations` times. Returns the exact number.
pub(crate) fn run<S: Store>(probe: &str, operations: usize) -> usize {
    let scale = Scale { churn_pairs: operations, fires: operations as u64, round_operations: operations };
    let inputs = Inputs::new(TIMERS, 1, &scale);
    let mut testbed = Testbed::<S>::scrambled(&inputs, 0.0);
    match probe {
        "insert" => fill_and_empty(
            &mut testbed,
            &inputs,
            |testbed| measured_region(|| testbed.fill(&inputs)),
            |testbed| testbed.cancel_all(&inputs),
        ),
        "cancel" => fill_and_empty(
            &mut testbed,
            &inputs,
            |testbed| testbed.fill(&inputs),
            |testbed| measured_region(|| testbed.cancel_all(&inputs)),
        ),
        "churn" => {
            testbed.fill(&inputs);
            measured_region(|| churn_pairs(&mut testbed, &inputs.churn));
            operations
        }
        "restart" => {
            testbed.fill(&inputs);
            measured_region(|| restart_all(&mut testbed, &inputs.churn));
            operations
        }
        "rearm" => rearm(&mut testbed, &inputs, operations),
        "rearm-near" => rearm(&mut testbed, &inputs.with_rearm_span(REARM_SPAN_NEAR), operations),
        "expire" => {
            for _ in 0..inputs.rounds {
                testbed.fill(&inputs);
                measured_region(|| pass_in_steps(&mut testbed, |_, _| ()));
            }
            inputs.rounds * inputs.size
        }
        "expire-by-deadline" => {
            for _ in 0..inputs.rounds {
                testbed.fill(&inputs);
                measured_region(|| pass_by_deadline(&mut testbed, |_, _| ()));
            }
            inputs.rounds * inputs.size
        }
        "next" => {
            testbed.fill(&inputs);
            measured_region(|| {
                for _ in 0..operations {
                    black_box(black_box(&mut testbed.store).next_deadline());
                }
            });
            operations
        }
        unknown => panic!("no probe is called {unknown}"),
    }
}

fn rearm<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs, operations: usize) -> usize {
    rearm_fill(testbed, inputs);
    let mut fired = 0;
    measured_region(|| {
        while fired < operations {
            rearm_step(testbed, inputs, |_, _| fired += 1);
        }
    });
    fired
}

fn fill_and_empty<S: Store>(
    testbed: &mut Testbed<S>,
    inputs: &Inputs,
    fill: impl Fn(&mut Testbed<S>),
    empty: impl Fn(&mut Testbed<S>),
) -> usize {
    for _ in 0..inputs.rounds {
        fill(testbed);
        empty(testbed);
        testbed.purge();
    }
    inputs.rounds * inputs.size
}
