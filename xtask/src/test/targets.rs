//! Checks the code for other systems. This machine can neither link nor run such code, but the compiler can check it.

use super::step::StepResult;
use crate::project::Project;
use crate::{process, wine};

/// Another system, with the crates that are compiled for it and the cargo command.
struct Target {
    name: &'static str,
    packages: &'static [&'static str],
    command: &'static [&'static str],
    /// The lints that clippy refuses; empty for a plain build.
    lints: &'static [&'static str],
}

/// The crates for a system with an event loop, except those that are only for Linux.
const fn hosted(name: &'static str) -> Target {
    let lints = &["--", "-D", "warnings"];
    Target {
        name,
        packages: &["cogloop-engine", "cogloop-io", "cogloop"],
        command: &["clippy", "--quiet", "--lib"],
        lints,
    }
}

/// Systems for which the tests of the wheel and of the event loop must compile, too.
const UNIXES: [&str; 3] = ["aarch64-apple-darwin", "x86_64-unknown-freebsd", "x86_64-unknown-illumos"];

/// One system for each way of waiting for descriptors: kqueue (twice), event ports, IOCP. The last target has no
/// operating system and words of 32 bits. Only the wheel is built for it.
const TARGETS: &[Target] = &[
    hosted(UNIXES[0]),
    hosted(UNIXES[1]),
    hosted(UNIXES[2]),
    // A Linux on which rustix goes through libc, so that some of its types are others.
    hosted("powerpc64le-unknown-linux-gnu"),
    hosted("x86_64-pc-windows-msvc"),
    // The program with its Lua. mingw's compiler builds the Lua.
    Target {
        name: wine::TARGET,
        packages: &["cogloop-lua-core", "cogloop-runner"],
        command: &["clippy", "--quiet", "--lib", "--bins"],
        lints: &["--", "-D", "warnings"],
    },
    Target {
        name: "thumbv7em-none-eabi",
        packages: &["cogloop-engine"],
        command: &["build", "--quiet", "--release"],
        lints: &[],
    },
    // The wheel for the same target without an allocator.
    Target {
        name: "thumbv7em-none-eabi",
        packages: &["cogloop-engine"],
        command: &["clippy", "--quiet", "--no-default-features"],
        lints: &["--", "-D", "warnings"],
    },
];

pub(crate) fn check(project: &Project) -> StepResult {
    let mut missing = Vec::new();
    for target in TARGETS {
        // If the target is installed, this prints nothing and takes no time. If rustup cannot install a target's
        // standard library, the other targets are still checked.
        if process::run(project.program("rustup").args(["--quiet", "target", "add", target.name])).is_err() {
            missing.push(target.name);
            continue;
        }
        if target.name == wine::TARGET && wine::install_compiler(project).is_err() {
            missing.push(target.name);
            continue;
        }
        let mut cargo = project.cargo(target.command);
        cargo.args(["--target", target.name]).args(target.packages.iter().flat_map(|package| ["-p", package]));
        // The tests are not run here, but they must compile for somebody who runs them on such a system.
        if UNIXES.contains(&target.name) {
            // The command names a test, because the dependencies then have the same features as for all tests, and are
            // compiled once.
            process::run(cargo.args(["--test", "left_out"]).args(target.lints))?;
            let tests = ["clippy", "--quiet", "-p", "cogloop-engine", "-p", "cogloop-io", "--lib", "--tests"];
            process::run(project.cargo(&tests).args(["--target", target.name]).args(target.lints))?;
        } else {
            process::run(cargo.args(target.lints))?;
        }
    }
    match missing.len() {
        0 => Ok(format!("{} targets", TARGETS.len())),
        _ if missing.len() == TARGETS.len() => Ok("skipped: no target's standard library can be installed".into()),
        _ => Ok(format!("without {}, which cannot be installed", missing.join(" "))),
    }
}
