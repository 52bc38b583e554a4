//! The backend for `io_uring`, on Linux 5.11 and later where it is permitted. It is built like [`epoll`](crate::epoll).
//!
//! ```text
//!                 add, modify
//!                      │
//!                      ▼
//!              ┌───────────────┐   armed when it is idle, or the loop is about to sleep   ┌────────────────┐
//!       ┌─────►│     Dirty     │ ────────────────────────────────────────────────────────►│     Armed      │
//!       │      │  the kernel   │                                                          │  a poll in the │
//!       │      │  may not      │◄──────────────────────────────────────────────────────── │  kernel        │
//!       │      │  report it    │   its poll completes                                     │  reports it    │
//!       │      └───────┬───────┘                                                          └────────────────┘
//!       └──────────────┘
//!    a look finds it ready: it is reported
//!
//!   one wait   1  collect the completions since the last wait ──► dirty
//!              2  look: one `poll( 2 )` of all dirty registrations ──► one is ready: report and return
//!              3  none is ready: arm all dirty ones and sleep, in one `io_uring_enter` ──► report and return
//! ```
//!
//! The poll of a level-triggered registration is one-shot: when it has completed, the registration is dirty again. The
//! poll of an edge-triggered one ([`expect_news`](Backend::expect_news)) is multishot and stays in the kernel when it
//! reports. The waker's poll is multishot, too. So is each new poll of a loop that does not sleep: see `arm.rs`.
//!
//! A registration becomes *busy* when looks have found it ready several times in quick succession. Then it has no poll
//! in the kernel, because a completion costs more than a look. It stays unarmed until the loop sleeps, or until some
//! looks in a row have found it not ready: two looks if the loop submits other entries anyway, eight if it does not. So
//! while the same descriptors are busy, a wait is one `poll`, and the rings are not used. docs/backends.md has figures.
//!
//! Step 2 is left out when nothing has completed since the last wait and no registration is busy or may become busy.
//! Step 3 then arms the dirty registrations in the system call that sleeps, and the new polls show what is ready.
//!
//! A report is true when [`wait`](Backend::wait) returns. A poll that completes while the user's code runs may be
//! outdated, because that code may have read the data. Such a completion only says which registration to look at. A
//! poll that completes during a sleep reports the truth.
//!
//! Each poll has a name of its own, made of a serial number and a slot. So the completion of a cancelled poll is
//! recognised and dropped. An armed poll keeps the descriptor's file open, so [`remove`](Backend::remove) cancels it
//! before it returns. If memory is short, `remove` returns an error, and the next wait cancels the poll.
//!
//! A descriptor that was closed without `remove` is found when it is polled, armed or checked. Until then an armed poll
//! hides the end from the peer, unlike with epoll. Every 64th wait checks one armed registration. While the loop
//! sleeps, the *quiet timer* starts a check of 256 after each 10 to 20 ms without an event, until all are checked.
//!
//! Timeouts are in nanoseconds. The rings belong to the process that made them, and a forked child gets an error. Rings
//! with the best setup also belong to a thread, so a loop that moves to another thread makes new rings there. Only
//! `ring` and `polled` contain `unsafe`.

mod arm;
mod look;
#[allow(unsafe_code, reason = "it makes one system call, on an array that it owns")]
mod polled;
mod reap;
mod registration;
#[allow(unsafe_code, reason = "the crate io-uring requires valid pointers in entries")]
mod ring;
#[cfg(test)]
#[allow(unsafe_code, reason = "a fork")]
mod tests;

