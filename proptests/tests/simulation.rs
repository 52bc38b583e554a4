//! The simulation itself: that a seed says all there is to know. What it finds about the loop, `cargo xtask simulate` asks
//! of many more seeds.

use cogloop_proptests::simulation;

/// Every step of a run follows from the seed: nothing from the machine, from time, or from the run before.
#[test]
fn the_same_seed_gives_the_same_hash() {
    let hashes = || (0..60).map(|seed| simulation::run(seed).hash).collect::<Vec<_>>();
    assert_eq!(hashes(), hashes());
}

/// The trace that is shown is the run that was made: with it the hash is the same, and it has the operations that were
/// counted.
#[test]
fn a_trace_has_a_line_for_each_operation() {
    for seed in 0..20 {
        assert_eq!(simulation::trace(seed).len() as u64, simulation::run(seed).operations, "seed {seed}");
    }
}

#[test]
fn no_two_seeds_live_the_same_life() {
    let hashes: std::collections::BTreeSet<_> = (1000..1200).map(|seed| simulation::run(seed).hash).collect();
    assert_eq!(hashes.len(), 200);
}

/// A few hundred lives. `cargo xtask simulate` lives as many as one likes, and shows the shortest that breaks a promise.
#[test]
fn every_promise_is_kept() {
    for seed in 0..400 {
        drop(simulation::run(seed));
    }
}
