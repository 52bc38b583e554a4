//! A step of `cargo xtask test`, and what it comes to.

use std::time::Duration;

use crate::project::Project;

/// What a step has to say in the summary when all is well, or what is wrong.
pub(super) type Outcome = Result<String, String>;

/// One step of a run.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&Project) -> Outcome,
}

/// For a step that runs tests: far above what it takes, so that a hang becomes a failure.
pub(super) const TESTS_LIMIT: Duration = Duration::from_secs(20 * 60);
