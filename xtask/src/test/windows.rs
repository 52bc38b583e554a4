//! Tests for Windows, as far as Wine can run them.
//!
//! ```text
//!   cargo test, in Wine     the wheel, the event loop, the Rust crate, the parts of the Lua faces and of the program
//!   cogloop.exe, in Wine    the Lua suite, Ctrl-C, and examples
//!   cogloop_c.dll, in Wine  the C library's tests and examples
//! ```
//!
//! The step records the results for `cargo xtask conformance`. If Windows lacks something that a Lua test needs, the
//! test says so and counts as skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::failures::Failures;
use super::lua_suite;
use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use super::{windows_c, windows_ctrl_c};
use crate::conformance::windows;
use crate::process;
use crate::project::Project;
use crate::wine::{TARGET, Wine};

/// The packages whose tests run, with options that select the tests.
const PACKAGES: [(&str, &[&str]); 4] = [
    ("cogloop-engine", &["--lib", "--tests"]),
    ("cogloop-io", &["--lib", "--tests"]),
    ("cogloop", &["--lib", "--tests"]),
    // Cargo builds the faces together with the program's package, so they get the built-in Lua.
    ("cogloop-runner", &["-p", "cogloop-lua-core", "--lib", "--bins"]),
];

/// The arguments of the examples, and the last line of their output.
const EXAMPLES: [(&[&str], &str); 2] = [
    (&["examples/hello.lua"], "nothing left to do"),
    (&["examples/echo.lua", "20", "50"], "20 clients, 1000 messages echoed"),
];

pub(super) fn run(project: &Project) -> StepResult {
    let wine = Wine::set_up(project)?;
    build(project, &wine)?;
    let _server = wine.serve(project)?;
    windows::forget(project);
    let (mut all, mut failures) = (Tally::default(), Failures::default());
    for (package, which) in PACKAGES {
        let mut cargo = tests(project, &wine, package, which);
        windows::listen(project, package, &mut cargo);
        let (lines, verdict) = process::watch(&mut cargo, TESTS_LIMIT);
        let tally = Tally::of(&lines);
        failures.note(Path::new(package), &[], verdict.map_err(|message| format!("{message} ({tally})")));
        if package == "cogloop" {
            windows::note(project, "rust", tally.passed())?;
        }
        all.add(&tally);
    }
    let program = project.target.join(TARGET).join("debug/cogloop.exe");
    let suite = suite(project, &wine, &program, &mut failures)?;
    windows::note(project, "lua", suite.passed())?;
    all.add(&suite);
    all.add(&windows_ctrl_c::run(project, &wine, &program, &mut failures)?);
    examples(project, &wine, &program, &mut failures);
    let c = windows_c::run(project, &wine, &mut failures)?;
    windows::note(project, "c", c.passed())?;
    all.add(&c);
    failures.outcome(all)?.outcome()
}

/// Builds everything, without a time limit: the limits are for tests that hang.
fn build(project: &Project, wine: &Wine) -> Result<(), String> {
    for (package, which) in PACKAGES {
        process::run(tests(project, wine, package, which).arg("--no-run"))?;
    }
    process::run(&mut wine.cargo(project, &["build", "--quiet", "-p", "cogloop-runner"]))?;
    process::run(&mut wine.cargo(project, &["build", "--quiet", "-p", "cogloop-c"]))
}

/// The command that compiles and runs the tests of a package.
fn tests(project: &Project, wine: &Wine, package: &str, which: &[&str]) -> Command {
    wine.cargo(project, &[&["test", "--quiet", "-p", package, "--no-fail-fast"], which].concat())
}

/// Runs the Lua suite with a program that takes a script.
pub(super) fn suite(
    project: &Project,
    around: &Wine,
    program: &Path,
    failures: &mut Failures,
) -> Result<Tally, String> {
    let mut sum = Tally::default();
    for file in lua_suite::files(project)? {
        // The tests do not accept a path with a drive.
        let file = file.strip_prefix(&project.root).map(PathBuf::from).unwrap_or(file);
        println!("{}", file.display());
        // Large allocations take a hundred times as long in Wine, so the tests run in their short form.
        let mut command = around.run(project, program);
        let (lines, verdict) = process::watch(command.arg(&file).env("COGLOOP_TESTS", "short"), lua_suite::LIMIT);
        let tally = Tally::of(&lines);
        sum.add(&tally);
        failures.note(&file, &lines, verdict.and_then(|()| tally.outcome_or_skipped()));
    }
    Ok(sum)
}

/// Runs the examples with a program that takes a script.
pub(super) fn examples(project: &Project, around: &Wine, program: &Path, failures: &mut Failures) {
    for (arguments, last) in EXAMPLES {
        let (lines, verdict) = process::watch(around.run(project, program).args(arguments), lua_suite::LIMIT);
        let is_as_expected = lines.last().is_some_and(|line| line.contains(last));
        let wrong = || format!("{} did not end with `{last}`", arguments.join(" "));
        let verdict = verdict.and_then(|()| if is_as_expected { Ok(()) } else { Err(wrong()) });
        failures.note(Path::new(arguments[0]), &lines, verdict);
    }
}
