//! `cargo xtask test`: all checks and tests, as steps, with a summary at the end.
//!
//! A failed step does not stop the others, so that one run shows everything that has to be fixed.

mod book;
mod border;
mod c_compiler;
mod c_docs;
mod c_examples;
mod c_install;
pub(crate) mod c_programs;
mod c_threads;
mod dist;
mod examples;
pub(crate) mod exits;
mod failures;
pub(crate) mod interpreters;
mod lanes;
pub(crate) mod limits;
mod linux;
mod loom;
pub(crate) mod lua_suite;
mod luacheck;
mod miri;
mod package;
mod rock;
mod rust_examples;
mod sanitize;
pub(crate) mod simulate;
mod step;
mod summary;
mod supply;
mod targets;
mod tools;
mod types;
pub(crate) mod valgrind;
mod versions;
mod windows;
mod windows_c;
mod windows_ctrl_c;
mod windows_module;

pub(crate) use tools::apt_install;

use std::ffi::OsString;
use std::process::Command;
use std::time::Instant;

use crate::project::{FUZZ_MANIFEST, LUA_MANIFEST, Project};
use crate::{bench, conformance, docs, faces, lua, mutants, process, tidy};
use step::{FAILED, Step, StepResult, TESTS_LIMIT};
use summary::Report;
pub(crate) use summary::Tally;

/// The step that runs before all others.
const TOOLS: &str = "tools";

/// The steps in the order in which they start. Long steps are early, so that no core idles at the end. The steps that
/// start together compile into different folders, because cargo lets only one process compile into a folder at a time.
const STEPS: &[Step] = &[
    Step { name: TOOLS, about: "install what the other steps need", run: tools::install },
    Step { name: "format", about: "rustfmt --check", run: format },
    Step { name: "tidy", about: "the rules of the source tree", run: |project| done(tidy::run(project)) },
    Step { name: "rust", about: "unit, property and doc tests", run: rust_tests },
    Step { name: "lua", about: "the Lua suite, on each interpreter and backend", run: lua_suite::run },
    Step { name: "miri", about: "the engine's tests under Miri, with fewer rounds in long loops", run: miri::run },
    Step {
        name: "mutants",
        about: "each of many old bugs is caught",
        run: |project| mutants::run(project, &["--quick"]),
    },
    Step { name: "c-threads", about: "the C library under the thread sanitizer, in short", run: c_threads::in_short },
    Step { name: "loom", about: "the waker's protocol, in every order with up to three preemptions", run: loom::run },
    Step { name: "conformance", about: "the list of behaviours, on each backend", run: conformance::in_short },
    Step { name: "windows", about: "Windows programs, built by mingw and run by Wine", run: windows::run },
    Step { name: "linux", about: "for i686, musl, aarch64 and s390x, natively or in qemu", run: linux::run },
    Step {
        name: "border",
        about: "random programs with hostile values on each Lua: no crash, no hang",
        run: border::run,
    },
    Step { name: "valgrind", about: "the Lua suite on Debian's Lua 5.4 under valgrind", run: valgrind::run },
    Step { name: "clippy", about: "clippy on all targets, warnings are errors", run: clippy },
    Step { name: "targets", about: "for macOS, FreeBSD, illumos, Windows and a bare machine", run: targets::check },
    Step { name: "limits", about: "scripts that grow until memory runs out, on each Lua", run: limits::run },
    Step {
        name: "c",
        about: "the C library: its tests by each compiler and under valgrind, its examples, the documents' programs",
        run: c_programs::run,
    },
    Step {
        name: "faces",
        about: "random programs on the Lua modules and their models: no difference",
        run: faces::test,
    },
    Step { name: "simulate", about: "10,000 simulated worlds around the event loop", run: simulate::run },
    Step { name: "examples", about: "the examples, unchanged", run: examples::run },
    Step { name: "benches", about: "the benchmarks, each for a moment, and their page", run: bench::smoke },
    Step {
        name: "exits",
        about: "scripts with 10,000 pending tasks end without a crash, in every way",
        run: exits::run,
    },
    Step { name: "docs", about: "the book and rustdoc: no warning, no dead link", run: docs::build },
    Step { name: "rock", about: "LuaRocks installs, offline, and the README's example runs with it", run: rock::run },
    Step {
        name: "types",
        about: "the types of the Lua modules, the documents' examples and planted mistakes, by a language server",
        run: types::run,
    },
    Step { name: "luacheck", about: "luacheck on all Lua code", run: luacheck::run },
    Step { name: "versions", about: "the modules of one Lua with another: a clear error", run: versions::run },
    Step { name: "book", about: "the Lua examples of the README and the book, and what they print", run: book::run },
    Step { name: "package", about: "the published crates can be packed", run: package::run },
    Step { name: "supply", about: "licences, bans and sources of all dependencies", run: supply::run },
];

/// Steps that run only if they are named. One needs a browser. The others build everything again: in its published
/// form, or for a Lua that is a DLL.
const NAMED_STEPS: &[Step] = &[
    Step {
        name: "browser",
        about: "the book in Chromium: on a phone's width, dark and light, its pictures; installs 100 MB",
        run: docs::browser::run,
    },
    Step {
        name: "dist",
        about: "installs what a release publishes in a bare Debian, uses it and removes it; needs root",
        run: dist::run,
    },
    Step {
        name: "same-bytes",
        about: "what a release publishes, built in two folders, has the same bytes",
        run: dist::reproducible,
    },
    Step {
        name: "windows-module",
        about: "the Lua modules as a DLL with a Lua that is a DLL, built by mingw and run by Wine",
        run: windows_module::run,
    },
];

