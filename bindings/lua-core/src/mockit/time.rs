//! `CLOCK_BOOTTIME`, which also counts while the machine sleeps; sleeping by it; and a descriptor that is readable when
//! an event is due.

use super::queue::NS_PER_MS;
use crate::lua::interrupt;
use rustix::io::Errno;
use rustix::thread::{NanosleepRelativeResult, clock_nanosleep_absolute, clock_nanosleep_relative};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

const NS_PER_SEC: u64 = 1_000_000_000;

/// Nanoseconds since the machine's start.
pub(super) fn now_ns() -> u64 {
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
/// The kernel's; none is expected.
pub(super) fn sleep_until(at_ns: u64) -> io::Result<bool> {
    match clock_nanosleep_absolute(ClockId::Boottime, &to_timespec(at_ns)) {
        Ok(()) => Ok(true),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sleeps, with `resume` through signals, but not through an interrupt. Returns the milliseconds that are left, rounded
/// up, and the error number.
pub(super) fn sleep(ms: u64, resume: bool) -> (u64, i32) {
    let end_ns = now_ns().saturating_add(ms.saturating_mul(NS_PER_MS));
    let left_ms = |left_ns: u64| left_ns.div_ceil(NS_PER_MS);
    loop {
        let left_ns = end_ns.saturating_sub(now_ns());
        match clock_nanosleep_relative(ClockId::Boottime, &to_timespec(left_ns)) {
            NanosleepRelativeResult::Ok => return (0, 0),
            NanosleepRelativeResult::Interrupted(_) if resume && !interrupt::pending() => {}
            NanosleepRelativeResult::Interrupted(left) => return (left_ms(to_ns(left)), Errno::INTR.raw_os_error()),
            NanosleepRelativeResult::Err(error) => return (left_ms(left_ns), error.raw_os_error()),
        }
    }
}

/// A descriptor that is readable while an event is due.
pub(super) struct Alarm {
    fd: OwnedFd,
    at_ns: u64,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        Ok(Self { fd, at_ns: 0 })
    }

    /// Makes it readable from `at_ns` on; 0 is never. Until then it is not readable.
    pub(super) fn set(&mut self, at_ns: u64) {
        if at_ns == self.at_ns {
            return;
        }
        self.at_ns = at_ns;
        let value = Itimerspec { it_interval: to_timespec(0), it_value: to_timespec(at_ns) };
        // It can fail for an invalid time only.
        let _ = timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &value);
    }

    pub(super) fn number(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
