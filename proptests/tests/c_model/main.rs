//! Compares the library for C with a model. Random programs make calls, from outside and in callbacks, on several loops
//! on virtual time. A handle may be stale, forged or zero, or belong to another loop or thread. The model follows
//! docs/c.md and the header. After each call, both must have returned the same code and outputs, and called the same
//! functions in the same order. Where the header leaves an order open, the model takes the order of the library.
//!
//! `COGLOOP_SEED=N` runs one program; `COGLOOP_SOAK_SECONDS=N` runs programs for N seconds.

mod library;
mod model;
mod program;

use cogloop_proptests::model_test::ModelTest;
use library::Library;
use model::Model;
use program::Program;

const TEST: ModelTest = ModelTest { name: "c_model", programs: 3_000 };

/// Returns the number of events.
fn compare(program: &Program) -> Result<usize, String> {
    let (mut model, library) = (Model::new(program), Library::new(program));
    let mut events = 0;
    for (nth, call) in program.calls.iter().enumerate() {
        // A call that would never end is left out.
        if !model.ends(call) {
            continue;
        }
        let found = library.call(call);
        events += found.len();
        let Ok(expected) = model.call(call, found.iter().copied().collect()) else {
            return Err(format!("call {nth}, {call:?}: the model never ends, but the library has done\n  {found:?}"));
        };
        if expected != found {
            return Err(format!("call {nth}, {call:?}: the model has\n  {expected:?}\nthe library\n  {found:?}"));
        }
    }
    Ok(events)
}

#[test]
fn the_library_does_what_its_header_says() {
    TEST.run(&program::program(), compare);
}
