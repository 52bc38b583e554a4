//! `cargo xtask test --sanitize`: the compiler's own watchmen. Not in the run of everything, because each of them builds
//! all anew. Nightly compilers only.

use super::step::{Outcome, Step, TESTS_LIMIT};
use super::summary::Tally;
use super::{c_programs, c_threads};
use crate::process;
use crate::project::Project;

pub(super) const STEPS: &[Step] = &[
    Step { name: "address", about: "the tests of io and of the runner, under the address sanitizer", run: address },
    Step { name: "thread", about: "the tests of the waker, under the thread sanitizer", run: thread },
    Step {
        name: "c-threads",
        about: "the C library, under the thread sanitizer, a million operations",
        run: c_threads::at_length,
    },
    Step { name: "c-exits", about: "a thousand processes that end with 10,000 timers armed", run: c_programs::exits },
];

/// Naming it keeps the flags from build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Memory used after it was freed, beyond its end, or twice freed. Leaks are not looked for: the tests lend descriptors
/// for ever.
fn address(project: &Project) -> Outcome {
    watched(project, "address", &["-p", "cogloop-io", "-p", "cogloop-lua-core", "-p", "cogloop-runner", "--tests"])
}

/// Data that two threads use without order between them. It must know each atomic operation, those of the standard
/// library too, which is therefore built with it, and takes most of the time. It puts a signal off until the thread calls
/// the C library; a thread that sleeps in a system call of its own never does, so the tests of signals are left out.
fn thread(project: &Project) -> Outcome {
    let tests = ["-p", "cogloop-io", "--lib", "--test", "waker", "wake", "--", "--skip", "signal"];
    watched(project, "thread", &[&["-Zbuild-std"][..], &tests].concat())
}

fn watched(project: &Project, sanitizer: &str, arguments: &[&str]) -> Outcome {
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
