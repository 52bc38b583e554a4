//! The kernel timer on which the timer thread sleeps: a waitable timer. A thread that arms an earlier deadline sets the kernel timer
//! to it.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};

use windows_sys::Win32::System::Threading::{
    CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, CancelWaitableTimer, CreateWaitableTimerExW, INFINITE, SetWaitableTimer,
    TIMER_ALL_ACCESS, WaitForSingleObject,
};

use super::clock::now_ns;

/// The unit of waitable timers, in nanoseconds.
const UNIT_NS: u64 = 100;

/// The flag for a timer that a wait resets.
#[derive(Debug)]
pub(crate) struct KernelTimer(OwnedHandle);

impl KernelTimer {
    /// # Errors
    /// The system's.
    pub(crate) fn new() -> io::Result<Self> {
        // Systems before Windows 10 1803 refuse high resolution. Without it a sleep may be 16 ms too long.
        Self::with(CREATE_WAITABLE_TIMER_HIGH_RESOLUTION).or_else(|_| Self::with(0))
    }

    fn with(flags: u32) -> io::Result<Self> {
        // SAFETY: neither security attributes nor a name are given.
        let timer = unsafe { CreateWaitableTimerExW(null(), null(), flags, TIMER_ALL_ACCESS) };
        if timer.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new handle, which nothing else owns.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(timer) }))
    }

    /// Ends the sleep at this time, or now if it has passed; `u64::MAX` is never.
    pub(crate) fn set(&self, at_ns: u64) {
        let timer = self.0.as_raw_handle();
        if at_ns == u64::MAX {
            // SAFETY: our own open timer.
            unsafe { CancelWaitableTimer(timer) };
            return;
        }
        // A number below zero is a delay. Rounded up, because a sleep must not be too short; at least 1, because 0 would be a date.
        let units = at_ns.saturating_sub(now_ns()).div_ceil(UNIT_NS).max(1);
        let due = -(units as i64);
        // SAFETY: our own open timer, a delay on our stack, and no function to call.
        unsafe { SetWaitableTimer(timer, &raw const due, 0, None, null_mut(), 0) };
    }

    /// Sleeps until the time that was set.
    pub(crate) fn sleep(&self) {
        // SAFETY: our own open timer.
        unsafe { WaitForSingleObject(self.0.as_raw_handle(), INFINITE) };
    }
}
