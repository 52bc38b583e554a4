//! The crate `cogloop` under a model: random programs on a simulated loop, callbacks and futures together – spawned, dropped
//! at any point, timed out, raced, with `with`, remotes, channels, limits, errors and panics –, each beside what
//! docs/rust.md says of it. After each operation both have written down the same, and the audit finds the loop sound.
//!
//! ```text
//!   seed ──► program ──┬──► Model   plain lists       ──► what happened, and when ─┐
//!                      └──► Real    the crate itself  ──► what happened, and when ─┴─► equal, operation by operation
//! ```
//!
//! `COGLOOP_SEED=N` runs one program; `COGLOOP_SOAK_SECONDS=N` as many as there is time for.

mod model;
mod program;
mod world;

use model::Model;
use program::{Entry, Program};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::time::{Duration, Instant};
use world::Real;

const PROGRAMS: u64 = 1_500;

impl Program {
    /// In the place of a task's number: the future of `block_on`.
    pub(crate) const ROOT: usize = usize::MAX;
}

/// How much happened.
fn compare(program: &Program) -> Result<usize, String> {
    let (mut model, mut real) = (Model::new(&program.limits), Real::new(&program.limits));
    let mut happened = 0;
    for (nth, operation) in program.operations.iter().enumerate() {
        let mut tried = model.clone();
        // What would never end is left out.
        if tried.operate(operation).is_none() {
            continue;
        }
        model = tried;
        real.operate(operation);
        let (expected, found) = (model.news(), real.news());
        happened += found.len();
        difference(&expected, &found).map_err(|what| format!("operation {nth}, {operation:?}:\n{what}"))?;
    }
    Ok(happened)
}

fn difference(expected: &[Entry], found: &[Entry]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let same = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let show = |log: &[Entry]| log.get(same).map_or("nothing more".to_owned(), |entry| format!("{entry:?}"));
    Err(format!("after {same} that agree the model has {}, the crate {}", show(expected), show(found)))
}

fn run(seed: u64) -> usize {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let happened = std::cell::Cell::new(0);
    let outcome = runner.run(&program::program(), |program| {
        happened.set(compare(&program).map_err(TestCaseError::fail)?);
        Ok(())
    });
    match outcome {
        Ok(()) => happened.get(),
        Err(TestError::Fail(why, program)) => panic!(
            "{why}\n{program:#?}\nreplay it by\n\n  COGLOOP_SEED={seed} cargo test -p cogloop-proptests --test rust_model\n"
        ),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[test]
fn the_crate_does_what_its_documentation_says() {
    let soak = number("COGLOOP_SOAK_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = number("COGLOOP_SEED");
    let (first, programs) = match (seed, soak) {
        (Some(seed), None) => (seed, 1),
        (seed, Some(_)) => (seed.unwrap_or(0), u64::MAX),
        (None, None) => (0, PROGRAMS),
    };
    let (mut ran, mut happened) = (0, 0);
    while ran < programs && soak.is_none_or(|end| Instant::now() < end) {
        happened += run(first.wrapping_add(ran));
        ran += 1;
    }
    println!("{ran} programs, {happened} operations");
    assert!(ran < 100 || happened as u64 > 10 * ran, "{happened} events in {ran} programs show little");
}
