//! `io_uring`, the backend of Linux 5.11 and later where it is permitted. Twin of [`epoll`](crate::epoll).
//!
//! ```text
//!                 add, modify
//!                      │
//!                      ▼
//!              ┌───────────────┐   armed when it is idle, or the loop is about to sleep   ┌────────────────┐
//!       ┌─────►│     Dirty     │ ────────────────────────────────────────────────────────►│     Armed      │
//!       │      │  the kernel   │                                                          │  a poll in the │
//!       │      │  tells us     │◄──────────────────────────────────────────────────────── │  kernel tells  │
//!       │      │  nothing      │   its poll completes                                     │  us            │
//!       │      └───────┬───────┘                                                          └────────────────┘
//!       └──────────────┘
//!    a look finds it ready: it is reported
//!
//!   one wait   1  collect what has completed since the last wait ──► dirty
//!              2  look: one `poll( 2 )` of all that are dirty ──► something is ready: report it and return
//!              3  nothing is ready: arm all that are dirty and sleep, in one `io_uring_enter` ──► report and return
//! ```
//!
//! A level-triggered registration has a one-shot poll: it is dirty again when that has completed. An edge
//! ([`expect_news`](Backend::expect_news)) has a multishot poll, which stays in the kernel when it reports; so has the
//! waker. While the loop does not sleep, new polls are multishot for all: a look follows each completion anyway.
//!
//! Step 2 is left out where step 3 does the same for less: when nothing has completed since the last wait and no
//! registration is busy, arming a dirty one finds out whether it is ready, in the system call that sleeps.
//!
//! A busy registration has no poll in the kernel: its completion would cost more than a look. As a network driver polls
//! under load and waits for interrupts otherwise, one that is found ready by look after look stays unarmed until the loop
//! sleeps, or until many looks in a row have found it not ready. So while the same descriptors are busy, a wait is one
//! `poll`, and the rings do nothing. `docs/backends.md` has the figures of this and of other ways, with the commands that
//! measure them.
//!
//! What is reported is true when [`wait`](Backend::wait) returns. A poll that completes while the user's code runs may be
//! outdated, because that code may have read the data: its completion only says which registration to look at. A poll
//! that completes while the loop sleeps is true.
//!
//! Each poll has a name of its own, a serial number and a slot. So the completion of a cancelled poll is recognised and
//! dropped. An armed poll keeps the descriptor's file open, so [`remove`](Backend::remove) cancels it before it returns.
//! Where the kernel has no memory for that, `remove` says so, and the next wait cancels it.
//!
//! A descriptor that is closed without `remove` is found when it is polled or armed, by a check of one armed registration
//! at every 64th wait, and by a check of all when nothing has happened for 10 to 20 ms. Its peer sees the end then, not at
//! once as with epoll.
//!
//! Timeouts are in nanoseconds. The rings belong to the process that made them: a forked child gets an error. The best kind
//! of rings belongs to a thread, too: a loop that moves to another thread makes new rings there. `unsafe` stands in `ring`
//! and `polled` only.

mod arm;
mod look;
#[allow(unsafe_code, reason = "one system call, whose array is ours")]
mod polled;
mod reap;
mod registration;
#[allow(unsafe_code, reason = "the io_uring crate leaves it to its user that pointers in entries are valid")]
mod ring;
#[cfg(test)]
#[allow(unsafe_code, reason = "a fork")]
mod tests;

