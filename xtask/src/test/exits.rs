//! However a script with 10,000 tasks pending ends, it ends well: over and over, because a fault there shows now and then.

use super::Outcome;
use crate::lua::{self, VERSIONS};
use crate::project::Project;

/// Runs of each way to end on each Lua, when `COGLOOP_EXITS` says nothing else. The whole proof takes 1000.
const RUNS: u32 = 25;

/// What the last callback does, and the exit status after it.
const ENDS: [(&str, i32); 3] = [("os.exit( true, true )", 0), ("error( 'the end' )", 1), ("loop:stop( )", 0)];

pub(super) fn run(project: &Project) -> Outcome {
    let asked = std::env::var("COGLOOP_EXITS").ok().and_then(|runs| runs.parse().ok());
    let runs: u32 = asked.unwrap_or(RUNS);
    for version in VERSIONS {
        let folder = lua::build(project, version)?;
        for (end, expected) in ENDS {
            // Lua 5.1 knows numbers only, and never closes the state.
            let end = if version.name == "5.1" { end.replace("true, true", "0") } else { end.to_owned() };
            let script = format!(
                "local loop = require 't.Loop'( )
                 for i = 1, 10000 do loop:addTask( 1e6 + i, print, {{ }} ) end
                 loop:addHandle( io.stdout, 'w', function( ) end )
                 loop:addTask( 0, function( ) {end} end )
                 loop:run( )"
            );
            for run in 1..=runs {
                let mut command = project.program(version.interpreter);
                let output = command.envs(lua::env(&folder)).args(["-e", &script]).output();
                let output = output.map_err(|error| format!("{}: {error}", version.interpreter))?;
                if output.status.code() != Some(expected) {
                    let said = String::from_utf8_lossy(&output.stderr);
                    return Err(format!("{}, {end}, run {run}: {}, {said}", version.interpreter, output.status));
                }
            }
        }
    }
    Ok(format!("{} runs, each with 10,000 tasks pending", runs as usize * ENDS.len() * VERSIONS.len()))
}
