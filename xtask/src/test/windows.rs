//! Tests for Windows, as far as Wine can run them.
//!
//! ```text
//!   test programs, in Wine  the wheel, the event loop, the Rust crate, the parts of the Lua modules and of the program
//!   cogloop.exe, in Wine    the Lua suite, Ctrl-C, and examples
//!   cogloop_c.dll, in Wine  the C library's tests and examples
//! ```
//!
//! The step records the results for `cargo xtask conformance`. If Windows lacks something that a Lua test needs, the
//! test says so and counts as skipped.

use std::path::{Path, PathBuf};

use super::failures::Failures;
use super::lua_suite;
use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use super::{windows_c, windows_ctrl_c};
use crate::built::{self, Built, Tests};
use crate::conformance::windows;
use crate::process;
use crate::project::Project;
use crate::wine::{TARGET, Wine};

/// A package whose tests run.
struct Package {
    name: &'static str,
    folder: &'static str,
    /// Whether its integration tests run, too. The integration tests of the program do not run, because they start
    /// processes as Unix does.
    with_integration_tests: bool,
}

const fn package(name: &'static str, folder: &'static str, with_integration_tests: bool) -> Package {
    Package { name, folder, with_integration_tests }
}

const PACKAGES: [Package; 5] = [
    package("cogloop-engine", "engine", true),
    package("cogloop-io", "io", true),
    package("cogloop", "bindings/rust", true),
    // Cargo builds this crate together with the program's package, so the crate gets the built-in Lua.
    package("cogloop-lua-core", "bindings/lua-core", false),
    package("cogloop-runner", "bindings/runner", false),
];

/// The arguments of the examples, and the last line of their output.
const EXAMPLES: [(&[&str], &str); 2] = [
    (&["examples/hello.lua"], "nothing left to do"),
    (&["examples/echo.lua", "20", "50"], "20 clients, 1000 messages echoed"),
];

pub(super) fn run(project: &Project) -> StepResult {
    let wine = Wine::set_up(project)?;
    let tests = build(project, &wine)?;
    let _server = wine.serve(project)?;
    windows::forget(project);
    let (mut all, mut failures) = (Tally::default(), Failures::default());
    for package in &PACKAGES {
        let tally = run_tests(project, &wine, package, &tests, &mut failures)?;
        if package.name == "cogloop" {
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

/// Builds everything, without a time limit: the limits are for tests that hang. Both commands name all packages, so
/// that each dependency is compiled once.
fn build(project: &Project, wine: &Wine) -> Result<Vec<Built>, String> {
    let packages: Vec<_> = PACKAGES.iter().flat_map(|package| ["-p", package.name]).collect();
    let folders: Vec<_> = PACKAGES.iter().filter(|each| each.with_integration_tests).map(|each| each.folder).collect();
    let mut tests = wine.cargo(project, &["test", "--no-run", "--lib", "--bins"]);
    let built = built::build(tests.args(&packages).args(built::tests_of(project, &folders)?))?;
    // The test is already built. The command names it, because the dependencies then have the same features as for the
    // tests.
    let mut programs = wine.cargo(project, &["build", "--quiet", "--lib", "--bins", "--test", "left_out"]);
    process::run(programs.args(&packages).args(["-p", "cogloop-c"]))?;
    Ok(built)
}

/// Runs the test programs of a package. If a program fails, the others still run.
fn run_tests(
    project: &Project,
    wine: &Wine,
    package: &Package,
    built: &[Built],
    failures: &mut Failures,
) -> Result<Tally, String> {
    let folder = project.root.join(package.folder);
    let is_wanted = |built: &&Built| match built.tests {
        Tests::None => false,
        Tests::Unit => true,
        // If two packages have tests of the same name, cargo has built both, even if only one of them was wanted.
        Tests::Integration => package.with_integration_tests,
    };
    let here = built.iter().filter(|built| built.folder == folder).filter(is_wanted);
    let programs: Vec<_> = here.filter_map(|built| Some((&built.name, built.program.as_deref()?))).collect();
    if programs.is_empty() {
        return Err(format!("cargo has built no test of {}", package.name));
    }
    let mut sum = Tally::default();
    for (name, program) in programs {
        println!("--- {}, {name}", package.name);
        let mut command = wine.run(project, program);
        windows::listen(project, package.name, command.arg("--quiet").current_dir(&folder));
        let (lines, verdict) = process::watch(&mut command, TESTS_LIMIT);
        let tally = Tally::of(&lines);
        failures.note(program, &lines, verdict.map_err(|message| format!("{message} ({tally})")));
        sum.add(&tally);
    }
    Ok(sum)
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
