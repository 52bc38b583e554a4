//! A step of `cargo xtask test`, and its result.

use std::time::Duration;

use crate::project::Project;

/// The note for the summary, or the error.
pub(super) type StepResult = Result<String, String>;

/// The text before the message in the output of a failed step.
pub(super) const FAILED: &str = "\nfailed: ";

/// One step of a run.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&Project) -> StepResult,
}

/// The time limit of a step that runs tests: far more than a step needs. A test that hangs becomes a failure.
pub(super) const TESTS_LIMIT: Duration = Duration::from_secs(20 * 60);
