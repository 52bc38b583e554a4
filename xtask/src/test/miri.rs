//! Runs the engine's tests under Miri, Rust's interpreter, which finds undefined behaviour and leaks.
//!
//! Only nightly compilers have Miri. If none can be installed, the step is skipped, and its note says so.

use std::process::Command;

use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use crate::process;
use crate::project::Project;

pub(super) fn run(project: &Project) -> StepResult {
    if !is_installed(project) {
        let install = ["toolchain", "install", "nightly", "--profile", "minimal", "--component", "miri,rust-src"];
        let installed = process::run(project.program("rustup").args(install));
        if let Err(message) = installed {
            return Ok(format!("skipped: no nightly with Miri can be installed: {message}"));
        }
    }
    let (lines, verdict) = process::watch(miri(project).args(["test", "-p", "cogloop-engine", "--tests"]), TESTS_LIMIT);
    let tally = Tally::of(&lines);
    verdict.map_err(|message| format!("{message} ({tally})"))?;
    tally.outcome()
}

fn is_installed(project: &Project) -> bool {
    // The toolchain may be installed without Miri. Then the error message does not matter.
    miri(project).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// `cargo miri` of the nightly toolchain. The command starts it through rustup, because the cargo that
/// runs this program belongs to another toolchain.
fn miri(project: &Project) -> Command {
    let mut command = project.program("rustup");
    command.args(["run", "nightly", "cargo", "miri"]).env("CARGO_TARGET_DIR", &project.target);
    command
}
