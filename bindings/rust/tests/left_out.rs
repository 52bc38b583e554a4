//! Stand-ins for tests that are not compiled on this system. Each gives its reason and counts as skipped.
#![cfg(windows)]

/// Stands for the tests under `cfg( unix )`.
#[test]
fn what_windows_lacks() {
    for line in [
        "skipped: what_windows_lacks: signals, children, pipes and files: only sockets can be observed",
        "skipped: what_windows_lacks: Unix sockets: the standard library has none for Windows",
        "skipped: what_windows_lacks: the same events for the same seed: they come a moment later",
        "skipped: what_windows_lacks: a loop inside another: a completion port cannot be observed by another",
    ] {
        use std::io::Write;
        // The line is written directly to stdout, because the harness hides the output of a test that passes.
        writeln!(std::io::stdout(), "{line}").unwrap();
    }
}
