//! Runs the event loop in simulated worlds, one for each seed, in the profile of the tests, which detects overflow.

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

/// The program `simulate`, without arguments. It is built for the whole workspace, so that crates which other steps
/// have built are reused.
pub(crate) fn command(project: &Project) -> Result<Command, String> {
    let built = built::build(&mut project.cargo(&["build", "--workspace", "--example", "simulate"]))?;
    Ok(project.program(built::program(&built, "simulate")?))
}
