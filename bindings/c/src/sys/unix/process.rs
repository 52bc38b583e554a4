//! The exit and the fork of the process.

/// Registers a function that `exit` calls before it ends the process.
pub(crate) fn at_exit(run: extern "C" fn()) {
    // SAFETY: the function may be called at any time, and the library stays loaded.
    unsafe { libc::atexit(run) };
}

/// Registers functions that a thread calls when it forks: one before the fork, one after it in the parent, and one
/// after it in the child.
pub(crate) fn at_fork(before: Option<Hook>, after: Option<Hook>, in_child: Option<Hook>) {
    // SAFETY: the functions may be called whenever a thread forks, and the library stays loaded.
    unsafe { libc::pthread_atfork(before, after, in_child) };
}

/// A function of [`at_fork`].
pub(crate) type Hook = unsafe extern "C" fn();

/// Whether the process ends and the system has ended all other threads. Unix does not end threads while this thread
/// still runs code.
pub(crate) fn is_ending() -> bool {
    false
}
