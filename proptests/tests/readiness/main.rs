//! Compares all backends, in random use of real pipes, sockets and files. In each turn all backends must report the
//! same. They must report exactly what `poll` reports for the same descriptors.
//!
//! ```text
//!   seed ──► script ──┬──► a world with uring    ──► trace ─┐
//!                     ├──► a world with epoll    ──► trace ─┼──► equal, and in each turn equal to `poll`
//!                     └──► …                                ┘
//! ```
//!
//! Each seed is a separate script. A failure is shrunk, and names the command that repeats it.

#[path = "../../../io/tests/common/stories.rs"]
mod stories;
mod world;

use cogloop_io::Backend;
use cogloop_io::epoll::Epoll;
use cogloop_io::portable::Portable;
use cogloop_io::select::Select;
use cogloop_io::uring::{Setup, Uring};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::io;
use stories::or_skip;
use world::World;

const SEEDS: u64 = 150;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Pipe,
    Pair,
    Tcp,
    File,
}

/// An operation on an end of a pipe or socket. The number selects the end, modulo the number of ends.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Open(Kind),
    Add(usize, u8),
    Modify(usize, u8),
    Remove(usize),
    Write(usize),
    /// Writes until a write would block.
    Fill(usize),
    /// Reads up to this many bytes.
    Read(usize, usize),
    Shutdown(usize),
    Close(usize),
    CloseWithoutRemoval(usize),
    Turn,
}

fn operation() -> impl Strategy<Value = Operation> {
    let end = || prop_oneof![0..4usize, 0..16usize];
    let kind = prop_oneof![3 => Just(Kind::Pipe), 3 => Just(Kind::Pair), 2 => Just(Kind::Tcp), 1 => Just(Kind::File)];
    let length = prop_oneof![1..4usize, Just(4_000), Just(1_000_000)];
    prop_oneof![
        3 => kind.prop_map(Operation::Open),
        5 => (end(), 0..4u8).prop_map(|(n, bits)| Operation::Add(n, bits)),
        3 => (end(), 0..4u8).prop_map(|(n, bits)| Operation::Modify(n, bits)),
        2 => end().prop_map(Operation::Remove),
        6 => end().prop_map(Operation::Write),
        1 => end().prop_map(Operation::Fill),
        5 => (end(), length).prop_map(|(n, length)| Operation::Read(n, length)),
        1 => end().prop_map(Operation::Shutdown),
        2 => end().prop_map(Operation::Close),
        1 => end().prop_map(Operation::CloseWithoutRemoval),
        6 => Just(Operation::Turn),
    ]
}

/// The backends that this system permits.
fn backends() -> Vec<(&'static str, Box<dyn Backend>)> {
    type Open = fn() -> io::Result<Box<dyn Backend>>;
    let known: [(&str, Open); 7] = [
        ("epoll", || Ok(Box::new(Epoll::new()?))),
        ("epoll, plain waits", || Ok(Box::new(Epoll::with_plain_waits()?))),
        ("select", || Ok(Box::new(Select::new()))),
        ("portable", || Ok(Box::new(Portable::new()?))),
        ("uring", || Ok(Box::new(Uring::new()?))),
        ("uring, older", || Ok(Box::new(Uring::with_rings(64, Setup::Cooperative)?))),
        ("uring, tiny and plain", || Ok(Box::new(Uring::with_rings(1, Setup::Plain)?))),
    ];
    known.into_iter().filter_map(|(name, open)| Some((name, or_skip(name, open())?))).collect()
}

/// Runs the same script in a world for each backend, one after the other.
fn compare(script: &[Operation]) -> Result<usize, String> {
    let mut first = None;
    for (name, backend) in backends() {
        let trace = World::new(backend).run(script).map_err(|problem| format!("on {name}: {problem}"))?;
        let (other, first) = first.get_or_insert_with(|| (name, trace.clone()));
        if let Some(turn) = (0..first.len()).find(|&turn| first[turn] != trace[turn]) {
            return Err(format!("turn {turn}: {:?} on {other}, {:?} on {name}", first[turn], trace[turn]));
        }
    }
    Ok(first.map_or(0, |(_, trace)| trace.iter().map(Vec::len).sum()))
}

fn run(seed: u64) -> usize {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: 1,
        max_shrink_time: 20_000,
        max_shrink_iters: 50_000,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let reported = std::cell::Cell::new(0);
    let outcome = runner.run(&prop::collection::vec(operation(), 1..150), |script| {
        reported.set(compare(&script).map_err(TestCaseError::fail)?);
        Ok(())
    });
    match outcome {
        Ok(()) => reported.get(),
        Err(TestError::Fail(why, script)) => panic!(
            "{why}\n{script:?}\nreplay it by\n\n  COGLOOP_SEED={seed} cargo test -p cogloop-proptests --test readiness\n"
        ),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// The scripts contain the cases of C40, C41, C42, C43, C45 and C46 in random order.
#[test]
fn all_backends_report_what_poll_says() {
    let seeds = match std::env::var("COGLOOP_SEED") {
        Ok(seed) => vec![seed.parse().expect("COGLOOP_SEED is a number")],
        Err(_) => (0..SEEDS).collect(),
    };
    let replay = seeds.len() == 1;
    let reported: usize = seeds.into_iter().map(run).sum();
    assert!(replay || reported > 1_000, "only {reported} reports: too few for a useful test");
}

/// A case that random scripts seldom contain: input came and was taken between two turns.
#[test]
fn input_that_was_taken_before_the_turn() {
    use Operation::{Add, Open, Read, Turn, Write};
    compare(&[Open(Kind::Pair), Add(0, 1), Turn, Write(1), Read(0, 1), Turn]).unwrap();
}
