//! Starts the library's threads with all signals blocked, and numbers the threads.
//!
//! A signal that is sent to a process goes to any thread that does not block it. If the library's threads did not block
//! signals, handlers would run on these threads. A program may also block a signal in all of its own threads and wait
//! for it with `sigwait`. If a library thread did not block the signal, the signal would then end the program.

use std::io;
use std::thread::{Builder, JoinHandle};

use cogloop_io::memory::expect_bytes;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Signals that a fault raises in the thread itself. They are not blocked.
const FAULTS: [Signal; 7] =
    [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGTRAP, Signal::SIGSYS, Signal::SIGABRT];

/// An upper bound, in bytes, for the memory that the standard library allocates for a thread, without the stack. Those
/// allocations cannot return an error.
const FOR_A_THREAD: usize = 16 << 10;

/// Starts a thread with these signals blocked. The caller's mask is unchanged afterwards.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    expect_bytes(FOR_A_THREAD)?;
    let mut signals = SigSet::all();
    FAULTS.into_iter().for_each(|fault| signals.remove(fault));
    // A new thread inherits the mask of the thread that makes it, so its signals are blocked from the start.
    let before = signals.thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let thread = Builder::new().name(name.into()).spawn(work);
    // The call fails only for an invalid `how`.
    let _ = before.thread_set_mask();
    thread
}

/// A number that no other living thread has. It is never 0.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_pointer_width = "64", not(miri)))]
#[inline(always)]
pub(crate) fn number() -> usize {
    let number;
    // SAFETY: this reads the thread pointer. By the system's ABI it is the first word of the thread's control block,
    // and is the address of this block. Nothing is written.
    unsafe { std::arch::asm!("mov {}, fs:0", out(reg) number, options(nostack, preserves_flags, readonly)) };
    number
}

/// A number that no other living thread has. It is never 0.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_pointer_width = "64", not(miri))))]
#[inline(always)]
pub(crate) fn number() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}
