//! The crates that are there for others to depend on can be packed for a registry: every file is in, every dependency has a
//! version.
//!
//! They are not compiled once more from their packages: `cargo package` without this step's options does that.

use super::Outcome;
use crate::process;
use crate::project::Project;

const PUBLISHED: &[&str] = &["cogloop-engine", "cogloop-io", "cogloop"];

pub(super) fn run(project: &Project) -> Outcome {
    let mut cargo = project.cargo(&["package", "--quiet", "--no-verify", "--allow-dirty", "--offline"]);
    cargo.args(PUBLISHED.iter().flat_map(|package| ["-p", package]));
    process::run(&mut cargo)?;
    Ok(PUBLISHED.join(", "))
}
