//! `io_uring`, the backend of Linux 5.11 and later where it is permitted. Twin of [`epoll`](crate::epoll).
//!
//! ```text
//!                    add, modify                wait: one system call
//!   registration ───────────────► Listed ──────────────────────────────► Armed     a one-shot poll in the kernel
//!                                   ▲                                      │
//!                                   └───────────── it completes ───────────┘
//!                ──► observed for nothing: neither
//! ```
//!
//! Level-triggered readiness is a one-shot poll for each registration. One that has reported is armed again by the next
//! wait, in the same system call that waits; if it is still ready, its poll completes there and then. No other way is
//! cheaper everywhere: multishot polls, with a `poll` before each wait to see who is still ready, cost more where one thing
//! happens at a time, and a little less where ten do. Who needs news only ([`expect_news`](Backend::expect_news)) gets what
//! is cheaper: a multishot poll, which stays armed. What bare loops of each kind cost, this one beside them, and how late
//! its timers are, stands in `docs/backends.md` with the commands that measure it.
//!
//! Every poll has a name of its own, serial number and slot, so that a completion of one that was cancelled is known as
//! late and dropped. An armed poll keeps the descriptor's file open, so [`remove`](Backend::remove) has it cancelled
//! before it returns, or, where the kernel has no memory for that, says so and leaves it to the next wait. A descriptor
//! that is closed without that is found out when its poll is armed, by a check of one armed registration at every 64th
//! wait, and by a check of all when nothing has happened for 10 to 20 ms: its peer sees the end then, not at once as with
//! epoll.
//!
//! What was woken between two waits is reported by the next, even if the user has taken the data in between without
//! having been told of it; and of a poll for both directions only the one that woke it, the other a turn later.
//!
//! Timeouts are in nanoseconds. The rings belong to the process that made them: a forked child is told so. The best kind
//! belongs to a thread, too; a loop that is used in another one makes new rings there. `unsafe` stands in `ring` only.

mod reap;
#[allow(unsafe_code, reason = "the io_uring crate leaves it to its user that pointers in entries are valid")]
mod ring;
mod send;
#[cfg(test)]
#[allow(unsafe_code, reason = "a fork")]
mod tests;

