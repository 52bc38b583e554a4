//! On which backends a story is told, and what came of it.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Tells the story on these backends, with what belongs to each; the others have their turn even if one fails.
pub fn on_each<T>(backends: impl IntoIterator<Item = (&'static str, T)>, story: impl Fn(T)) {
    let mut failed = Vec::new();
    for (name, with) in backends {
        println!("on {name}:");
        let is_told = catch_unwind(AssertUnwindSafe(|| story(with))).is_ok();
        tell(name, if is_told { "ok" } else { "FAILED" });
        failed.extend((!is_told).then_some(name));
    }
    assert!(failed.is_empty(), "failed on {}", failed.join("; "));
}

/// Says why the story of this test is not told on these backends.
pub fn not_on(backends: &[&str], why: &str) {
    backends.iter().for_each(|name| tell(name, why));
}

/// What a story needs, or nothing where this system refuses it: an older kernel, a container, another architecture. The
/// story is skipped then; the line that says so is counted by `cargo xtask test`.
///
/// # Panics
/// For any other error.
pub fn or_skip<T>(need: &str, made: io::Result<T>) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(error) if is_refusal(&error) => {
            skip(need, &error.to_string());
            None
        }
        Err(error) => panic!("{need}: {error}"),
    }
}

/// Says that a story is not told, for want of what it needs.
pub fn skip(need: &str, why: &str) {
    tell(need, &format!("refused here: {why}"));
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let line = format!("skipped: {}: {need}: {why}\n", std::thread::current().name().unwrap_or_default());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
        // Past the harness, which keeps what a test prints that passes.
        io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

/// `EPERM` and `ENOSYS` are what filters and older kernels answer, `EINVAL` what a kernel says to a flag that it does not
/// know.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(1 | 22 | 38)) || error.kind() == io::ErrorKind::Unsupported
}

/// Leaves a line for the table of `cargo xtask conformance`, which names a file in the environment. A test's thread has
/// the name of the test.
fn tell(backend: &str, verdict: &str) {
    let Some(path) = std::env::var_os("COGLOOP_TEST_TOLD") else { return };
    let line = format!("{backend}\t{verdict}\t{}\n", std::thread::current().name().unwrap_or_default());
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
