//! The kernel timer on which the timer thread sleeps: a waitable timer. A thread that arms an earlier deadline sets the
//! kernel timer to that deadline.

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

/// A waitable timer that a wait resets.
#[derive(Debug)]
pub(crate) struct KernelTimer(OwnedHandle);

impl KernelTimer {
    /// # Errors
    /// An error of the system.
    pub(crate) fn new() -> io::Result<Self> {
        // Systems before Windows 10 1803 refuse high resolution. Without it a sleep may be 16 ms too long.
        Self::with(CREATE_WAITABLE_TIMER_HIGH_RESOLUTION).or_else(|_| Self::with(0))
    }

    fn with(flags: u32) -> io::Result<Self> {
        // SAFETY: no security attributes and no name are given.
        let timer = unsafe { CreateWaitableTimerExW(null(), null(), flags, TIMER_ALL_ACCESS) };
        if timer.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle is new, and nothing else owns it.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(timer) }))
    }

    /// Ends the sleep at this time, or now if the time has passed. `u64::MAX` means never.
    pub(crate) fn set(&self, at_ns: u64) {
        let timer = self.0.as_raw_handle();
        if at_ns == u64::MAX {
            // SAFETY: the handle is this value's own open timer.
            unsafe { CancelWaitableTimer(timer) };
            return;
        }
        // A number below zero is a delay. The delay is rounded up, because a sleep must not be too short. It is at
        // least 1, because 0 would be a date.
        let units = at_ns.saturating_sub(now_ns()).div_ceil(UNIT_NS).max(1);
        let due = -(units as i64);
        // SAFETY: the handle is this value's own open timer. The delay is on this stack frame, and there is no function
        // to call.
        unsafe { SetWaitableTimer(timer, &raw const due, 0, None, null_mut(), 0) };
    }

    /// Sleeps until the time that was set.
    pub(crate) fn sleep(&self) {
        // SAFETY: the handle is this value's own open timer.
        unsafe { WaitForSingleObject(self.0.as_raw_handle(), INFINITE) };
    }
}
