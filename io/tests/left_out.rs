//! Stand-ins for the tests that are not compiled on this system. Each counts as skipped and gives the reason.

#[path = "common/stories.rs"]
mod stories;

/// Stands for the test of the same name in `io/tests/process.rs`.
#[cfg(all(target_os = "linux", not(target_env = "gnu")))]
#[test]
fn a_signal_a_millisecond_starves_nothing_c60() {
    stories::skip("a timer that signals a thread", "the crate nix has none with this C library");
}

/// Stands for `io/tests/refused.rs`, and for the module `refused` of the unit tests of `uring`.
#[cfg(all(target_os = "linux", not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
#[test]
fn what_the_kernel_refuses_c51() {
    stories::skip("a filter of system calls", "the crate seccompiler does not know this architecture");
}

/// The tests under `cfg( target_os = "linux" )`.
#[cfg(all(unix, not(target_os = "linux")))]
#[test]
fn what_only_linux_has_c51_c53_c60() {
    stories::not_on(&["portable", "select"], "the test uses epoll, seccomp or a timer that signals a thread");
    for (need, why) in [
        ("an epoll set inside a loop, and a loop inside one", "only Linux has epoll"),
        ("a filter of system calls", "only Linux has seccomp"),
        ("a timer that signals a thread", "the crate nix has none on this system"),
        ("a descriptor that is a path only", "only Linux has it"),
        ("an eventfd", "not on every Unix"),
    ] {
        stories::skip(need, why);
    }
}

/// The tests under `cfg( unix )`.
#[cfg(windows)]
#[test]
fn what_windows_lacks() {
    for (need, why) in [
        ("a signal", "Windows has none"),
        ("a fork", "Windows has none"),
        ("the descriptor of a child, a pipe or a file", "on Windows only sockets can be observed"),
        ("a descriptor of a chosen number", "Windows chooses the numbers of sockets itself"),
        ("a loop inside another", "a completion port cannot be observed by another"),
        ("the descriptor of a waker", "on Windows a waker has none"),
    ] {
        stories::skip(need, why);
    }
}
