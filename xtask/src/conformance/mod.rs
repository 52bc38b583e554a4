//! `cargo xtask conformance`: shows which behaviours of the list hold on which backend, by tests that use the real
//! kernel.
//!
//! If the environment names a file, each test writes a line to the file for each backend on which it ran. A test writes
//! no line for a backend that it did not use. So it fills no cell of that backend, even if it passes.

mod faces;
pub(crate) mod list;
mod refused;
mod runs;
mod table;
pub(crate) mod windows;

use std::path::Path;

use crate::process;
use crate::project::Project;
use list::{LIST, Row};
use runs::{EVERY_SET, LIMIT, OLD_LINUX, TESTS, VERDICTS};
use table::{Report, Table};

/// The rows of timers that concern waiting. All rows from C28 to `LAST` concern waiting, too.
const ABOUT_WAITING: &[u32] = &[1, 2, 4, 5, 15, 17, 25, 26, 27];
const LAST: u32 = 60;

/// Prints the table. On Linux, also prints a line for each set of refused system calls. The line has the results of the
/// event loop and of each face (Rust, C, Lua) while the calls of the set are refused. Takes tens of minutes.
pub(crate) fn run(project: &Project) -> Result<String, String> {
    print(project, &EVERY_SET)
}

/// Like [`run`], but tests the faces with one set only: the calls that are newer than Linux 4.18 are refused.
pub(crate) fn in_short(project: &Project) -> Result<String, String> {
    print(project, &[OLD_LINUX])
}

fn print(project: &Project, sets_for_faces: &[&str]) -> Result<String, String> {
    let list = std::fs::read_to_string(project.root.join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
    let is_here = |row: &Row| ABOUT_WAITING.contains(&row.number) || (28..=LAST).contains(&row.number);
    let rows = list::rows(&list).into_iter().filter(is_here).collect();

    let file = project.target.join("conformance.verdicts");
    let ran = run_tests(project, &file);
    let reports = std::fs::read_to_string(&file).map_err(|error| format!("no test has written a line: {error}"))?;
    let reports = reports.lines().filter_map(Report::read);
    let reports: Vec<_> = reports.chain(windows::reports(project).into_iter().map(Report::on_windows)).collect();
    let table = Table::new(rows, &reports);
    print!("\n{table}");
    ran?;
    if cfg!(target_os = "linux") {
        refused::run(project, sets_for_faces)?;
    } else {
        println!("{}, {}: paste the table and this line into an issue", std::env::consts::OS, std::env::consts::ARCH);
    }
    match table.tally() {
        (passed, 0) => Ok(format!("{passed} passed, 0 failed")),
        (_, failed) => Err(format!("{failed} cells of the table have failed or are missing")),
    }
}

/// Runs the event loop's tests.
fn run_tests(project: &Project, file: &Path) -> Result<(), String> {
    // Removes the file of an earlier run.
    let _ = std::fs::remove_file(file);
    process::run(project.cargo(&TESTS).arg("--no-run"))?;
    // A test takes its name from its thread. If there were only one thread, the tests would run on the main thread,
    // which does not have the test's name.
    process::watch(project.cargo(&TESTS).env(VERDICTS, file).env("RUST_TEST_THREADS", "2"), LIMIT).1
}
