//! How the library starts its threads: with signals blocked, which are for the program's own threads.
//!
//! A signal that is sent to a process comes to any thread that does not block it. Were that one of ours, a program that
//! blocks a signal in its threads, to wait for it, would be ended by it, and a handler would run where it never had.

use std::io;
use std::thread::{Builder, JoinHandle};

use cogloop_io::memory::expect_bytes;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// What a thread raises by a fault of its own, and a handler wants to hear of at once.
const FAULTS: [Signal; 7] =
    [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGTRAP, Signal::SIGSYS, Signal::SIGABRT];

/// More than the standard library allocates for a thread, apart from its stack. It has no fallible call for that.
const FOR_A_THREAD: usize = 16 << 10;

/// Starts a thread that no signal comes to. Those of the caller are back when it returns.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    expect_bytes(FOR_A_THREAD)?;
    let mut signals = SigSet::all();
    FAULTS.into_iter().for_each(|fault| signals.remove(fault));
    // A thread begins with the mask of the one that makes it, so that there is no moment without.
    let before = signals.thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let thread = Builder::new().name(name.into()).spawn(work);
    // It can only fail for a way of setting that is none.
    let _ = before.thread_set_mask();
    thread
}
