//! Runs luacheck on all Lua code: the modules, the tests, the definitions for language servers, the examples, the
//! fuzzer's prelude, the models, the benchmarks.

use super::step::StepResult;
use crate::process;
use crate::project::Project;

pub(super) fn run(project: &Project) -> StepResult {
    const FOLDERS: [&str; 6] = ["benches", "bindings", "docs", "examples", "proptests", "xtask"];
    process::run(project.program("luacheck").arg("--quiet").args(FOLDERS))?;
    Ok(String::new())
}
