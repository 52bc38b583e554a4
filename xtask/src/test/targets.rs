//! Checks the code for other systems. This machine can neither link nor run it, but the compiler can check it.

use super::step::StepResult;
use crate::process;
use crate::project::Project;

/// A system that is not here, and which crates are compiled for it, by which of cargo's commands.
struct Target {
    name: &'static str,
    packages: &'static [&'static str],
    command: &'static [&'static str],
    /// What clippy is to refuse; nothing for a mere build.
    lints: &'static [&'static str],
}

/// The crates that are not for Linux only, with the loop over descriptors.
const fn hosted(name: &'static str) -> Target {
    let lints = &["--", "-D", "warnings"];
    Target {
        name,
        packages: &["cogloop-engine", "cogloop-io", "cogloop"],
        command: &["clippy", "--quiet", "--lib"],
        lints,
    }
}

/// Where the tests of the wheel and of the event loop compile, too.
const UNIXES: [&str; 3] = ["aarch64-apple-darwin", "x86_64-unknown-freebsd", "x86_64-unknown-illumos"];

/// One for each way in which a descriptor is waited for – kqueue twice, event ports, IOCP –, and one with no system at
/// all and words of 32 bits, for which the wheel is built.
const TARGETS: &[Target] = &[
    hosted(UNIXES[0]),
    hosted(UNIXES[1]),
    hosted(UNIXES[2]),
    hosted("x86_64-pc-windows-msvc"),
    Target {
        name: "thumbv7em-none-eabi",
        packages: &["cogloop-engine"],
        command: &["build", "--quiet", "--release"],
        lints: &[],
    },
];

pub(crate) fn check(project: &Project) -> StepResult {
    let mut missing = Vec::new();
    for target in TARGETS {
        // Says nothing and takes no time when it is there. Where the standard library for it cannot be had, the others
        // are checked all the same.
        if process::run(project.program("rustup").args(["--quiet", "target", "add", target.name])).is_err() {
            missing.push(target.name);
            continue;
        }
        let mut cargo = project.cargo(target.command);
        cargo.args(["--target", target.name]);
        cargo.args(target.packages.iter().flat_map(|package| ["-p", package])).args(target.lints);
        process::run(&mut cargo)?;
        // What a volunteer runs there.
        if UNIXES.contains(&target.name) {
            let tests = ["clippy", "--quiet", "-p", "cogloop-engine", "-p", "cogloop-io", "--lib", "--tests"];
            process::run(project.cargo(&tests).args(["--target", target.name]).args(target.lints))?;
        }
    }
    match missing.len() {
        0 => Ok(format!("{} targets", TARGETS.len())),
        _ if missing.len() == TARGETS.len() => Ok("skipped: no target's standard library is to be had".into()),
        _ => Ok(format!("without {}, which rustup cannot get", missing.join(" "))),
    }
}
