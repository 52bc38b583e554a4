//! Tests for Windows, as far as Wine can run them.
//!
//! ```text
//!   cargo test, in Wine     the wheel, the event loop, the Rust crate, the parts of the Lua faces and of the program
//!   cogloop.exe, in Wine    the Lua suite, Ctrl-C, and examples
//! ```
//!
//! The tests of the event loop write their lines for the column of `cargo xtask conformance`. A Lua test that needs
//! something that Windows lacks prints that, and counts as skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::lua_suite;
use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use super::windows_ctrl_c;
use crate::project::Project;
use crate::wine::{TARGET, Wine};
use crate::{conformance, process};

/// The packages whose tests run, with options that select the tests.
const PACKAGES: [(&str, &[&str]); 4] = [
    ("cogloop-engine", &["--lib", "--tests"]),
    ("cogloop-io", &["--lib", "--tests"]),
    ("cogloop", &["--lib", "--tests"]),
    // Together with the program's package, the faces get the built-in Lua.
    ("cogloop-runner", &["-p", "cogloop-lua-core", "--lib", "--bins"]),
];

/// The arguments of the examples, and the last line of their output.
const EXAMPLES: [(&[&str], &str); 2] = [
    (&["examples/hello.lua"], "nothing left to do"),
    (&["examples/echo.lua", "20", "50"], "20 clients, 1000 messages echoed"),
];

pub(super) fn run(project: &Project) -> StepResult {
    let wine = Wine::set_up(project)?;
    let mut all = Tally::default();
    for (package, which) in PACKAGES {
        let arguments = [&["test", "--quiet", "-p", package, "--no-fail-fast"], which].concat();
        // Compiled first without a limit, because the limit is for a test that hangs.
        process::run(wine.cargo(project, &arguments).arg("--no-run"))?;
        let mut cargo = wine.cargo(project, &arguments);
        conformance::listen_to_windows(project, package, &mut cargo);
        let (lines, verdict) = process::watch(&mut cargo, TESTS_LIMIT);
        let tally = Tally::of(&lines);
        verdict.map_err(|message| format!("{package}: {message} ({tally})"))?;
        all.add(&tally);
    }
    process::run(&mut wine.cargo(project, &["build", "--quiet", "-p", "cogloop-runner"]))?;
    let program = project.target.join(TARGET).join("debug/cogloop.exe");
    all.add(&suite(project, &wine, &program)?);
    all.add(&windows_ctrl_c::run(project, &wine, &program)?);
    examples(project, &wine, &program)?;
    all.outcome()
}

/// A command that runs this program with Wine.
fn wine(project: &Project, wine: &Wine, program: &Path) -> Command {
    let mut command = project.program("wine");
    wine.surround(command.arg(program)).current_dir(&project.root);
    command
}

/// Runs the Lua suite.
fn suite(project: &Project, around: &Wine, program: &Path) -> Result<Tally, String> {
    let mut sum = Tally::default();
    let mut failures = Vec::new();
    for file in lua_suite::files(project)? {
        // The tests do not accept a path with a drive.
        let file = file.strip_prefix(&project.root).map(PathBuf::from).unwrap_or(file);
        println!("{}", file.display());
        // Large allocations take a hundred times as long in Wine, so the tests run in their short form.
        let mut command = wine(project, around, program);
        let (lines, verdict) = process::watch(command.arg(&file).env("COGLOOP_TESTS", "short"), lua_suite::LIMIT);
        let tally = Tally::of(&lines);
        sum.add(&tally);
        if let Err(message) = verdict.and_then(|()| tally.outcome_or_skipped()) {
            failures.push(format!("{}: {message}", file.display()));
        }
    }
    if failures.is_empty() { Ok(sum) } else { Err(format!("{sum}\n{}", failures.join("\n"))) }
}

fn examples(project: &Project, around: &Wine, program: &Path) -> Result<(), String> {
    for (arguments, last) in EXAMPLES {
        let (lines, verdict) = process::watch(wine(project, around, program).args(arguments), lua_suite::LIMIT);
        verdict?;
        if !lines.last().is_some_and(|line| line.contains(last)) {
            return Err(format!("{} did not end with `{last}`", arguments.join(" ")));
        }
    }
    Ok(())
}