use crate::backend::BRIEF_NS;
use crate::checks::CHECK_EVERY;
use crate::fork::ForkMark;
use crate::number::Number;
use crate::sys::{self, Identity};
use crate::{Backend, Clock, Event, Interest, MonotonicClock, Token, Waker};
use polled::Polled;
use registration::Registration;
use ring::{Completion, Ring};
use rustix::io::Errno;
use std::collections::{TryReserveError, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

pub use ring::Setup;

/// The size of the submission ring. A wait with more entries needs one more system call.
const ENTRIES: u32 = 256;

/// The most registrations that are checked before the loop sleeps again: 10,000 would take two milliseconds.
const CHECK_BATCH: usize = 256;

/// How long to wait before the kernel is asked again, after it had no memory for an entry.
const SCARCE_NS: u64 = 1_000_000;

/// Names of entries that are no registration's poll. Their serial number is 0. Each poll of the waker has a name of its own,
/// this one or a higher one.
const REMOVAL: u64 = 0;
const QUIET_TIMER: u64 = 1;
const WAKER: u64 = 2;

#[derive(Default)]
struct Slot {
    registration: Option<Registration>,
    // Whether `dirty` has its index.
    is_dirty: bool,
}

/// The rings, and what we know of the polls in them.
pub struct Uring {
    mark: ForkMark,
    ring: Ring,
    // By the token's index.
    slots: Vec<Slot>,
    // Indices of slots of which the kernel would not tell when they are ready: unarmed ones, and those that may have been
    // ready since before. Has room for all slots.
    dirty: Vec<u32>,
    // Whether one of them is armed, or busy: arming alone would not do, or would cost more than a look.
    needs_look: bool,
    // For the next look. Has room for all slots.
    polled: Polled,
    // Whether a look has found an unarmed registration idle for so long that it is to be armed for that reason alone.
    has_overdue: bool,
    // Names of polls to remove, of registrations that are gone: the queue was full, and the kernel took nothing. Has room
    // for one more of each slot.
    pending_removals: Vec<u64>,
    armed: usize,
    last_serial: u32,
    waker: Option<Waker>,
    waker_is_armed: bool,
    // The name of the waker's poll.
    waker_name: u64,
    // Whether the quiet timer is in the kernel, and whether there was no event since it was set.
    quiet_timer_is_set: bool,
    is_quiet: bool,
    // Whether the quiet timer has come after a time without an event.
    is_time_to_check: bool,
    // Completions that were taken to make room in the ring, and are not handled yet.
    early: VecDeque<Completion>,
    waits: u32,
    // How many waits in a row did not sleep.
    sleepless: u32,
    // The next slot to check.
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
            dirty: Vec::new(),
            needs_look: false,
            polled: Polled::default(),
            has_overdue: false,
            pending_removals: Vec::new(),
            armed: 0,
            last_serial: 0,
            waker: None,
            waker_is_armed: false,
            waker_name: WAKER,
            quiet_timer_is_set: false,
            is_quiet: false,
            is_time_to_check: false,
            early: VecDeque::new(),
            waits: 0,
            sleepless: 0,
            cursor: 0,
            has_lost: false,
        })
    }

    /// Makes new rings in this thread when the kernel says that the old ones belong to another. All registrations are
    /// unarmed then. The kernel drops the old polls a little after the old rings are closed.
    fn come_here(&mut self, error: Errno) -> io::Result<()> {
        if error != Errno::EXIST {
            return Err(error.into());
        }
        self.ring = Ring::new(ENTRIES, self.ring.setup())?;
        for index in 0..self.slots.len() {
            if let Some(known) = &mut self.slots[index].registration {
                known.serial = 0;
                self.mark_dirty(index as u32);
            }
        }
        self.armed = 0;
        (self.waker_is_armed, self.quiet_timer_is_set) = (false, false);
        self.pending_removals.clear();
        self.early.clear();
        Ok(())
    }

    fn put(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.mark.check()?;
        if fd.as_raw_fd() == self.ring.as_fd().as_raw_fd() {
            return Err(Errno::INVAL.into());
        }
        let index = token.index() as usize;
        let earlier = self.slots.get(index).and_then(|slot| slot.registration.as_ref());
        if earlier.is_some_and(|earlier| earlier.token == token && earlier.file.still(fd)) {
            self.disarm(index).or_else(|error| self.come_here(error))?;
            self.slots[index].registration.iter_mut().for_each(|known| known.interest = interest);
        } else {
            sys::refuse_path_only(fd)?;
            let file = Identity::of(fd)?;
            self.make_room(index)?;
            self.disarm(index).or_else(|error| self.come_here(error))?;
            let new = Registration::new(Number::of(fd), interest, token, file, self.waits);
            self.slots[index].registration = Some(new);
        }
        self.mark_dirty(token.index());
        Ok(())
    }

    /// Room for a slot, and for all that may be noted of each slot when memory has run out.
    fn make_room(&mut self, index: usize) -> Result<(), TryReserveError> {
        let more = (index + 1).saturating_sub(self.slots.len());
        let count = self.slots.len() + more;
        self.slots.try_reserve(more)?;
        self.dirty.try_reserve(count - self.dirty.len())?;
        self.pending_removals.try_reserve(count)?;
        self.polled.try_grow(count)?;
        if more > 0 {
            self.slots.resize_with(index + 1, Slot::default);
        }
        Ok(())
    }

    /// Arms all that are unarmed and sleeps until something is ready, in one system call. None that is armed may be ready.
    fn sleep(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        let mut unchecked = if timeout_ns == Some(0) { 0 } else { self.slots.len() };
        let deadline_ns = timeout_ns.filter(|&ns| ns > 0).map(|ns| MonotonicClock.now_ns().saturating_add(ns));
        let mut left_ns = timeout_ns;
        let mut has_come = false;
        loop {
            let mut armed = self.arm();
            if unchecked > 0 && self.armed > 0 {
                armed = armed.and_then(|()| self.set_quiet_timer());
            }
            let is_brief = left_ns.is_some_and(|ns| ns <= BRIEF_NS);
            let slice_ns = if is_brief || self.has_lost || !self.early.is_empty() { Some(0) } else { left_ns };
            let mut is_over = match armed.and_then(|()| self.ring.enter(slice_ns)) {
                Ok(_) | Err(Errno::TIME) => false,
                Err(Errno::INTR) => true,
                Err(Errno::AGAIN | Errno::BUSY) => {
                    // The next wait tries again, whatever becomes of this one.
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
            if self.recover_lost() || is_over || !events.is_empty() || timeout_ns == Some(0) {
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
            known.needs_news_only = known.file.announces();
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
        // A removal that a change of interest has queued keeps the file open, too.
        if self.ring.queued() > 0 {
            self.send().or_else(|error| self.come_here(error))?;
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        self.mark.check()?;
        self.waits = self.waits.wrapping_add(1);
        if self.waits.is_multiple_of(CHECK_EVERY) {
            self.check(1);
        }
        let mut is_over = self.has_completions() && self.collect()?;
        if self.needs_look {
            self.needs_look = false;
            is_over |= !self.look(events);
        }
        if is_over || !events.is_empty() {
            self.sleepless = self.sleepless.saturating_add(1);
            return if self.has_to_send() { self.send_along() } else { Ok(()) };
        }
        let is_settled = self.dirty.is_empty() && !self.has_to_send();
        if timeout_ns == Some(0) && is_settled && !self.has_completions() {
            return Ok(());
        }
        self.sleepless = 0;
        self.sleep(events, timeout_ns)
    }

    /// The kernel announces deferred completions only to a wait for the rings: not to an epoll set that has the rings
    /// in it, nor, when a descriptor is an eventfd itself, to an eventfd of the rings. So a loop that is watched from
    /// outside goes on with rings of the older kind, which interrupt the outer wait.
    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        self.mark.check()?;
        if self.ring.setup() == Setup::Deferred {
            let announced = Ring::new(ENTRIES, Setup::Cooperative)?;
            self.disarm_all();
            // What the kernel refuses now it drops with the rings.
            let _ = self.send();
            self.ring = announced;
            self.pending_removals.clear();
            self.early.clear();
            self.prepare()?;
        }
        Ok(self.ring.as_fd())
    }

    fn prepare(&mut self) -> io::Result<bool> {
        self.mark.check()?;
        // What may be ready still is announced by a new poll only.
        self.disarm_dirty();
        match self.arm().and_then(|()| self.send()) {
            Ok(()) => Ok(self.has_lost || self.ring.has_completed() || !self.early.is_empty()),
            Err(Errno::AGAIN | Errno::BUSY) => Ok(true),
            Err(error) => self.come_here(error).map(|()| true),
        }
    }
}

impl Drop for Uring {
    /// The kernel clears rings away some time after they are closed. So the files that they keep open are let go here.
    fn drop(&mut self) {
        if !self.mark.is_ours() {
            return;
        }
        for index in 0..self.slots.len() {
            let _ = self.disarm(index);
        }
        let _ = self.flush_removals().and_then(|()| self.send());
    }
}
