//! Windows, as far as Wine is it: what runs there runs here.
//!
//! The tests of the event loop leave what they tell for the column of `cargo xtask conformance`.

use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use crate::project::Project;
use crate::wine::Wine;
use crate::{conformance, process};

/// The packages whose tests run.
const PACKAGES: [&str; 3] = ["cogloop-engine", "cogloop-io", "cogloop"];

pub(super) fn run(project: &Project) -> StepResult {
    let wine = Wine::set_up(project)?;
    let mut all = Tally::default();
    for package in PACKAGES {
        let arguments = ["test", "--quiet", "-p", package, "--lib", "--tests", "--no-fail-fast"];
        // Compiled first, without a limit: the limit is for a test that hangs.
        process::run(wine.cargo(project, &arguments).arg("--no-run"))?;
        let mut cargo = wine.cargo(project, &arguments);
        conformance::listen_to_windows(project, package, &mut cargo);
        let (lines, verdict) = process::watch(&mut cargo, TESTS_LIMIT);
        let tally = Tally::of(&lines);
        verdict.map_err(|message| format!("{package}: {message} ({tally})"))?;
        all.add(&tally);
    }
    all.outcome()
}