use crate::backend::BRIEF_NS;
use crate::fork::ForkMark;
use crate::identity::Identity;
use crate::number::Number;
use crate::{Backend, Clock, Event, Interest, MonotonicClock, Token, Waker};
use ring::{Completion, Ring};
use rustix::io::Errno;
use std::collections::{TryReserveError, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

pub use ring::Setup;

/// More entries than this in one wait take a system call more.
const ENTRIES: u32 = 256;

/// A registration is checked at its 1st, 2nd, 4th, … event and from then on at every one of this many. Of the armed
/// ones, one is checked at every wait of this many.
const CHECK_EVERY: u32 = 64;

/// How long nothing happens, at the least, before armed registrations are checked: those of busy loops never are.
const QUIET_NS: u64 = 10_000_000;

/// How many of them before it waits again: 10,000 would take two milliseconds.
const CHECK_BATCH: usize = 256;

/// How long to wait for the kernel to find memory for an entry again.
const SCARCE_NS: u64 = 1_000_000;

/// The names of what is no registration's poll: their serial number is 0.
const WAKER: u64 = 0;
const REMOVAL: u64 = 1;
const ALARM: u64 = 2;

struct Registration {
    fd: Number,
    interest: Interest,
    token: Token,
    file: Identity,
    /// The serial number of its poll in the kernel; 0: it has none.
    serial: u32,
    /// Whether its poll stays in the kernel when it reports, and does so again for news only.
    is_lasting: bool,
    /// Events so far.
    seen: u32,
    /// The last wait that reported it.
    reported: u32,
}

#[derive(Default)]
struct Slot {
    registration: Option<Registration>,
    // Whether `listed` has its index.
    is_listed: bool,
}

/// The rings and what we know of the polls in them.
pub struct Uring {
    mark: ForkMark,
    ring: Ring,
    // By the token's index.
    slots: Vec<Slot>,
    // Indices of slots to look at before the next wait: whatever is there and has no poll gets one. Room for all slots.
    listed: Vec<u32>,
    // Names of polls whose removal found no room, of registrations that are gone. Room for one more of each slot.
    owed: Vec<u64>,
    armed: usize,
    last_serial: u32,
    waker: Option<Waker>,
    waker_is_armed: bool,
    // Whether an alarm is on its way, and whether there was no event since it was set.
    alarm_is_set: bool,
    is_quiet: bool,
    // Whether one has come after a time without an event.
    is_time_to_check: bool,
    // Completions that had to make room before the wait for them.
    early: VecDeque<Completion>,
    waits: u32,
    // Whether there were completions before the last wait.
    is_outdated: bool,
    // Which slot is checked next.
    cursor: usize,
    // Whether the kernel has said that it had no memory for a completion.
    has_lost: bool,
}

impl Uring {
    /// Empty rings, close-on-exec, with the best setup that the kernel knows.
    ///
    /// # Errors
    /// `ENOSYS` or `EPERM` where io_uring is missing or forbidden, `Unsupported` before Linux 5.11, `ENOMEM`, `EMFILE`.
    pub fn new() -> io::Result<Self> {
        let mut answer = Err(Errno::INVAL.into());
        for setup in Setup::ALL {
            answer = Self::with_rings(ENTRIES, setup);
            match &answer {
                // The kernel does not know this setup.
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {}
                _ => break,
            }
        }
        answer
    }

    /// As on an older kernel, or with rings so small that they overflow: `entries` to send, and a multiple to receive.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and `EINVAL` for a setup that the kernel does not know.
    pub fn with_rings(entries: u32, setup: Setup) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new(entries, setup)?,
            mark: ForkMark::new()?,
            slots: Vec::new(),
            listed: Vec::new(),
            owed: Vec::new(),
            armed: 0,
            last_serial: 0,
            waker: None,
            waker_is_armed: false,
            alarm_is_set: false,
            is_quiet: false,
            is_time_to_check: false,
            early: VecDeque::new(),
            waits: 0,
            is_outdated: false,
            cursor: 0,
            has_lost: false,
        })
    }

    /// Where the kernel has said that the rings belong to another thread: new ones of this thread, and every poll to be
    /// armed anew. The old ones let go of their polls a little after they are closed.
    fn come_here(&mut self, error: Errno) -> io::Result<()> {
        if error != Errno::EXIST {
            return Err(error.into());
        }
        self.ring = Ring::new(ENTRIES, self.ring.setup())?;
        for index in 0..self.slots.len() {
            if let Some(known) = &mut self.slots[index].registration {
                known.serial = 0;
                self.list(index as u32);
            }
        }
        self.armed = 0;
        (self.waker_is_armed, self.alarm_is_set) = (false, false);
        self.owed.clear();
        self.early.clear();
        Ok(())
    }

    fn put(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.mark.check()?;
        if fd.as_raw_fd() == self.ring.as_fd().as_raw_fd() {
            return Err(Errno::INVAL.into());
        }
        let file = Identity::of(fd)?;
        let index = token.index() as usize;
        self.make_room(index)?;
        self.disarm(index).or_else(|error| self.come_here(error))?;
        let earlier = self.slots[index].registration.as_ref().filter(|earlier| earlier.token == token);
        let is_lasting = earlier.is_some_and(|earlier| earlier.is_lasting && earlier.file.still(fd));
        self.slots[index].registration = Some(Registration {
            fd: Number::of(fd),
            interest,
            token,
            file,
            serial: 0,
            is_lasting,
            seen: 0,
            reported: 0,
        });
        self.list(token.index());
        Ok(())
    }

    /// Room for a slot, and for what has to be noted of each of them when memory may have run out.
    fn make_room(&mut self, index: usize) -> Result<(), TryReserveError> {
        let more = (index + 1).saturating_sub(self.slots.len());
        self.slots.try_reserve(more)?;
        self.listed.try_reserve(self.slots.len() + more - self.listed.len())?;
        self.owed.try_reserve(self.slots.len() + more)?;
        if more > 0 {
            self.slots.resize_with(index + 1, Slot::default);
        }
        Ok(())
    }
}

