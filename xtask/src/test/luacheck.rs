//! Runs luacheck on all Lua code: the modules, the tests, the definitions for language servers, the examples, the
//! fuzzer's prelude, the models.

use super::step::StepResult;
use crate::process;
use crate::project::Project;

pub(super) fn run(project: &Project) -> StepResult {
    process::run(project.program("luacheck").args(["--quiet", "bindings", "examples", "proptests", "xtask"]))?;
    Ok(String::new())
}
