//! The results of the tests under Wine. `cargo xtask test windows` is a separate run, so it writes them to files.
//!
//! ```text
//!   conformance.windows         a line of each test of the event loop
//!   conformance.windows.faces   lines such as `rust 123`: a face, and the number of its tests that have passed
//! ```

use std::io::Write;
use std::process::Command;

use super::faces::FACES;
use super::runs::VERDICTS;
use super::table::{BACKENDS, Report};
use crate::project::Project;

const VERDICTS_THERE: &str = "conformance.windows";
const FACES_THERE: &str = "conformance.windows.faces";

/// Removes the results of an earlier run.
pub(crate) fn forget(project: &Project) {
    for file in [VERDICTS_THERE, FACES_THERE] {
        // The files may not exist.
        let _ = std::fs::remove_file(project.target.join(file));
    }
}

/// Tells the event loop's tests to write their lines for the table. The tests of other packages write none. Call this
/// before the tests run under Wine.
pub(crate) fn listen(project: &Project, package: &str, tests: &mut Command) {
    if package == "cogloop-io" {
        tests.env(VERDICTS, project.target.join(VERDICTS_THERE)).env("RUST_TEST_THREADS", "2");
    }
}

/// Records how many tests of a face have passed; see [`FACES`].
pub(crate) fn note(project: &Project, face: &str, passed: u64) -> Result<(), String> {
    let path = project.target.join(FACES_THERE);
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| writeln!(file, "{face} {passed}")).map_err(|error| format!("{}: {error}", path.display()))
}

/// The verdicts of the event loop's tests.
pub(super) fn reports(project: &Project) -> Vec<Report> {
    let lines = std::fs::read_to_string(project.target.join(VERDICTS_THERE)).unwrap_or_default();
    lines.lines().filter_map(Report::read).collect()
}

/// The line for the table of the faces.
pub(super) fn line(project: &Project) -> String {
    let reports = reports(project);
    let faces = std::fs::read_to_string(project.target.join(FACES_THERE)).unwrap_or_default();
    let of_backends =
        BACKENDS.iter().map(|backend| reports.iter().filter(|report| report.holds_on(backend)).count() as u64);
    let cells: String = of_backends.chain(FACES.iter().map(|face| passed(&faces, face))).map(cell).collect();
    format!("{cells}windows: in Wine, by `cargo xtask test windows`")
}

fn passed(lines: &str, face: &str) -> u64 {
    let number = |line: &str| line.strip_prefix(face)?.trim().parse::<u64>().ok();
    lines.lines().filter_map(number).sum()
}

fn cell(number: u64) -> String {
    if number == 0 { format!("{:8} ", "–") } else { format!("{number:<8} ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_of_a_face_are_summed_and_a_face_without_any_has_a_dash() {
        let lines = "rust 12\nlua 3\nlua 4\nhalf a line";
        assert_eq!((passed(lines, "rust"), passed(lines, "lua"), passed(lines, "c")), (12, 7, 0));
        assert_eq!(cell(7).trim(), "7");
        assert_eq!(cell(0).trim(), "–");
    }
}