use crate::backend::BRIEF_NS;
use crate::checks::CHECK_EVERY;
use crate::fork::ForkMark;
use crate::number::Number;
use crate::sys::Identifier;
use crate::{Backend, Clock, Event, Interest, MonotonicClock, Token, Waker};
use polled::Polled;
use registration::Registration;
use ring::{Completion, Ring};
use rustix::io::Errno;
use std::collections::{TryReserveError, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

pub use ring::Setup;

/// The size of the submission ring. A wait with more entries needs more than one system call.
const ENTRIES: u32 = 256;

/// The most registrations that are checked at a time before the loop sleeps: 10,000 would take two milliseconds.
const CHECK_BATCH: usize = 256;

/// How long to wait before submitting an entry again, after the kernel had no memory for it.
const SCARCE_NS: u64 = 1_000_000;

/// Names of entries that are not polls of registrations; their serial number is 0. The waker's polls count up from
/// `WAKER`.
const REMOVAL: u64 = 0;
const QUIET_TIMER: u64 = 1;
const WAKER: u64 = 2;

#[derive(Default)]
struct Slot {
    registration: Option<Registration>,
    // Whether the slot's index is in `dirty`.
    is_dirty: bool,
}

/// The rings and the registrations whose polls are in them.
pub struct Uring {
    mark: ForkMark,
    ring: Ring,
    identifier: Identifier,
    // By the index of the token.
    slots: Vec<Slot>,
    // Indices of slots whose registration may be ready without a further report from the kernel: those that are
    // unarmed, and those whose multishot poll has reported already. Its capacity is the number of slots.
    dirty: Vec<u32>,
    // Whether a dirty registration is armed or busy: then a look is necessary, or costs less than arming.
    needs_look: bool,
    // Used by the next look. Its capacity is the number of slots.
    polled: Polled,
    // Whether an unarmed registration was idle for so long that arming it is worth a system call of its own.
    has_overdue: bool,
    // Names of polls that are still to be removed, because the queue was full. Has room for one more name per slot.
    pending_removals: Vec<u64>,
    armed: usize,
    last_serial: u32,
    waker: Option<Waker>,
    waker_is_armed: bool,
    // The name of the waker's current poll.
    waker_name: u64,
    // Whether the quiet timer is in the kernel, and whether there was no event since it was queued.
    quiet_timer_is_set: bool,
    is_quiet: bool,
    // Whether the quiet timer has completed after a time without an event.
    is_time_to_check: bool,
    // Completions that were taken to make room in the ring, and are not handled yet.
    early: VecDeque<Completion>,
    waits: u32,
    // The number of waits in a row that did not sleep.
    sleepless: u32,
    // The next slot to check.
    cursor: usize,
    // Whether the kernel has reported that it lost a completion for lack of memory.
    has_lost: bool,
}

impl Uring {
    /// Makes empty rings, close-on-exec, with the best setup that the kernel supports.
    ///
    /// # Errors
    /// `ENOSYS` or `EPERM` if io_uring is missing or forbidden, `Unsupported` before Linux 5.11, `ENOMEM`, `EMFILE`.
    pub fn new() -> io::Result<Self> {
        let mut answer = Err(Errno::INVAL.into());
        for setup in Setup::ALL {
            answer = Self::with_rings(ENTRIES, setup);
            match &answer {
                // The kernel does not support this setup.
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {}
                _ => break,
            }
        }
        answer
    }

    /// Makes rings as on an older kernel, or rings so small that they overflow. The submission ring has `entries`
    /// entries, the completion ring a multiple of them.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and `EINVAL` for a setup that the kernel does not support.
    pub fn with_rings(entries: u32, setup: Setup) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new(entries, setup)?,
            mark: ForkMark::new()?,
            identifier: Identifier::default(),
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

    /// Makes new rings in this thread if the kernel says that the old ones belong to another thread. All registrations
    /// are unarmed then. The kernel drops the old polls shortly after the old rings are closed.
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
            let file = self.identifier.identify(fd)?;
            self.make_room(index)?;
            self.disarm(index).or_else(|error| self.come_here(error))?;
            let new = Registration::new(Number::of(fd), interest, token, file, self.waits);
            self.slots[index].registration = Some(new);
        }
        self.mark_dirty(token.index());
        Ok(())
    }

    /// Makes room for a slot, and for everything that is recorded of each slot when memory has run out.
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

    /// Arms all unarmed registrations and sleeps until one is ready, in one system call. Call it only when no armed
    /// registration can be ready.
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
                    // The loop's next wait tries again. Of this call's result only a lost completion matters.
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
        // A change of interest may have queued a removal. Until it is submitted, the old poll also keeps the file open.
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

    /// The kernel announces deferred completions only to a wait on the rings themselves. An epoll set with the rings in
    /// it does not see them, and an eventfd of the rings does not see them if the polled descriptor is itself an
    /// eventfd. So a loop that is watched from outside continues with rings of the older kind, which interrupt the
    /// outer wait.
    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        self.mark.check()?;
        if self.ring.setup() == Setup::Deferred {
            let announced = Ring::new(ENTRIES, Setup::Cooperative)?;
            self.disarm_all();
            // Entries that the kernel refuses now are dropped together with the rings.
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
        // Only a new poll announces a registration that may still be ready.
        self.disarm_dirty();
        match self.arm().and_then(|()| self.send()) {
            Ok(()) => Ok(self.has_lost || self.ring.has_completed() || !self.early.is_empty()),
            Err(Errno::AGAIN | Errno::BUSY) => Ok(true),
            Err(error) => self.come_here(error).map(|()| true),
        }
    }
}

impl Drop for Uring {
    /// The kernel cleans rings up some time after they are closed. So the files that their polls keep open are released
    /// here.
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
