//! The event loop in simulated worlds: so many seeds, in the profile of the tests, which notices an overflow.

use std::process::Command;

use super::summary::Tally;
use super::{Outcome, TESTS_LIMIT};
use crate::process;
use crate::project::Project;

const SEEDS: &str = "10000";

pub(super) fn run(project: &Project) -> Outcome {
    let (lines, verdict) = process::watch(command(project).args(["--seeds", SEEDS]), TESTS_LIMIT);
    verdict.map_err(|message| format!("{message} ({})", Tally::of(&lines)))?;
    Tally::of(&lines).outcome()
}

/// `simulate`, still without arguments.
pub(crate) fn command(project: &Project) -> Command {
    project.cargo(&["run", "--quiet", "-p", "cogloop-proptests", "--example", "simulate", "--"])
}
