//! Packs the published crates for a registry: each package must contain all files, with the licences and the README,
//! and every dependency must have a version.
//!
//! The packages are not compiled here; `cargo package` without this step's options does that.

use super::step::StepResult;
use crate::process;
use crate::project::{PUBLISHED, Project};

const PACKED: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

pub(super) fn run(project: &Project) -> StepResult {
    for package in PUBLISHED {
        let arguments = ["package", "--quiet", "--list", "--allow-dirty", "--offline", "-p", package];
        let list = process::capture(&mut project.cargo(&arguments))?;
        if let Some(missing) = PACKED.iter().find(|name| !list.lines().any(|line| line == **name)) {
            return Err(format!("the package of {package} lacks {missing}"));
        }
    }
    let mut cargo = project.cargo(&["package", "--quiet", "--no-verify", "--allow-dirty", "--offline"]);
    cargo.args(PUBLISHED.iter().flat_map(|package| ["-p", package]));
    process::run(&mut cargo)?;
    Ok(PUBLISHED.join(", "))
}
