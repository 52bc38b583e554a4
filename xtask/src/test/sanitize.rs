//! `cargo xtask test --sanitize`: runs tests under the compiler's sanitizers, which need a nightly compiler. These
//! steps are not part of `cargo xtask test`, because each sanitizer compiles everything again.

use super::step::{Step, StepResult, TESTS_LIMIT};
use super::summary::Tally;
use super::{c_programs, c_threads};
use crate::process;
use crate::project::Project;

pub(super) const STEPS: &[Step] = &[
    Step { name: "address", about: "the tests of io, lua-core and runner, under the address sanitizer", run: address },
    Step { name: "thread", about: "the tests of the waker, under the thread sanitizer", run: thread },
    Step {
        name: "c-threads",
        about: "the C library, under the thread sanitizer, a million operations",
        run: c_threads::at_length,
    },
    Step { name: "c-exits", about: "a thousand processes that end with 10,000 timers armed", run: c_programs::exits },
];

/// The commands name the target, because cargo would otherwise apply the flags to build scripts, too.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Finds use after free, access out of bounds, and double frees. It does not report leaks, because the tests leak
/// descriptors on purpose.
fn address(project: &Project) -> StepResult {
    watched(project, "address", &["-p", "cogloop-io", "-p", "cogloop-lua-core", "-p", "cogloop-runner", "--tests"])
}

/// Finds data races. The sanitizer must see each atomic operation, so the standard library is built, too. This takes
/// most of the time. The sanitizer delivers a signal only when the thread calls the C library. A thread that sleeps in
/// a raw system call makes no such call, so the tests of signals are left out.
fn thread(project: &Project) -> StepResult {
    let tests = ["-p", "cogloop-io", "--lib", "--test", "waker", "wake", "--", "--skip", "signal"];
    watched(project, "thread", &[&["-Zbuild-std"][..], &tests].concat())
}

fn watched(project: &Project, sanitizer: &str, arguments: &[&str]) -> StepResult {
    let mut cargo = project.program("rustup");
    cargo.args(["run", "nightly", "cargo", "test", "--target", TARGET]).args(arguments);
    cargo.env("RUSTFLAGS", format!("-Zsanitizer={sanitizer}"));
    cargo.env("CARGO_TARGET_DIR", project.target.join("sanitize").join(sanitizer));
    cargo.env("ASAN_OPTIONS", "detect_leaks=0");
    let (lines, verdict) = process::watch(&mut cargo, TESTS_LIMIT);
    let tally = Tally::of(&lines);
    verdict.map_err(|message| format!("{message} ({tally})"))?;
    tally.outcome()
}
