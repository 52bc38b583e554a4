//! The library for C under a model: random programs of calls, from outside and in callbacks, on several loops whose time is
//! virtual, with handles that are stale, forged, zero or another loop's, each beside what docs/c.md and the header say.
//! After each call both have returned the same code, the same outputs, and called back the same, in order.
//!
//! `COGLOOP_SEED=N` runs one program; `COGLOOP_SOAK_SECONDS=N` as many as there is time for.

mod library;
mod model;
mod program;
mod share;

use library::Library;
use model::Model;
use program::{Program, What};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const PROGRAMS: u64 = 3_000;

/// Far more than a program takes, with all that is tried to make it small.
const LIMIT: Duration = Duration::from_secs(20);

/// Ends the process when the library does not come back from a call: nothing else could.
fn watch_over(seed: u64, done: &std::sync::mpsc::Receiver<()>) {
    if done.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        println!("the program of COGLOOP_SEED={seed} does not end: the library waits where the model does not");
        std::process::abort();
    }
}

/// How much happened.
fn compare(program: &Program) -> Result<usize, String> {
    let (mut model, library) = (Model::new(program), Library::new(program));
    let mut happened = 0;
    for (nth, call) in program.calls.iter().enumerate() {
        // What would never end is left out.
        if model.clone().call(call, VecDeque::new()).is_err() {
            continue;
        }
        let found = library.call(call);
        happened += found.len();
        let served = found.iter().filter_map(|what| if let What::Ready { pipe } = *what { Some(pipe) } else { None });
        let Ok(expected) = model.call(call, served.collect()) else {
            return Err(format!(
                "call {nth}, {call:?}: the model does not end where the library has served\n  {found:?}"
            ));
        };
        if expected != found {
            return Err(format!("call {nth}, {call:?}: the model has\n  {expected:?}\nthe library\n  {found:?}"));
        }
    }
    Ok(happened)
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
            "{why}\n{program:?}\nreplay it by\n\n  COGLOOP_SEED={seed} cargo test -p cogloop-proptests --test c_model\n"
        ),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[test]
fn the_library_does_what_its_header_says() {
    let soak = number("COGLOOP_SOAK_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = number("COGLOOP_SEED");
    let (first, programs) = match (seed, soak) {
        (Some(seed), None) => (seed, 1),
        (seed, Some(_)) => (seed.unwrap_or(0), u64::MAX),
        (None, None) => (0, PROGRAMS),
    };
    let (mut ran, mut happened) = (0, 0);
    while ran < programs && soak.is_none_or(|end| Instant::now() < end) {
        let seed = first.wrapping_add(ran);
        let (done, is_done) = std::sync::mpsc::channel();
        let watch = std::thread::spawn(move || watch_over(seed, &is_done));
        happened += run(seed);
        drop(done);
        watch.join().unwrap();
        ran += 1;
    }
    println!("{ran} programs, {happened} operations");
    assert!(ran < 100 || happened as u64 > 10 * ran, "{happened} events in {ran} programs show little");
}
