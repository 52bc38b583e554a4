//! Runs tests ("stories") on several backends, and records where they were skipped.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Runs `story` with the value of each backend. After a failure with one value, it still runs with the others.
pub fn on_each<T>(backends: impl IntoIterator<Item = (&'static str, T)>, story: impl Fn(T)) {
    let mut failed = Vec::new();
    for (name, with) in backends {
        println!("on {name}:");
        let has_passed = catch_unwind(AssertUnwindSafe(|| story(with))).is_ok();
        record(name, if has_passed { "ok" } else { "FAILED" });
        failed.extend((!has_passed).then_some(name));
    }
    assert!(failed.is_empty(), "failed on {}", failed.join("; "));
}

/// Records why this test does not run on some backends.
pub fn not_on(backends: &[&str], why: &str) {
    backends.iter().for_each(|name| record(name, why));
}

/// The value of `made`, or `None` if this system refuses it: an older kernel, a container, another architecture. Then
/// the test prints that it is skipped, and `cargo xtask test` counts that line.
///
/// # Panics
/// Panics on any other error.
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

/// Records that a story is skipped because the system refuses something that it needs.
pub fn skip(need: &str, why: &str) {
    record(need, &format!("refused here: {why}"));
    static PRINTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let line = format!("skipped: {}: {need}: {why}\n", std::thread::current().name().unwrap_or_default());
    if PRINTED.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
        // Written directly to stdout, because the harness does not show what a passing test prints.
        io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

/// Filters and older kernels return `EPERM` and `ENOSYS`. A kernel returns `EINVAL` for a flag that it does not know.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(1 | 22 | 38)) || error.kind() == io::ErrorKind::Unsupported
}

/// Writes a line for the table of `cargo xtask conformance` to the file that is named in the environment. The thread of
/// a test has the name of the test.
fn record(backend: &str, verdict: &str) {
    let Some(path) = std::env::var_os("COGLOOP_TEST_VERDICTS") else { return };
    let line = format!("{backend}\t{verdict}\t{}\n", std::thread::current().name().unwrap_or_default());
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
