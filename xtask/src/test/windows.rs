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

/// The number of lines of a file that failed in the error's text.
const LAST_LINES: usize = 5;

pub(super) fn run(project: &Project) -> StepResult {
    let wine = Wine::set_up(project)?;
    build(project, &wine)?;
    let _server = wine.serve(project)?;
    let mut all = Tally::default();
    for (package, which) in PACKAGES {
        let mut cargo = tests(project, &wine, package, which);
        conformance::listen_to_windows(project, package, &mut cargo);
        let (lines, verdict) = process::watch(&mut cargo, TESTS_LIMIT);
        let tally = Tally::of(&lines);
        verdict.map_err(|message| format!("{package}: {message} ({tally})"))?;
        all.add(&tally);
    }
    let program = project.target.join(TARGET).join("debug/cogloop.exe");
    all.add(&suite(project, &wine, &program)?);
    all.add(&windows_ctrl_c::run(project, &wine, &program)?);
    examples(project, &wine, &program)?;
    all.outcome()
}

/// Builds everything, without a time limit: the limits are for tests that hang.
fn build(project: &Project, wine: &Wine) -> Result<(), String> {
    for (package, which) in PACKAGES {
        process::run(tests(project, wine, package, which).arg("--no-run"))?;
    }
    process::run(&mut wine.cargo(project, &["build", "--quiet", "-p", "cogloop-runner"]))
}

/// The command that compiles and runs the tests of a package.
fn tests(project: &Project, wine: &Wine, package: &str, which: &[&str]) -> Command {
    wine.cargo(project, &[&["test", "--quiet", "-p", package, "--no-fail-fast"], which].concat())
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
    let mut failures = Failures::default();
    for file in lua_suite::files(project)? {
        // The tests do not accept a path with a drive.
        let file = file.strip_prefix(&project.root).map(PathBuf::from).unwrap_or(file);
        println!("{}", file.display());
        // Large allocations take a hundred times as long in Wine, so the tests run in their short form.
        let mut command = wine(project, around, program);
        let (lines, verdict) = process::watch(command.arg(&file).env("COGLOOP_TESTS", "short"), lua_suite::LIMIT);
        let tally = Tally::of(&lines);
        sum.add(&tally);
        failures.note(&file, &lines, verdict.and_then(|()| tally.outcome_or_skipped()));
    }
    failures.outcome(sum)
}

/// The files that have failed.
#[derive(Default)]
struct Failures {
    names: Vec<String>,
    /// For each file its error, and the last lines that it has printed.
    details: Vec<String>,
}

impl Failures {
    fn note(&mut self, file: &Path, lines: &[String], verdict: Result<(), String>) {
        let Err(message) = verdict else { return };
        self.names.push(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let last = lines.iter().rev().take(LAST_LINES).rev().map(|line| format!("\n    {line}"));
        self.details.push(format!("{message}{}", last.collect::<String>()));
    }

    /// The first line of the error has every name, because the summary of all steps shows only that line.
    fn outcome(self, sum: Tally) -> Result<Tally, String> {
        if self.names.is_empty() {
            return Ok(sum);
        }
        Err(format!("failed: {} ({sum} in the others)\n{}", self.names.join(", "), self.details.join("\n")))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_each_file_with_its_status_and_its_last_lines() {
        let mut failures = Failures::default();
        failures.note(Path::new("suite/a.lua"), &[], Ok(()));
        let lines: Vec<_> = (1..=9).map(|number| format!("line {number}")).collect();
        failures.note(Path::new("suite/b.lua"), &lines, Err("`wine b.lua` failed: exit status: 53".into()));
        failures.note(Path::new("suite/c.lua"), &[], Err("`wine c.lua` failed: exit status: 5".into()));
        let message = failures.outcome(Tally::default()).err().unwrap_or_default();
        let (first, details) = message.split_once('\n').unwrap_or_default();
        assert!(first.starts_with("failed: b.lua, c.lua ("), "{message}");
        assert!(details.contains("status: 53\n    line 5\n") && details.ends_with("status: 5"), "{message}");
        assert!(Failures::default().outcome(Tally::default()).is_ok());
    }
}
