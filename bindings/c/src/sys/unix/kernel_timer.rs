//! The kernel timer on which the timer thread sleeps. A thread that arms an earlier deadline sets the kernel timer to
//! that deadline.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use super::clock::to_timespec;

/// A descriptor that becomes readable at a time of `CLOCK_BOOTTIME`.
#[derive(Debug)]
pub(crate) struct KernelTimer(OwnedFd);

impl KernelTimer {
    /// # Errors
    /// An error of the kernel.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)?))
    }

    /// Ends the sleep at this time, or now if the time has passed. `u64::MAX` means never.
    pub(crate) fn set(&self, at_ns: u64) {
        // A value of zeros would switch the timer off.
        let at = if at_ns == u64::MAX { to_timespec(0) } else { to_timespec(at_ns.max(1)) };
        let value = Itimerspec { it_interval: to_timespec(0), it_value: at };
        // The call fails only for an invalid time.
        let _ = timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &value);
    }

    /// Sleeps until the time that was set, or until a signal comes.
    pub(crate) fn sleep(&self) {
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}
