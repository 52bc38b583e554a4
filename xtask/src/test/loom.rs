//! Tests the waker's protocol under loom, which tries every order of operations that threads and the memory model
//! allow. With a bound of three preemptions it ends in reasonable time.

use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use crate::process;
use crate::project::Project;

pub(super) fn run(project: &Project) -> StepResult {
    let mut cargo = project.cargo(&["test", "--package", "cogloop-io", "--lib", "waker::pending"]);
    // The build has a folder of its own, because the flag applies to every crate. In a common folder, this step and the
    // other steps would rebuild each other's crates.
    cargo.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", project.target.join("loom"));
    // Compiling takes a minute and the tests run briefly, so they are not optimised.
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
    let (lines, verdict) = process::watch(&mut cargo, TESTS_LIMIT);
    let tally = Tally::of(&lines);
    verdict.map_err(|message| format!("{message} ({tally})"))?;
    tally.outcome()
}
