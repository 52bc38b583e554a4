//! Runs random programs on the Lua modules and on their models (`proptests/faces/lua`), on each Lua.

use std::process::Command;
use std::time::Duration;

use crate::project::Project;
use crate::test::interpreters::Interpreter;
use crate::{lua, process};

const SCRIPT: &str = "proptests/faces/lua/faces.lua";

/// The number of programs that each Lua runs in the tests.
const PROGRAMS: &str = "300";

/// The number of programs if only one Lua runs them.
const PROGRAMS_ON_ONE: &str = "400";

/// The number of programs that each Lua records and replays.
const RECORDED: &str = "40";

/// The seed of the tests: the same programs each time.
const SEED: u64 = 1;

/// The time limit for the programs of the tests on one Lua: far more than they need.
const LIMIT: Duration = Duration::from_secs(900);

/// The number of programs and operations that were compared.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Compared {
    programs: u64,
    operations: u64,
}

impl Compared {
    /// Parses the last line of output, `3 programs, 120 operations`.
    pub(crate) fn of(line: &str) -> Option<Self> {
        let (programs, rest) = line.split_once(" programs, ")?;
        let operations = rest.strip_suffix(" operations")?;
        Some(Self { programs: programs.parse().ok()?, operations: operations.parse().ok()? })
    }
}

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, more: Self) {
        self.programs += more.programs;
        self.operations += more.operations;
    }
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} programs, {} operations, no difference", self.programs, self.operations)
    }
}

/// Runs a fixed number of programs on each Lua, on each of its backends.
pub(crate) fn test(project: &Project) -> Result<String, String> {
    let mut sum = Compared::default();
    for interpreter in Interpreter::all(project)? {
        for backend in interpreter.backends {
            println!("--- {} on {backend}", interpreter.name);
            let mut command = command(project, &interpreter, backend, SEED);
            sum += run(command.arg(PROGRAMS), LIMIT)?;
        }
        println!("--- {}, recorded and replayed", interpreter.name);
        let mut command = command(project, &interpreter, interpreter.backends[0], SEED);
        sum += run(command.arg(RECORDED).env("COGLOOP_REPLAY", "1"), LIMIT)?;
    }
    Ok(sum.to_string())
}

/// The command that runs the programs of the tests on one stock interpreter, on the default backend of Linux.
pub(crate) fn on_stock_lua(project: &Project, version: &lua::Version) -> Result<Command, String> {
    let interpreter = Interpreter::stock(project, version)?;
    let mut command = command(project, &interpreter, interpreter.backends[0], SEED);
    command.arg(PROGRAMS_ON_ONE);
    Ok(command)
}

/// Runs programs until the time has passed.
pub(crate) fn soak(
    project: &Project,
    interpreter: &Interpreter,
    time: Duration,
    seed: u64,
) -> Result<Compared, String> {
    let seconds = time.as_secs().max(1);
    let mut command = command(project, interpreter, interpreter.backends[0], seed);
    command.env("COGLOOP_SOAK_SECONDS", seconds.to_string());
    run(&mut command, time.saturating_add(LIMIT))
}

fn command(project: &Project, interpreter: &Interpreter, backend: &str, seed: u64) -> Command {
    let mut command = interpreter.command(project, backend);
    command.arg(project.root.join(SCRIPT)).env("COGLOOP_SEED", seed.to_string());
    command
}

/// Runs a command that compares the modules with their models. The command prints a difference to its standard output,
/// with a script that reproduces the difference.
fn run(command: &mut Command, limit: Duration) -> Result<Compared, String> {
    let (lines, verdict) = process::watch(command, limit);
    verdict?;
    let compared = lines.last().and_then(|line| Compared::of(line));
    compared.filter(|compared| compared.operations > 0).ok_or_else(|| "no operation was compared".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_closing_line_is_understood() {
        assert_eq!(Compared::of("3 programs, 120 operations"), Some(Compared { programs: 3, operations: 120 }));
        for line in ["", "3 programs", "seed 3: the module and the model differ", "x programs, 1 operations"] {
            assert_eq!(Compared::of(line), None, "{line}");
        }
    }
}
