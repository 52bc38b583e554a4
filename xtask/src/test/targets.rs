//! Type-checks what runs elsewhere: this machine can neither link nor run it, but a compiler knows every target.

use super::Outcome;
use crate::process;
use crate::project::Project;

/// One for each way in which a descriptor is waited for: kqueue twice, event ports, IOCP.
const TARGETS: &[&str] =
    &["aarch64-apple-darwin", "x86_64-unknown-freebsd", "x86_64-unknown-illumos", "x86_64-pc-windows-msvc"];

/// Those that are not for Linux only.
const PACKAGES: &[&str] = &["cogloop-engine", "cogloop-io"];

pub(crate) fn check(project: &Project) -> Outcome {
    let mut missing = Vec::new();
    for target in TARGETS {
        // Says nothing and takes no time when it is there. Where the standard library for it cannot be had, the others
        // are checked all the same.
        if process::run(project.program("rustup").args(["--quiet", "target", "add", target])).is_err() {
            missing.push(*target);
            continue;
        }
        let mut cargo = project.cargo(&["clippy", "--quiet", "--lib", "--target", target]);
        cargo.args(PACKAGES.iter().flat_map(|package| ["-p", package])).args(["--", "-D", "warnings"]);
        process::run(&mut cargo)?;
    }
    match missing.len() {
        0 => Ok(format!("{} targets", TARGETS.len())),
        _ if missing.len() == TARGETS.len() => Ok("skipped: no target's standard library is to be had".into()),
        _ => Ok(format!("without {}, which rustup cannot get", missing.join(" "))),
    }
}
