//! Faults of the interpreters themselves. Each fault that occurs every time has a script here, which shows the fault
//! without any Cogloop module.
//!
//! `prelude.lua` keeps the fuzzer's programs from triggering these faults. On LuaJIT it catches the errors of
//! finalizers. On Lua 5.1 the finalizers of a program do nothing while the state is closed, because stock 5.1 sometimes
//! crashes then: it crashed in 5 of 101 runs of a program. This crash does not happen each time, so no script here
//! shows it. On 5.2 the prelude never switches to the generational mode, which crashes with finalizers that collect.
//! Seed 183 of the step `border` shows that crash, with empty tables instead of the modules. Whether the crash happens
//! depends on addresses.

use crate::project::Project;

/// A fault of an interpreter that occurs each time: the script ends by a signal, or fails.
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

/// Runs each script, and returns the faults that no longer occur. The prelude need not avoid these faults any more.
pub(crate) fn check(project: &Project) -> Result<Vec<String>, String> {
    let mut mended = Vec::new();
    for fault in FAULTS {
        let mut command = project.program(fault.interpreter);
        let output =
            command.args(["-e", fault.script]).output().map_err(|error| format!("{}: {error}", fault.interpreter))?;
        if output.status.success() {
            mended.push(format!("{}: {} no longer occurs", fault.interpreter, fault.name));
        }
    }
    Ok(mended)
}
