//! On which backends a story is told, and what came of it.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// Leaves a line for the table of `cargo xtask conformance`, which names a file in the environment. A test's thread has
/// the name of the test.
fn tell(backend: &str, verdict: &str) {
    let Some(path) = std::env::var_os("COGLOOP_TEST_TOLD") else { return };
    let line = format!("{backend}\t{verdict}\t{}\n", std::thread::current().name().unwrap_or_default());
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
