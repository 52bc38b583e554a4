//! The wait on an epoll set, by the system calls that the kernel has.
//!
//! ```text
//!   a deadline ──► with an alarm: the alarm rings in the set, and the wait has no timeout
//!              ──► without one: ppoll on the set with a timeout in ns, then a wait of 0 that takes the events
//! ```

use super::{Epoll, Found};
use crate::backend::{BRIEF_NS, EVENTS_MAX};
use crate::{Event, Interest};
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::collections::TryReserveError;

/// The longest timeout that is passed to the kernel. Every kernel accepts it, even with 32-bit seconds.
const TIMEOUT_MAX_NS: u64 = 1_000_000_000_000_000;

impl Epoll {
    pub(super) fn use_plain_waits(&mut self) -> Result<(), TryReserveError> {
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(EVENTS_MAX)?;
        buffer.resize(EVENTS_MAX, EpollEvent::empty());
        self.plain_buffer = Some(buffer);
        Ok(())
    }

    /// Sets the alarm, if there is one, unless the wait is brief. Returns the timeout for the kernel's wait; `None` if
    /// the alarm will end the wait, or if the wait has no limit.
    pub(super) fn kernel_timeout_ns(&mut self, left_ns: Option<u64>) -> Option<u64> {
        if left_ns.is_some_and(|ns| ns <= BRIEF_NS) {
            return Some(0);
        }
        match self.alarm.as_mut().map(|alarm| alarm.set(left_ns)) {
            Some(Ok(())) => return None,
            Some(Err(_)) => self.alarm = None,
            None => {}
        }
        left_ns
    }

    /// Waits until a descriptor is ready or `timeout_ns` have passed (`None`: for ever), and reports the events.
    pub(super) fn wait_for(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> Result<Found, Errno> {
        if let Some(ns) = timeout_ns.filter(|&ns| ns > 0) {
            let ns = ns.min(TIMEOUT_MAX_NS);
            let timeout = Timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ };
            poll(&mut [PollFd::new(&self.set.0, PollFlags::IN)], Some(&timeout))?;
        }
        let lasts = timeout_ns.is_none();
        if self.plain_buffer.is_none() {
            match self.take(events, lasts) {
                Err(Errno::NOSYS) => self.use_plain_waits().map_err(|_| Errno::NOMEM)?,
                answer => return answer,
            }
        }
        self.take_plainly(events, lasts)
    }

    /// Reports the events that have come. If `lasts` is true, waits for the first event.
    fn take(&mut self, events: &mut Vec<Event>, lasts: bool) -> Result<Found, Errno> {
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let answer = epoll::wait(&self.set.0, spare_capacity(&mut buffer), (!lasts).then_some(&AT_ONCE));
        let mut found = Found::Nothing;
        for event in &buffer {
            let (flags, data) = (event.flags, event.data);
            found = found.max(self.report(data.u64(), flags.bits(), events));
        }
        self.buffer = buffer;
        answer.map(|_| found)
    }

    /// Does the same as [`take`](Self::take), with `epoll_wait`.
    fn take_plainly(&mut self, events: &mut Vec<Event>, lasts: bool) -> Result<Found, Errno> {
        let timeout = if lasts { EpollTimeout::NONE } else { EpollTimeout::ZERO };
        let mut buffer = self.plain_buffer.take().unwrap_or_default();
        let answer = self.set.wait(&mut buffer, timeout);
        let mut found = Found::Nothing;
        for event in &buffer[..answer.unwrap_or(0)] {
            found = found.max(self.report(event.data(), event.events().bits() as u32, events));
        }
        self.plain_buffer = Some(buffer);
        answer.map(|_| found).map_err(|error| Errno::from_raw_os_error(error as i32))
    }

    /// The ready directions of a registration with this interest. Hang-up and error make both reading and writing
    /// ready. The user learns which it was by reading or writing.
    pub(super) fn readiness(bits: u32, interest: Interest) -> Interest {
        const ENDS: u32 = EventFlags::HUP.bits() | EventFlags::ERR.bits();
        const READS: u32 = EventFlags::IN.bits() | EventFlags::RDHUP.bits() | ENDS;
        const WRITES: u32 = EventFlags::OUT.bits() | ENDS;
        let read = if bits & READS != 0 { Interest::READ } else { Interest::NONE };
        let write = if bits & WRITES != 0 { Interest::WRITE } else { Interest::NONE };
        let has_priority = bits & EventFlags::PRI.bits() != 0 || interest == Interest::PRIORITY && bits & ENDS != 0;
        let priority = if has_priority { Interest::PRIORITY } else { Interest::NONE };
        read | write | priority
    }
}
