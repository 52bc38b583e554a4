//! Loads the modules that were built for one Lua into each other Lua. The result must be a clear error and not a crash.

use super::step::StepResult;
use crate::lua::{self, VERSIONS};
use crate::project::Project;

pub(super) fn run(project: &Project) -> StepResult {
    let mut pairs = 0;
    for built in VERSIONS {
        let folder = lua::build(project, built)?;
        for other in VERSIONS.iter().filter(|other| other.name != built.name) {
            let mut command = project.program(other.interpreter);
            command.envs(lua::env(&folder)).args(["-e", "require 't.Loop'"]);
            let output = command.output().map_err(|error| format!("{}: {error}", other.interpreter))?;
            let said = String::from_utf8_lossy(&output.stderr);
            if output.status.code() != Some(1) || !said.contains("Cogloop is not built for this Lua") {
                let status = output.status;
                return Err(format!("{} with the modules for {}: {status}, {said}", other.interpreter, built.name));
            }
            pairs += 1;
        }
    }
    Ok(format!("{pairs} pairs"))
}
