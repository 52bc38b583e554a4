//! Runs the engine's tests under Miri, Rust's interpreter, which finds undefined behaviour and leaks.
//!
//! The engine has no unsafe code, so Miri can find undefined behaviour only in the collections of the standard library
//! that the engine uses. A few timers in each test are enough for that. Miri is a thousand times slower than the
//! compiled tests: long loops have fewer rounds under it (`cfg!(miri)`), and the longest tests are left out.
//!
//! Only nightly compilers have Miri. If none can be installed, the step is skipped, and its note says so.

use std::process::Command;

use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use crate::process;
use crate::project::Project;

/// Tests with more than a thousand timers, one that audits the wheel after each of 150,000 calls, and one that copies
/// the scheduler before each call. The functions that these tests call are also called by the tests of the listing and
/// of the sorter, with fewer timers.
const LONG: &[&str] = &[
    "a_crowd_",
    "a_crowded_far_slot",
    "an_annex_that_is_emptied",
    "slices_and_annexes_pass_the_near_list",
    "the_quick_way_does_what_the_whole_way_does",
];

pub(super) fn run(project: &Project) -> StepResult {
    if !is_installed(project) {
        let install = ["toolchain", "install", "nightly", "--profile", "minimal", "--component", "miri,rust-src"];
        let installed = process::run(project.program("rustup").args(install));
        if let Err(message) = installed {
            return Ok(format!("skipped: no nightly with Miri can be installed: {message}"));
        }
    }
    let mut tests = miri(project);
    tests.args(["test", "-p", "cogloop-engine", "--tests", "--"]).args(LONG.iter().flat_map(|name| ["--skip", name]));
    let (lines, verdict) = process::watch(&mut tests, TESTS_LIMIT);
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
