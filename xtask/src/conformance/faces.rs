//! Runs the tests of the Rust crate and of the C library, and the Lua suite on one stock interpreter, while system
//! calls are refused. Each test program runs behind a filter that refuses the calls, and chooses its backend itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::runs::LIMIT;
use crate::project::Project;
use crate::test::interpreters::Interpreter;
use crate::test::{Tally, c_programs, lua_suite};
use crate::{built, lua, process};

/// The faces: the Rust crate, the C library and the Lua modules. Each has a column in the table.
pub(super) const FACES: [&str; 3] = ["rust", "c", "lua"];

/// The C programs that use `mockit.h`. Its timer thread sleeps on a timerfd, which Linux has had since before 4.18.
const MOCKIT_PROGRAMS: [&str; 5] = ["dlclose", "stress", "threads", "time", "timers"];

/// The tests of the Rust crate. Cargo is given the package of the benchmarks, too, because the crate then has the same
/// features as in the step `rust`, and is not compiled again.
const RUST_TESTS: [&str; 8] = ["test", "--quiet", "-p", "cogloop", "-p", "cogloop-benches", "--lib", "--no-fail-fast"];
const RUST_FOLDER: &str = "bindings/rust";

/// The programs that run behind the filters. They are built before the first filter.
pub(super) struct Faces {
    runner: PathBuf,
    /// Arguments for cargo that select the integration tests of the Rust crate.
    rust_tests: Vec<String>,
    programs: Vec<PathBuf>,
    interpreter: Interpreter,
    scripts: Vec<PathBuf>,
}

impl Faces {
    pub(super) fn build(project: &Project, runner: &Path) -> Result<Self, String> {
        let rust_tests = built::tests_of(project, &[RUST_FOLDER])?;
        process::run(project.cargo(&RUST_TESTS).args(&rust_tests).arg("--no-run"))?;
        Ok(Self {
            rust_tests,
            runner: runner.into(),
            programs: c_programs::compiled(project)?,
            interpreter: Interpreter::stock(project, lua::find("5.4")?)?,
            scripts: lua_suite::files(project)?,
        })
    }

    /// Runs the tests of each face while the calls of a set are refused. Prints the failures.
    pub(super) fn run(&self, project: &Project, set: &str) -> Result<[Tally; FACES.len()], String> {
        let mut rust = project.cargo(&["--config", &as_runner(&self.runner, set)]);
        rust.args(RUST_TESTS).args(&self.rust_tests).env_remove("COGLOOP_BACKEND");
        let mut c = Tally::default();
        for program in &self.programs {
            if set.contains("timerfd") && uses_mockit(program) {
                c.add(&Tally::of(&[format!("skipped: {}: mockit.h needs timerfd", program.display())]));
                continue;
            }
            let mut command = self.behind(project, set);
            command.arg(program).env("LD_LIBRARY_PATH", project.target.join("c/lib")).env_remove("COGLOOP_BACKEND");
            c.add(&listen(&mut command, LIMIT)?);
        }
        let mut scripts = Tally::default();
        for script in &self.scripts {
            // An empty name leaves the choice of the backend to the program.
            let mut command = self.interpreter.command_behind(self.behind(project, set), "");
            scripts.add(&listen(command.arg(script), lua_suite::LIMIT)?);
        }
        Ok([listen(&mut rust, LIMIT)?, c, scripts])
    }

    /// A command that starts a program behind the filter of `set`.
    fn behind(&self, project: &Project, set: &str) -> Command {
        let mut command = project.program(&self.runner);
        command.arg(set);
        command
    }
}

fn uses_mockit(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    // The part before the hyphen is the name of the test; the rest says how it was compiled.
    name.split_once('-').is_some_and(|(test, _)| MOCKIT_PROGRAMS.contains(&test))
}

/// The setting with which cargo starts each test program behind the filter.
pub(super) fn as_runner(runner: &Path, set: &str) -> String {
    format!("target.'cfg(unix)'.runner=['{}', '{set}']", runner.display())
}

/// Counts the tests that pass. Prints the output of a program that fails.
fn listen(command: &mut Command, limit: Duration) -> Result<Tally, String> {
    let (lines, status) = process::listen(command, limit)?;
    let mut tally = Tally::of(&lines);
    let is_silent = tally.passed() == 0 && !lines.iter().any(|line| line.starts_with("skipped: "));
    if status.is_none_or(|status| !status.success()) || is_silent {
        println!("{}:", process::words(command));
        lines.iter().for_each(|line| println!("{line}"));
        tally.expect_failure();
    }
    Ok(tally)
}
