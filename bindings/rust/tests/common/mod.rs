//! Helpers of the tests: every backend in turn, and virtual time.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use cogloop::{Loop, Options};
use std::io::Write;
use std::time::Duration;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// Runs the test on each backend that this system permits. If another backend is taken, prints a line that `cargo xtask
/// test` counts.
pub fn on_every_backend(story: impl Fn(&Options)) {
    for name in BACKENDS {
        let options = Options::new().backend(name);
        let opened = Loop::<()>::with_options(options.clone()).unwrap().backend().clone();
        if opened.name == name {
            println!("on {name}:");
            story(&options);
        } else {
            skip(name, &opened.reason);
        }
    }
}

/// Reports that a test is skipped because the system lacks something that it needs.
pub fn skip(need: &str, why: &str) {
    let line = format!("skipped: {}: {need}: {why}\n", std::thread::current().name().unwrap_or_default());
    // The line is written directly to stdout, because the harness hides the output of a test that passes.
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// Makes a loop on virtual time. Its state is the list in which its callbacks record their calls.
pub fn simulated() -> Loop<Vec<u64>> {
    Loop::simulated().unwrap()
}

/// Runs the loop to its end.
pub fn log_of(events: &mut Loop<Vec<u64>>) -> Vec<u64> {
    let mut log = Vec::new();
    events.run(&mut log).unwrap();
    log
}
