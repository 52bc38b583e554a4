//! Keeps a thread from being cancelled while a loop runs. A cancellation would unwind through a turn and leave the turn
//! half done. So a cancellation stays pending, and takes effect after `cog_loop_run` has returned. Functions that may
//! close a descriptor also put a cancellation off, because the C library cancels a thread at a close. Functions of
//! timers close no descriptor.

use std::ffi::c_int;
use std::ptr;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

/// `PTHREAD_CANCEL_DISABLE`: 1 in glibc, musl and the BSDs, 0 on macOS.
const DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

/// Keeps the thread from being cancelled until this value is dropped.
#[derive(Debug)]
pub(crate) struct NotCancelled(c_int);

impl NotCancelled {
    pub(crate) fn new() -> Self {
        let mut before = DISABLE;
        // SAFETY: the output points to a local int.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
        Self(before)
    }
}

impl Drop for NotCancelled {
    fn drop(&mut self) {
        // SAFETY: the state is one that the function has returned. A null output is allowed.
        unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
    }
}
