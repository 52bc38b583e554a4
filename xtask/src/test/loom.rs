//! The waker's protocol under loom, which runs it in every order that threads and memory allow with up to three
//! preemptions; without that bound it does not end.

use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use crate::process;
use crate::project::Project;

pub(super) fn run(project: &Project) -> StepResult {
    let mut cargo = project.cargo(&["test", "--package", "cogloop-io", "--lib", "waker::pending"]);
    // Another folder, because everything is built with the flag: in the same one each step would undo the other's work.
    cargo.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", project.target.join("loom"));
    // Compiling takes a minute and the tests a moment, so they are not optimised.
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
    let (lines, verdict) = process::watch(&mut cargo, TESTS_LIMIT);
    let tally = Tally::of(&lines);
    verdict.map_err(|message| format!("{message} ({tally})"))?;
    tally.outcome()
}
