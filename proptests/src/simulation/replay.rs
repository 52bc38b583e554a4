//! The run of one seed: its result, its trace, and the promise that it breaks.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dice::{Dice, Step};
use super::episodes::Run;
use super::trace::Trace;

/// The result of a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunSummary {
    /// The hash of the trace: the same for the same seed on every 64-bit machine.
    pub hash: u64,
    /// The number of lines in the trace: turns, reports, served timers and descriptors, and actions of the user.
    pub operations: u64,
}

/// Runs one seed.
///
/// # Panics
/// If a promise is broken.
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

/// A run that may have broken a promise.
pub(super) struct Replay {
    pub(super) lines: Vec<String>,
    pub(super) taken: Vec<Step>,
    /// A description of the broken promise.
    pub(super) broken: Option<String>,
}

pub(super) fn replay(seed: u64, left_out: BTreeSet<Step>) -> Replay {
    let mut run = Run::new(Dice::new(seed, left_out), Trace::new(true));
    let lived = catch_unwind(AssertUnwindSafe(|| run.live()));
    // No borrow of the world is left: each borrow ends with the call that made it, also if the call panics.
    let mut world = run.world.borrow_mut();
    let broken = lived.err().map(|said| words(said.as_ref()));
    Replay { lines: world.trace.take_lines(), taken: world.dice.taken().to_vec(), broken }
}

/// The message of a panic.
fn words(said: &(dyn Any + Send)) -> String {
    let words = said.downcast_ref::<String>().cloned();
    words.or_else(|| said.downcast_ref::<&str>().map(|said| (*said).to_owned())).unwrap_or_default()
}

/// The whole trace of a seed, or the trace up to the broken promise.
#[must_use]
pub fn trace(seed: u64) -> Vec<String> {
    replay(seed, BTreeSet::new()).lines
}
