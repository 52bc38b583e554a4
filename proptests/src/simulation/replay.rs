//! The run of one seed: what it has done, its trace, and the promise that it breaks.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dice::{Dice, Step};
use super::episodes::Run;
use super::trace::Trace;

/// What a run has done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunSummary {
    /// Of the trace: the same for the same seed, on every machine of 64 bits.
    pub hash: u64,
    /// Lines of the trace: turns, what was reported and served, what the user did.
    pub operations: u64,
}

/// Runs one seed.
///
/// # Panics
/// When a promise is broken.
#[must_use]
pub fn run(seed: u64) -> RunSummary {
    let mut run = Run::new(Dice::new(seed, BTreeSet::new()), Trace::new(false));
    run.live();
    let world = run.world.borrow();
    RunSummary { hash: world.trace.hash(), operations: world.operations }
}

/// Whether a seed's run breaks a promise.
#[must_use]
pub fn breaks_a_promise(seed: u64) -> bool {
    catch_unwind(|| run(seed)).is_err()
}

/// A run, also one that breaks a promise.
pub(super) struct Replay {
    pub(super) lines: Vec<String>,
    pub(super) taken: Vec<Step>,
    /// The promise that it breaks, in words.
    pub(super) broken: Option<String>,
}

pub(super) fn replay(seed: u64, left_out: BTreeSet<Step>) -> Replay {
    let mut run = Run::new(Dice::new(seed, left_out), Trace::new(true));
    let lived = catch_unwind(AssertUnwindSafe(|| run.live()));
    // The loop borrows the world only while it is called.
    let mut world = run.world.borrow_mut();
    let broken = lived.err().map(|said| words(said.as_ref()));
    Replay { lines: world.trace.take_lines(), taken: world.dice.taken().to_vec(), broken }
}

/// What a panic said.
fn words(said: &(dyn Any + Send)) -> String {
    let words = said.downcast_ref::<String>().cloned();
    words.or_else(|| said.downcast_ref::<&str>().map(|said| (*said).to_owned())).unwrap_or_default()
}

/// The whole trace of a seed, up to the broken promise if there is one.
#[must_use]
pub fn trace(seed: u64) -> Vec<String> {
    replay(seed, BTreeSet::new()).lines
}
