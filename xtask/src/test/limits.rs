//! Runs scripts that grow until memory runs out (`proptests/faces/load/grow.lua`), with limits of their address space.
//! A refused allocation must be an error that the script catches. It must not end the process by a signal.

use std::time::Duration;

use super::interpreters::Interpreter;
use super::step::StepResult;
use crate::process;
use crate::project::Project;

const SCRIPT: &str = "proptests/faces/load/grow.lua";
const KINDS: &[&str] = &["timers", "coroutines", "tasks", "sockets"];
/// The limits in MB. All fifty limits take some minutes on one Lua. Below the first limit no Lua starts with its
/// libraries.
const LIMITS: std::ops::RangeInclusive<u64> = 150..=500;
const STEPS: u64 = 50;
/// A script that takes longer counts as hanging.
const LIMIT: Duration = Duration::from_secs(900);

/// Runs each Lua with two limits.
pub(super) fn run(project: &Project) -> StepResult {
    let mut runs = 0;
    for interpreter in Interpreter::all(project)? {
        runs += grow(project, &interpreter, [*LIMITS.start(), LIMITS.start() + 30])?;
    }
    Ok(format!("{runs} scripts out of memory, each ended in order"))
}

/// Runs one Lua with all limits.
pub(crate) fn all(project: &Project, interpreter: &Interpreter) -> Result<String, String> {
    let width = (LIMITS.end() - LIMITS.start()) / (STEPS - 1);
    let runs = grow(project, interpreter, (0..STEPS).map(|step| LIMITS.start() + step * width))?;
    Ok(format!("{runs} scripts out of memory, each ended in order"))
}

fn grow(project: &Project, interpreter: &Interpreter, limits: impl IntoIterator<Item = u64>) -> Result<usize, String> {
    let mut runs = 0;
    for megabytes in limits {
        for kind in KINDS {
            let plain = interpreter.command(project, interpreter.backends[runs % interpreter.backends.len()]);
            let mut command = project.program("sh");
            command.args(["-c", &format!("ulimit -v {}; exec \"$0\" \"$@\" 2>&1", megabytes * 1000)]);
            command.arg(plain.get_program()).args([SCRIPT, kind]);
            command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let (lines, status) = process::listen(&mut command, LIMIT)?;
            // If the last `print` of the script also lacks memory, the interpreter prints this error and ends with
            // status 1.
            let is_told = || lines.iter().any(|line| line.contains("not enough memory"));
            match status.and_then(|status| status.code()) {
                Some(0) => {}
                Some(1) if is_told() => {}
                _ => return Err(format!("{}, {kind} within {megabytes} MB: {status:?}", interpreter.name)),
            }
            runs += 1;
        }
    }
    Ok(runs)
}
