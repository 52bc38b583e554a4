//! Stories that are not compiled on this system, each with its reason: they are counted as skipped.

#[path = "common/told.rs"]
mod told;

/// `io/tests/process.rs`, C60.
#[cfg(all(target_os = "linux", not(target_env = "gnu")))]
#[test]
fn a_signal_a_millisecond_starves_nothing_c60() {
    told::skip("a timer that signals a thread", "the crate nix has none with this C library");
}

/// `io/tests/refused.rs`, and `refused` of the unit tests of `uring`.
#[cfg(all(target_os = "linux", not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
#[test]
fn what_the_kernel_refuses_c51() {
    told::skip("a filter of system calls", "the crate seccompiler does not know this architecture");
}

/// What stands under `cfg( unix )` in these tests.
#[cfg(windows)]
#[test]
fn what_windows_has_not() {
    for (need, why) in [
        ("a signal", "Windows has none"),
        ("a fork", "Windows has none"),
        ("the descriptor of a child, a pipe or a file", "on Windows only sockets can be observed"),
        ("a descriptor of a chosen number", "Windows chooses the numbers of sockets itself"),
        ("a loop inside another", "a completion port cannot be observed by another"),
        ("the descriptor of a waker", "on Windows a waker has none"),
    ] {
        told::skip(need, why);
    }
}
