//! While a loop runs, its thread is not cancelled: a cancellation would unwind through a turn and leave half of it undone. It
//! stays pending, and takes effect after `cog_loop_run` has returned. The same holds for functions that may close a descriptor,
//! where the C library looks for a pending cancellation. Functions of timers make no such call.

use std::ffi::c_int;
use std::ptr;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

/// `PTHREAD_CANCEL_DISABLE`: 1 in glibc, musl and the BSDs, 0 on macOS.
const DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

/// Keeps the thread from being cancelled until it is dropped.
#[derive(Debug)]
pub(crate) struct NotCancelled(c_int);

impl NotCancelled {
    pub(crate) fn new() -> Self {
        let mut before = DISABLE;
        // SAFETY: the output is an int of ours.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
        Self(before)
    }
}

impl Drop for NotCancelled {
    fn drop(&mut self) {
        // SAFETY: the state is one that the function has returned, and it need not return it again.
        unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
    }
}