impl Backend for Uring {
    fn name(&self) -> &'static str {
        "uring"
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        self.waker = Some(waker.clone());
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token)
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token)
    }

    fn expect_news(&mut self, token: Token) {
        let slot = self.slots.get_mut(token.index() as usize);
        let known = slot.and_then(|slot| slot.registration.as_mut()).filter(|known| known.token == token);
        if let Some(known) = known {
            known.is_lasting = known.file.announces();
        }
    }

    fn remove(&mut self, _fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.mark.check()?;
        let index = token.index() as usize;
        if index < self.slots.len() {
            let disarmed = self.disarm(index);
            self.forget(index);
            disarmed.or_else(|error| self.come_here(error))?;
        }
        // Whatever is queued may hold the file: a removal that a change of interest left there.
        if self.ring.queued() > 0 {
            self.send().or_else(|error| self.come_here(error))?;
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        self.mark.check()?;
        self.waits = self.waits.wrapping_add(1);
        self.is_outdated = !self.early.is_empty() || self.ring.has_completed() || self.ring.has_more();
        if self.waits.is_multiple_of(CHECK_EVERY) {
            self.check(1);
        }
        let mut unchecked = if timeout_ns == Some(0) { 0 } else { self.slots.len() };
        let deadline_ns = timeout_ns.filter(|&ns| ns > 0).map(|ns| MonotonicClock.now_ns().saturating_add(ns));
        let mut left_ns = timeout_ns;
        let mut has_come = false;
        loop {
            let mut armed = self.arm();
            if unchecked > 0 && self.armed > 0 {
                armed = armed.and_then(|()| self.set_alarm());
            }
            let is_brief = left_ns.is_some_and(|ns| ns <= BRIEF_NS);
            let slice_ns = if is_brief || self.has_lost || !self.early.is_empty() { Some(0) } else { left_ns };
            let mut is_over = match armed.and_then(|()| self.ring.enter(slice_ns)) {
                Ok(_) | Err(Errno::TIME) => false,
                Err(Errno::INTR) => true,
                Err(Errno::AGAIN | Errno::BUSY) => {
                    // Whether it is fulfilled or not, the next wait tries again.
                    let waited = self.ring.wait(left_ns.map_or(SCARCE_NS, |ns| ns.min(SCARCE_NS)));
                    self.has_lost |= waited == Err(Errno::BADR);
                    true
                }
                Err(Errno::BADR) => {
                    self.has_lost = true;
                    true
                }
                Err(error) if has_come => return Err(error.into()),
                Err(error) => {
                    self.come_here(error)?;
                    has_come = true;
                    continue;
                }
            };
            is_over |= self.reap(events);
            if std::mem::take(&mut self.has_lost) {
                self.expect_nothing();
                is_over = true;
            }
            if is_over || !events.is_empty() || timeout_ns == Some(0) {
                return Ok(());
            }
            if std::mem::take(&mut self.is_time_to_check) {
                unchecked = unchecked.saturating_sub(self.check(CHECK_BATCH));
            }
            left_ns = deadline_ns.map(|deadline_ns| deadline_ns.saturating_sub(MonotonicClock.now_ns()));
            if left_ns == Some(0) {
                return Ok(());
            }
        }
    }

    fn may_be_outdated(&self) -> bool {
        self.is_outdated
    }

    /// Completions that are deferred are announced to nobody but who waits for them here: not to an epoll set that the
    /// rings are in, nor, when a descriptor is an eventfd itself, to an eventfd of theirs. So a loop that is watched from
    /// outside goes on with rings of the older kind, which interrupt the outer wait.
    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        self.mark.check()?;
        if self.ring.setup() == Setup::Deferred {
            let announced = Ring::new(ENTRIES, Setup::Cooperative)?;
            self.expect_nothing();
            // What is refused now is let go when the rings are.
            let _ = self.send();
            self.ring = announced;
            self.owed.clear();
            self.early.clear();
            self.prepare()?;
        }
        Ok(self.ring.as_fd())
    }

    fn prepare(&mut self) -> io::Result<bool> {
        self.mark.check()?;
        match self.arm().and_then(|()| self.send()) {
            Ok(()) => Ok(self.has_lost || self.ring.has_completed() || !self.early.is_empty()),
            Err(Errno::AGAIN | Errno::BUSY) => Ok(true),
            Err(error) => self.come_here(error).map(|()| true),
        }
    }
}

impl Drop for Uring {
    /// The kernel takes its time to clear rings away; the files that they hold open are let go here.
    fn drop(&mut self) {
        if !self.mark.is_ours() {
            return;
        }
        for index in 0..self.slots.len() {
            let _ = self.disarm(index);
        }
        let _ = self.pay().and_then(|()| self.send());
    }
}
