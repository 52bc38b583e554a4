//! Runs the tests while system calls are refused, as an older kernel or a container refuses them. Each set of calls has
//! a line in the output.
//!
//! ```text
//!   cargo test ──► runner: io/examples/refuse.rs SET ──► each test program of the event loop, behind a filter of seccomp
//!                                                    ──► the tests of each face
//! ```

use std::fmt;
use std::path::Path;

use super::faces::{FACES, Faces, as_runner};
use super::runs::{EVERY_SET, LIMIT, TESTS, VERDICTS};
use super::table::{BACKENDS, Report, heading};
use super::windows;
use crate::project::Project;
use crate::test::Tally;
use crate::{files, process};

/// The results of the tests while the calls of one set were refused.
struct Line {
    set: &'static str,
    /// The number of tests that held, for each of [`BACKENDS`].
    reports: Vec<usize>,
    /// The number of tests that passed for each of [`FACES`]; `None` if they did not run.
    faces: Option<[u64; FACES.len()]>,
    tally: Tally,
}

/// Runs the tests and prints the lines. The error names each set of calls without which a test has failed.
pub(super) fn run(project: &Project, sets_for_faces: &[&str]) -> Result<(), String> {
    process::run(&mut project.cargo(&["build", "--quiet", "-p", "cogloop-io", "--example", "refuse"]))?;
    // The runner is a copy, because another step may build this example with other features and replace the file.
    let runner = project.target.join("conformance.runner");
    files::place(&project.target.join("debug/examples/refuse"), &runner)
        .map_err(|error| format!("{}: {error}", runner.display()))?;
    let file = project.target.join("conformance.refused");
    let faces = Faces::build(project, &runner)?;
    let mut failed = Vec::new();
    println!("\nthe same, and each face, without:");
    println!("{}", heading(BACKENDS.iter().chain(&FACES)));
    for set in EVERY_SET {
        let faces = sets_for_faces.contains(&set).then_some(&faces);
        let line = run_set(project, &runner, &file, faces, set)?;
        println!("     {line}");
        failed.extend(line.tally.outcome().is_err().then_some(set));
    }
    println!("     {}", windows::line(project));
    println!(
        "\nlinux-4.18: all calls that came after it; a number: so many tests hold; –: refused; ·: run by `cargo xtask conformance`"
    );
    if failed.is_empty() { Ok(()) } else { Err(format!("failed without {}", failed.join("; without "))) }
}

fn run_set(
    project: &Project,
    runner: &Path,
    file: &Path,
    faces: Option<&Faces>,
    set: &'static str,
) -> Result<Line, String> {
    // Removes the file of an earlier run.
    let _ = std::fs::remove_file(file);
    let mut cargo = project.cargo(&["--config", &as_runner(runner, set)]);
    cargo.args(TESTS).env(VERDICTS, file).env("RUST_TEST_THREADS", "2");
    let (lines, status) = process::listen(&mut cargo, LIMIT)?;
    let mut tally = Tally::of(&lines);
    if status.is_none_or(|status| !status.success()) {
        lines.iter().for_each(|line| println!("{line}"));
        tally.expect_failure();
    }
    let reports = std::fs::read_to_string(file).unwrap_or_default();
    let reports: Vec<_> = reports.lines().filter_map(Report::read).collect();
    let count = |backend: &&str| reports.iter().filter(|report| report.holds_on(backend)).count();
    let reports = BACKENDS.iter().map(count).collect();
    let tallies = faces.map(|faces| faces.run(project, set)).transpose()?;
    tallies.iter().flatten().for_each(|face| tally.add(face));
    let faces = tallies.map(|tallies| tallies.map(|face| face.passed()));
    Ok(Line { set, reports, faces, tally })
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &stories in &self.reports {
            if stories == 0 {
                write!(f, "{:8} ", "–")?;
            } else {
                write!(f, "{stories:<8} ")?;
            }
        }
        for nth in 0..FACES.len() {
            match self.faces {
                Some(faces) => write!(f, "{:<8} ", faces[nth])?,
                None => write!(f, "{:8} ", "·")?,
            }
        }
        write!(f, "{}: {}", self.set, self.tally)
    }
}
