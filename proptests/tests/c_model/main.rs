//! The library for C under a model: random programs of calls, from outside and in callbacks, on several loops whose time is
//! virtual, with handles that are stale, forged, zero, another loop's or another thread's, each beside what docs/c.md and the
//! header say. After each call both have returned the same code, the same outputs, and called back the same, in order.
//!
//! `COGLOOP_SEED=N` runs one program; `COGLOOP_SOAK_SECONDS=N` as many as there is time for.

mod library;
mod model;
mod program;

use cogloop_proptests::model_test::ModelTest;
use library::Library;
use model::Model;
use program::Program;

const TEST: ModelTest = ModelTest { name: "c_model", programs: 3_000 };

/// The number of events.
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
            return Err(format!(
                "call {nth}, {call:?}: the model does not end where the library has done\n  {found:?}"
            ));
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
