//! Tests of the simulation itself. A seed determines a run completely. `cargo xtask simulate` runs many more seeds to
//! test the loop.

use cogloop_proptests::simulation;

/// Every step of a run depends only on the seed, not on the time or an earlier run.
#[test]
fn the_same_seed_gives_the_same_hash() {
    let hashes = || (0..60).map(|seed| simulation::run(seed).hash).collect::<Vec<_>>();
    assert_eq!(hashes(), hashes());
}

/// The number of lines in a kept trace is the number of operations that a run without a trace counts.
#[test]
fn a_trace_has_a_line_for_each_operation() {
    for seed in 0..20 {
        assert_eq!(simulation::trace(seed).len() as u64, simulation::run(seed).operations, "seed {seed}");
    }
}

#[test]
fn no_two_seeds_have_the_same_run() {
    let hashes: std::collections::BTreeSet<_> = (1000..1200).map(|seed| simulation::run(seed).hash).collect();
    assert_eq!(hashes.len(), 200);
}

/// Runs a few hundred seeds. `cargo xtask simulate` runs any number, and shows the shortest run that breaks a promise.
#[test]
fn every_promise_is_kept() {
    for seed in 0..400 {
        drop(simulation::run(seed));
    }
}
