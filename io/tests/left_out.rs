//! Stories that are not compiled on this system, each with its reason: they are counted as skipped.
#![cfg(target_os = "linux")]

#[path = "common/told.rs"]
mod told;

/// `io/tests/process.rs`, C60.
#[cfg(not(target_env = "gnu"))]
#[test]
fn a_signal_a_millisecond_starves_nothing_c60() {
    told::skip("a timer that signals a thread", "the crate nix has none with this C library");
}

/// `io/tests/refused.rs`, and `refused` of the unit tests of `uring`.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
#[test]
fn what_the_kernel_refuses_c51() {
    told::skip("a filter of system calls", "the crate seccompiler does not know this architecture");
}
