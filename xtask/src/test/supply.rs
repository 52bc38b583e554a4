//! Checks licences, bans and sources of all dependencies with cargo-deny and `deny.toml`.
//!
//! The step does not check advisories: their database changes, so the same commit could pass today and fail tomorrow.

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

/// The path of cargo-deny in a fixed version. It is built once for all clones, which takes about a minute.
fn cargo_deny(project: &Project) -> Result<PathBuf, String> {
    let tools = cargo_home()?.join("cogloop-tools").join(VERSION);
    let deny = tools.join("bin/cargo-deny");
    if !deny.is_file() {
        println!("building cargo-deny {VERSION}, once, into {}", tools.display());
        let mut cargo =
            project.cargo(&["install", "--quiet", "--locked", "--debug", "cargo-deny", "--version", VERSION]);
        // The build is below the target directory. It has hundreds of megabytes, which are removed afterwards.
        let build = project.target.join("cargo-deny");
        // cargo-deny runs only for seconds, so a fast build matters more than optimised code.
        cargo.arg("--root").arg(&tools).env("CARGO_TARGET_DIR", &build).env("CARGO_PROFILE_DEV_DEBUG", "0");
        process::run(&mut cargo)?;
        // If the folder cannot be removed, this does no harm.
        let _ = std::fs::remove_dir_all(build);
    }
    Ok(deny)
}

/// Cargo's own directory, where it keeps its downloads. rustup's cargo names it in the environment; any other cargo
/// uses the usual directory.
fn cargo_home() -> Result<PathBuf, String> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    named.or_else(usual).ok_or_else(|| "neither CARGO_HOME nor HOME says where cargo keeps its tools".into())
}
