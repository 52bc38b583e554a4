//! Runs the Lua suite on a stock interpreter under valgrind, which finds leaks and accesses to freed or uninitialised
//! memory.

use super::lua_suite::{LIMIT, files};
use super::step::StepResult;
use super::summary::Tally;
use crate::project::Project;
use crate::{lua, process};

/// The command before the interpreter's command. Memory that is still reachable at exit belongs to Lua and libc, and is
/// not reported.
pub(crate) const VALGRIND: &[&str] =
    &["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"];

pub(super) fn run(project: &Project) -> StepResult {
    let version = lua::find("5.4")?;
    let folder = lua::build(project, version)?;
    let mut total = Tally::default();
    for file in files(project)? {
        println!("{}", file.file_name().unwrap_or_default().to_string_lossy());
        let mut command = project.program("valgrind");
        command.args(VALGRIND);
        command.arg(version.interpreter).arg(&file).envs(lua::env(&folder));
        command.env("COGLOOP_TESTS", "short");
        // Valgrind knows the system calls of `select`. The Lua code is the same for all backends.
        command.env("COGLOOP_BACKEND", "select");
        let (lines, verdict) = process::watch(&mut command, 5 * LIMIT);
        verdict?;
        total.add(&Tally::of(&lines));
    }
    total.outcome()
}
