//! Compares the crate `cogloop` with a model. Random programs run on a simulated loop, with callbacks and futures
//! together. Futures are spawned, dropped at any point, timed out and raced. The programs also use `with`, remotes,
//! channels, limits, errors and panics. The model follows docs/rust.md. After each operation both must have logged the
//! same events, and the audit must pass. The loop chooses two orders. One is the order of idle callbacks, which the
//! model follows. The other is the order in which `clear` drops tasks, which is not compared.
//!
//! ```text
//!   seed ──► program ──┬──► Model           plain lists       ──► events with times ─┐
//!                      └──► LoopUnderTest   the crate itself  ──► events with times ─┴─► equal, after each operation
//! ```
//!
//! `COGLOOP_SEED=N` runs one program; `COGLOOP_SOAK_SECONDS=N` runs programs for N seconds.

mod model;
mod program;
mod watched;
mod world;

use cogloop_proptests::model_test::ModelTest;
use model::Model;
use program::{Event, LogEntry, Program};
use std::collections::VecDeque;
use world::LoopUnderTest;

const TEST: ModelTest = ModelTest { name: "rust_model", programs: 1_500 };

impl Program {
    /// Names the future of `block_on`, in place of a task's number.
    pub(crate) const ROOT: usize = usize::MAX;
}

/// Returns the number of events.
fn compare(program: &Program) -> Result<usize, String> {
    let (mut model, mut real) = (Model::new(&program.limits), LoopUnderTest::new(&program.limits));
    let mut events = 0;
    for (nth, operation) in program.operations.iter().enumerate() {
        let mut tried = model.clone();
        // An operation that would never end is left out.
        if tried.apply(operation, VecDeque::new()).is_none() {
            continue;
        }
        real.apply(operation);
        let (mut expected, found) = (tried.take_log(), real.take_log());
        let idled =
            found.iter().filter_map(|(_, event)| if let Event::Idled { idle } = *event { Some(idle) } else { None });
        let idled: VecDeque<usize> = idled.collect();
        if expected != found && !idled.is_empty() {
            tried = model.clone();
            tried.apply(operation, idled).ok_or("the model never ends in the crate's order of idle callbacks")?;
            expected = tried.take_log();
        }
        model = tried;
        events += found.len();
        difference(&expected, &found).map_err(|what| format!("operation {nth}, {operation:?}:\n{what}"))?;
    }
    Ok(events)
}

fn difference(expected: &[LogEntry], found: &[LogEntry]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let same = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let show = |log: &[LogEntry]| log.get(same).map_or("nothing more".to_owned(), |entry| format!("{entry:?}"));
    Err(format!("after {same} that agree the model has {}, the crate {}", show(expected), show(found)))
}

#[test]
fn the_crate_does_what_its_documentation_says() {
    TEST.run(&program::program(), compare);
}