/// The steps of `cargo xtask check`, which a developer runs after each edit.
const QUICK_STEPS: &[Step] = &[
    Step { name: "format", about: "rustfmt --check", run: format },
    Step { name: "clippy", about: "clippy on all targets, warnings are errors", run: clippy_here },
    Step { name: "tidy", about: "the rules of the source tree", run: |project| done(tidy::run(project)) },
    Step { name: "unit", about: "the unit tests of the libraries", run: unit_tests },
    Step { name: "lua", about: "the Lua suite on Debian's Lua 5.4", run: lua_suite::run_once },
];

pub(crate) fn list() {
    for step in STEPS {
        println!("{:10} {}", step.name, step.about);
    }
    println!("\nonly by name:");
    for step in NAMED_STEPS {
        println!("{:10} {}", step.name, step.about);
    }
}

/// Runs the steps of these names, or all steps if there is no name. Several steps run at the same time; `--lanes N`
/// sets their number.
pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<(), String> {
    let (names, lanes) = match arguments {
        ["--lanes", lanes, names @ ..] => (names, lanes.parse().ok().filter(|&lanes| lanes > 0)),
        names => (names, Some(lanes::default_lanes())),
    };
    let lanes = lanes.ok_or("--lanes takes a number from 1")?;
    let steps = choose(names)?;
    if steps.len() == 1 || lanes == 1 {
        return run_steps(project, steps.into_iter());
    }
    run_in_lanes(project, steps, lanes, &[])
}

/// Runs the steps of these names with these environment variables.
pub(crate) fn run_with(project: &Project, names: &[&str], env: &[(&str, OsString)]) -> Result<(), String> {
    run_in_lanes(project, choose(names)?, lanes::default_lanes(), env)
}

/// The steps of these names, or all steps if there is no name.
fn choose(names: &[&str]) -> Result<Vec<&'static Step>, String> {
    let known = || STEPS.iter().chain(NAMED_STEPS);
    if let Some(unknown) = names.iter().find(|name| known().all(|step| step.name != **name)) {
        let known: Vec<_> = known().map(|step| step.name).collect();
        return Err(format!("no such step: `{unknown}`; known: {}", known.join(", ")));
    }
    let named = known().filter(|step| names.contains(&step.name));
    Ok(if names.is_empty() { STEPS.iter().collect() } else { named.collect() })
}

fn run_in_lanes(
    project: &Project,
    steps: Vec<&'static Step>,
    lanes: usize,
    env: &[(&str, OsString)],
) -> Result<(), String> {
    let start = Instant::now();
    let mut report = Report::default();
    let (first, rest) = steps.into_iter().partition(|step| step.name == TOOLS);
    // The other steps need the programs that the first step installs.
    lanes::run(project, first, 1, env, &mut report)?;
    lanes::run(project, rest, lanes, env, &mut report)?;
    report.whole = Some(start.elapsed());
    print!("\n{report}");
    report.verdict()
}

/// Runs the checks that follow an edit. They take less than a minute if little has to be compiled.
pub(crate) fn check(project: &Project) -> Result<(), String> {
    run_steps(project, QUICK_STEPS.iter())
}

/// Runs the tests under the sanitizers.
pub(crate) fn run_sanitized(project: &Project) -> Result<(), String> {
    run_steps(project, sanitize::STEPS.iter())
}

/// Type-checks for other systems.
pub(crate) fn check_targets(project: &Project) -> Result<(), String> {
    targets::check(project).map(|note| println!("{note}"))
}

fn run_steps<'a>(project: &Project, steps: impl Iterator<Item = &'a Step>) -> Result<(), String> {
    let mut report = Report::default();
    for step in steps {
        println!("\n=== {}: {}", step.name, step.about);
        let start = Instant::now();
        let outcome = (step.run)(project);
        if let Err(message) = &outcome {
            println!("{FAILED}{message}");
        }
        report.add(step.name, start.elapsed(), outcome);
    }
    print!("\n{report}");
    report.verdict()
}

fn format(project: &Project) -> StepResult {
    process::run(&mut project.cargo(&["fmt", "--all", "--check"]))?;
    process::run(&mut project.cargo(&["fmt", "--manifest-path", LUA_MANIFEST, "--check"]))?;
    done(process::run(&mut project.cargo(&["fmt", "--manifest-path", FUZZ_MANIFEST, "--check"])))
}

fn clippy_here(project: &Project) -> StepResult {
    done(process::run(&mut project.cargo(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])))
}

fn clippy(project: &Project) -> StepResult {
    clippy_here(project)?;
    for version in lua::VERSIONS {
        process::run(lua::cargo(project, "clippy", version).args(["--quiet", "--", "-D", "warnings"]))?;
    }
    done(Ok(()))
}

fn unit_tests(project: &Project) -> StepResult {
    count_tests(&mut project.cargo(&["test", "--workspace", "--lib", "--no-fail-fast"]))
}

fn rust_tests(project: &Project) -> StepResult {
    // Compiling has no time limit: the limit is for a test that hangs.
    process::run(&mut project.cargo(&["test", "--quiet", "--workspace", "--no-run"]))?;
    count_tests(&mut project.cargo(&["test", "--workspace", "--no-fail-fast"]))
}

fn count_tests(command: &mut Command) -> StepResult {
    let (lines, verdict) = process::watch(command, TESTS_LIMIT);
    let tally = Tally::of(&lines);
    verdict.map_err(|message| format!("{message} ({tally})"))?;
    tally.outcome()
}

fn done(result: Result<(), String>) -> StepResult {
    result.map(|()| String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_step_is_an_error_that_lists_the_steps() {
        let project = Project { root: "/nowhere".into(), target: "/nowhere".into() };
        let message = run(&project, &["rust", "rsut"]).unwrap_err();
        assert!(message.contains("`rsut`") && message.contains("clippy"), "{message}");
    }
}
