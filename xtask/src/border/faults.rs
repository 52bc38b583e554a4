//! Faults of the interpreters themselves, each shown by a script without any of our modules.
//!
//! The prelude keeps programs from them: on LuaJIT a finalizer's error is caught; on Lua 5.1 no finalizer of a program
//! acts while the state is closed, since stock 5.1 crashes there now and then (5 of 101 runs of one that did; it does not
//! come each time, so no script shows it here); on 5.2 nothing switches the generational mode on, which crashes with finalizers
//! that collect (seed 183 of the step `border`, with empty tables in place of the modules; it depends on addresses).

use crate::project::Project;

/// What an interpreter does wrong each time: the script ends by a signal, or fails.
struct Fault {
    name: &'static str,
    script: &'static str,
    interpreter: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault { name: "a finalizer raises", script: include_str!("faults/finalizer_raises.lua"), interpreter: "luajit" },
    Fault {
        name: "a finalizer is lost where the C stack is full",
        script: include_str!("faults/finalizer_lost.lua"),
        interpreter: "lua5.4",
    },
];

/// Runs each, and says what is no fault any more: then the programs may do it.
pub(crate) fn check(project: &Project) -> Result<Vec<String>, String> {
    let mut mended = Vec::new();
    for fault in FAULTS {
        let mut command = project.program(fault.interpreter);
        let output =
            command.args(["-e", fault.script]).output().map_err(|error| format!("{}: {error}", fault.interpreter))?;
        if output.status.success() {
            mended.push(format!("{}: {} is no fault any more", fault.interpreter, fault.name));
        }
    }
    Ok(mended)
}
