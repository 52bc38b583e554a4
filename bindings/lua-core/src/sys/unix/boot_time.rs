//! The clock of `luamockit`: `CLOCK_BOOTTIME`, which also counts while the machine sleeps. This file reads the clock,
//! sleeps by it, and makes descriptors that become readable at a time of the clock.

use super::descriptor::Number;
use rustix::io::Errno;
use rustix::thread::{NanosleepRelativeResult, clock_nanosleep_absolute, clock_nanosleep_relative};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

const NS_PER_SEC: u64 = 1_000_000_000;

/// Nanoseconds since the machine started.
pub(crate) fn now_ns() -> u64 {
    to_ns(clock_gettime(ClockId::Boottime))
}

fn to_ns(time: Timespec) -> u64 {
    time.tv_sec as u64 * NS_PER_SEC + time.tv_nsec as u64
}

fn to_timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / NS_PER_SEC) as _, tv_nsec: (ns % NS_PER_SEC) as _ }
}

/// Sleeps until `at_ns`. Returns false if a signal came first.
///
/// # Errors
/// The kernel's error; none is expected.
pub(crate) fn sleep_until(at_ns: u64) -> io::Result<bool> {
    match clock_nanosleep_absolute(ClockId::Boottime, &to_timespec(at_ns)) {
        Ok(()) => Ok(true),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sleeps. If a signal comes first, returns the remaining time.
///
/// # Errors
/// The number of the kernel's error; none is expected.
pub(crate) fn sleep(ns: u64) -> Result<Option<u64>, i32> {
    match clock_nanosleep_relative(ClockId::Boottime, &to_timespec(ns)) {
        NanosleepRelativeResult::Ok => Ok(None),
        NanosleepRelativeResult::Interrupted(left) => Ok(Some(to_ns(left))),
        NanosleepRelativeResult::Err(error) => Err(error.raw_os_error()),
    }
}

/// A descriptor that is readable while an event is due.
pub(crate) struct Alarm {
    fd: OwnedFd,
    at_ns: u64,
}

impl Alarm {
    /// # Errors
    /// Returns the kernel's error.
    pub(crate) fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        Ok(Self { fd, at_ns: 0 })
    }

    /// Sets the time from which the descriptor is readable; 0 is never.
    pub(crate) fn set(&mut self, at_ns: u64) {
        if at_ns == self.at_ns {
            return;
        }
        self.at_ns = at_ns;
        let value = Itimerspec { it_interval: to_timespec(0), it_value: to_timespec(at_ns) };
        // The call fails only for an invalid time.
        let _ = timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &value);
    }

    pub(crate) fn number(&self) -> Number {
        self.fd.as_raw_fd()
    }
}
