//! The tests that are run, and the sets of refused calls.

use std::time::Duration;

/// The environment variable that names the file for the results of tests; `io/tests/common/stories.rs` reads it.
pub(super) const VERDICTS: &str = "COGLOOP_TEST_VERDICTS";

/// The event loop's tests.
pub(super) const TESTS: [&str; 7] = ["test", "--quiet", "-p", "cogloop-io", "--lib", "--tests", "--no-fail-fast"];

/// The time limit. The tests need far less, so a test that reaches it hangs, and fails.
pub(super) const LIMIT: Duration = Duration::from_secs(1_200);

/// Names of sets of calls in `io/tests/common/refuse.rs`: four sets alone, these four together, and all calls that
/// Linux 4.18 lacks.
pub(super) const EVERY_SET: [&str; 6] =
    ["io_uring", "epoll_pwait2", "pidfd", "timerfd", "io_uring,epoll_pwait2,pidfd,timerfd", OLD_LINUX];
pub(super) const OLD_LINUX: &str = "linux-4.18";
