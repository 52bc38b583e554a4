//! Runs the event loop in simulated worlds, one for each seed. The program is compiled with the same cargo profile as
//! the tests, in which an arithmetic overflow is an error.

use std::process::Command;

use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use crate::project::Project;
use crate::{built, process};

const SEEDS: &str = "10000";

pub(super) fn run(project: &Project) -> StepResult {
    let (lines, verdict) = process::watch(command(project)?.args(["--seeds", SEEDS]), TESTS_LIMIT);
    verdict.map_err(|message| format!("{message} ({})", Tally::of(&lines)))?;
    Tally::of(&lines).outcome()
}

/// Builds the program `simulate`. Returns the command that runs it, without arguments. The build names the whole
/// workspace, because cargo can then reuse the crates that other steps have built.
pub(crate) fn command(project: &Project) -> Result<Command, String> {
    let built = built::build(&mut project.cargo(&["build", "--workspace", "--example", "simulate"]))?;
    Ok(project.program(built::program(&built, "simulate")?))
}
