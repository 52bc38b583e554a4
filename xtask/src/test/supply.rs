//! Checks licences, bans and sources of all dependencies with cargo-deny and `deny.toml`.
//!
//! Advisories are not checked: their database changes, so the same commit could pass today and fail tomorrow.

use std::path::PathBuf;

use super::step::StepResult;
use crate::process;
use crate::project::{LUA_MANIFEST, Project};

const VERSION: &str = "0.20.2";

pub(super) fn run(project: &Project) -> StepResult {
    let deny = cargo_deny(project)?;
    for manifest in ["Cargo.toml", LUA_MANIFEST] {
        let mut command = project.program(&deny);
        command.args(["--manifest-path", manifest, "--config", "deny.toml", "check", "bans", "licenses", "sources"]);
        process::run(&mut command)?;
    }
    Ok(String::new())
}

/// The path of cargo-deny below the target directory, always in this version. It is built once, which takes about a
/// minute.
fn cargo_deny(project: &Project) -> Result<PathBuf, String> {
    let tools = project.target.join("tools");
    let deny = tools.join("bin/cargo-deny");
    if !deny.is_file() {
        println!("building cargo-deny {VERSION}, once, into {}", tools.display());
        let mut cargo =
            project.cargo(&["install", "--quiet", "--locked", "--debug", "cargo-deny", "--version", VERSION]);
        // It runs only for seconds, so a fast build matters more than optimised code.
        cargo
            .arg("--root")
            .arg(&tools)
            .env("CARGO_TARGET_DIR", tools.join("build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        process::run(&mut cargo)?;
        // Hundreds of megabytes that are no longer needed. An error does no harm.
        let _ = std::fs::remove_dir_all(tools.join("build"));
    }
    Ok(deny)
}
