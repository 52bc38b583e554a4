//! A timer descriptor (timerfd) that ends an epoll wait at a deadline. The timeout of the wait itself would be late by
//! the thread's timer slack; a timer descriptor is not.
//!
//! ```text
//!   set( timeout ) ──► armed ──► rings, once ──► rang( )
//!                        │
//!                        └── the same deadline again, or a later one while it is far off: no system call
//! ```
//!
//! The alarm rings at most a microsecond too late. If it rings too early, the wait reads the clock and continues.

use crate::sys::own;
use crate::{Clock, MonotonicClock};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Deadlines this close together count as equal. `set` gets a timeout and computes the deadline from a new reading of
/// the clock. So the same deadline comes out a little later each time.
const SAME_NS: u64 = 1_000;

/// An alarm at least this far off is not moved when the deadline moves later. A program may postpone a timeout at every
/// event, and each move would cost a system call. An alarm that is not moved rings once too early, which costs one
/// wake-up for many such changes.
const FAR_NS: u64 = 100_000_000;

/// The timer descriptor. Watch it edge-triggered in an epoll set: then it need not be read.
pub(crate) struct Alarm {
    fd: OwnedFd,
    // The deadline for which the alarm is set, on the monotonic clock.
    set_for_ns: Option<u64>,
}

impl Alarm {
    /// Makes an alarm that is not set, close-on-exec.
    ///
    /// # Errors
    /// An error of the kernel, `EMFILE` for example.
    pub(crate) fn new() -> Result<Self, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let fd = own(|| timerfd_create(TimerfdClockId::Monotonic, flags))?;
        Ok(Self { fd, set_for_ns: None })
    }

    /// Makes the alarm ring when `timeout_ns` have passed. It may ring earlier, or up to [`SAME_NS`] later. With `None`
    /// the alarm need not ring.
    ///
    /// # Errors
    /// An error of the kernel.
    pub(crate) fn set(&mut self, timeout_ns: Option<u64>) -> Result<(), Errno> {
        if timeout_ns.is_none() && self.set_for_ns.is_none() {
            return Ok(());
        }
        let now_ns = MonotonicClock.now_ns();
        let wanted_ns = timeout_ns.map(|ns| now_ns.saturating_add(ns));
        if will_do(self.set_for_ns, wanted_ns, now_ns) { Ok(()) } else { self.set_for(wanted_ns) }
    }

    /// Makes the alarm stay silent.
    ///
    /// # Errors
    /// An error of the kernel.
    pub(crate) fn cancel(&mut self) -> Result<(), Errno> {
        if self.set_for_ns.is_none() { Ok(()) } else { self.set_for(None) }
    }

    fn set_for(&mut self, wanted_ns: Option<u64>) -> Result<(), Errno> {
        let time = |ns: u64| Timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ };
        // For the kernel a time of 0 means that the timer is not set. A wanted deadline is never 0, because it is not
        // before the present reading of the clock.
        let once = Itimerspec { it_interval: time(0), it_value: time(wanted_ns.unwrap_or(0)) };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &once)?;
        self.set_for_ns = wanted_ns;
        Ok(())
    }

    /// The deadline for which the alarm is set, on the monotonic clock.
    #[cfg(test)]
    pub(crate) fn set_for_ns(&self) -> Option<u64> {
        self.set_for_ns
    }

    /// Call this when the alarm has rung.
    pub(crate) fn rang(&mut self) {
        self.set_for_ns = None;
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether an alarm that is set for `set_for_ns` also serves a deadline of `wanted_ns`.
fn will_do(set_for_ns: Option<u64>, wanted_ns: Option<u64>, now_ns: u64) -> bool {
    let Some(set_for_ns) = set_for_ns else { return wanted_ns.is_none() };
    let is_same = wanted_ns.is_some_and(|wanted_ns| wanted_ns.abs_diff(set_for_ns) <= SAME_NS);
    let is_before = wanted_ns.is_none_or(|wanted_ns| set_for_ns < wanted_ns);
    is_same || is_before && set_for_ns >= now_ns.saturating_add(FAR_NS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::or_skip;
    use rustix::time::timerfd_gettime;

    const HOUR_NS: u64 = 3_600_000_000_000;

    /// The seconds until the alarm rings, as the kernel reports them; 0 if the alarm is not set.
    fn left_s(alarm: &Alarm) -> i64 {
        timerfd_gettime(alarm).unwrap().it_value.tv_sec
    }

    #[test]
    fn the_alarm_is_set_again_if_it_would_ring_too_late_or_soon_without_need() {
        const SET: u64 = FAR_NS + 5_000;
        let past = SET - FAR_NS + 1;
        for (set_for_ns, wanted_ns, now_ns, expected) in [
            (None, None, 0, true),
            (None, Some(SET), 0, false),
            (Some(SET), Some(SET), 0, true),
            (Some(SET), Some(SET - SAME_NS), 0, true),
            (Some(SET), Some(SET - SAME_NS - 1), 0, false),
            (Some(SET), Some(u64::MAX), 5_000, true),
            (Some(SET), None, 5_000, true),
            (Some(SET), Some(SET + SAME_NS), past, true),
            (Some(SET), Some(SET + SAME_NS + 1), past, false),
            (Some(SET), None, past, false),
        ] {
            assert_eq!(will_do(set_for_ns, wanted_ns, now_ns), expected, "{set_for_ns:?} {wanted_ns:?} at {now_ns}");
        }
    }

    #[test]
    fn the_kernel_has_the_earliest_deadline_until_the_alarm_is_cancelled() {
        let Some(mut alarm) = or_skip("timerfd", Alarm::new().map_err(Into::into)) else { return };
        assert_eq!(left_s(&alarm), 0);
        for (hours, rings_in) in [(2, 2), (1, 1), (3, 1)] {
            alarm.set(Some(hours * HOUR_NS)).unwrap();
            let (least, most) = (rings_in * 3_600 - 600, rings_in * 3_600);
            assert!((least..=most).contains(&left_s(&alarm)), "{hours} h: {} s", left_s(&alarm));
        }
        alarm.cancel().unwrap();
        assert_eq!(left_s(&alarm), 0);
        alarm.set(Some(u64::MAX)).unwrap();
        assert!(left_s(&alarm) > 3 * 3_600, "the end of time is no error");
        alarm.cancel().unwrap();
        alarm.set(Some(FAR_NS / 2)).unwrap();
        alarm.set(None).unwrap();
        let left = timerfd_gettime(&alarm).unwrap().it_value;
        assert_eq!((left.tv_sec, left.tv_nsec), (0, 0), "a near alarm is cancelled");
    }
}
