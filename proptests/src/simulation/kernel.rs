//! The simulated kernel. It has files and their registrations, peers and threads that act at scheduled times, and waits
//! with faults.
//!
//! ```text
//!   files            the readiness of each number's file, and which file it is: numbers are reused
//!   registered       the loop's registrations; the tokens of current and of former ones
//!   outside          at 3 ms a peer writes to 5 · at 7 ms a thread wakes the loop · …
//! ```
//!
//! Apart from its faults the kernel is correct. It reports registered files truthfully. Files that a short batch left
//! out come first in the next batch.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::AsFd;

use cogloop_io::backend::EVENTS_MAX;
use cogloop_io::{Clock, Event, Interest, Token, VirtualClock, Waker};
use fastrand::Rng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::trace::{Name, Ns};

/// The number of descriptors.
pub(super) const FILES: usize = 10;

/// The error of a wait that ends the run, after enough waits or at the end of time.
const ETIME: i32 = 62;
/// The error of a wait that nothing would ever end.
const EDEADLK: i32 = 35;
const EBADF: i32 = 9;
pub(super) const ENOMEM: i32 = 12;
pub(super) const EMFILE: i32 = 24;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;
/// The clock is never advanced further than this many nanoseconds: 292 years.
pub(super) const END: u64 = 1 << 63;

/// The file that has a descriptor's number.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct File {
    /// The number of files that had this number before.
    pub(super) life: u64,
    pub(super) is_open: bool,
    pub(super) ready: Interest,
}

#[derive(Copy, Clone, Debug)]
pub(super) struct Registration {
    pub(super) number: usize,
    pub(super) interest: Interest,
}

/// An event outside of the loop, with its time.
#[derive(Copy, Clone, Debug)]
pub(super) enum Outside {
    /// The file with this number becomes ready, if it is still the same file.
    Ready(usize, u64, Interest),
    /// A thread wakes the loop.
    Wake,
}

/// The fault of a wait.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    None,
    /// The wait fails with this error.
    Fail(i32),
    /// The wait returns early and reports nothing, as after a signal.
    Early,
    /// The wait returns this many nanoseconds too late.
    Late(u64),
    /// The wait reports at most this many events.
    Short(usize),
    /// The wait reports a descriptor that is not ready.
    Spurious,
    /// The wait first reports this many registrations that are gone.
    Stale(usize),
    /// The wait reports more registrations that are gone than a batch holds.
    Overflow,
}

impl Fault {
    pub(super) fn of(random: &mut Rng) -> Self {
        match random.u8(..) {
            0..=9 => Self::Fail(ENOMEM),
            10..=29 => Self::Early,
            30..=54 => Self::Late(late_ns(random)),
            55..=89 => Self::Short(random.usize(1..4)),
            90..=109 => Self::Spurious,
            110..=129 => Self::Stale(random.usize(1..6)),
            130 => Self::Overflow,
            _ => Self::None,
        }
    }
}

/// A lateness: usually some microseconds, but sometimes up to a hundred years.
fn late_ns(random: &mut Rng) -> u64 {
    match random.u8(..) {
        0..=199 => random.u64(0..100_000),
        200..=239 => random.u64(0..2 * SECOND),
        240..=247 => DAY,
        248..=251 => 13 * DAY,
        252..=253 => 730 * DAY,
        254 => 36_525 * DAY,
        _ => random.u64(0..DAY),
    }
}

/// The kernel. It has the same clock as the loop.
#[derive(Debug)]
pub(super) struct Kernel {
    clock: VirtualClock,
    origin_ns: u64,
    pub(super) files: [File; FILES],
    pub(super) registered: BTreeMap<Token, Registration>,
    gone: Vec<Token>,
    /// Registrations of closed numbers whose files live on, in another process or under another number. The kernel
    /// refuses to change them, and goes on reporting them for this number of waits.
    lives_on: BTreeMap<Token, u32>,
    /// By number: the token of a registration that was dropped because its file was closed. The loop still has this
    /// token.
    dropped: BTreeMap<usize, Token>,
    outside: BTreeMap<(u64, u64), Outside>,
    scheduled: u64,
    /// The error of the next registration.
    refusal: Option<i32>,
    /// Whether the kernel has ever refused a change that the loop made by itself before a wait.
    pub(super) has_refused_settling: bool,
    /// The place in the list of ready registrations at which the next batch begins.
    first: usize,
    /// The number of waits until an error ends this run of the loop.
    pub(super) waits_left: u32,
    waker: Option<Waker>,
    is_woken: bool,
}

impl Kernel {
    pub(super) fn new(clock: VirtualClock) -> Self {
        Self {
            origin_ns: clock.now_ns(),
            clock,
            files: [File { life: 0, is_open: true, ready: Interest::NONE }; FILES],
            registered: BTreeMap::new(),
            gone: Vec::new(),
            lives_on: BTreeMap::new(),
            dropped: BTreeMap::new(),
            outside: BTreeMap::new(),
            scheduled: 0,
            refusal: None,
            has_refused_settling: false,
            first: 0,
            waits_left: 0,
            waker: None,
            is_woken: false,
        }
    }

    /// The loop's time.
    pub(super) fn now_ns(&self) -> u64 {
        self.clock.now_ns() - self.origin_ns
    }

    /// Lets time pass, as a slow callback does. The outside events of that time happen.
    pub(super) fn pass(&mut self, ns: u64) {
        self.clock.advance_ns(ns.min(END.saturating_sub(self.now_ns())));
        self.happen();
    }

    pub(super) fn attach(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
    }

    /// A thread wakes the loop now.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = &self.waker {
            waker.wake();
            self.is_woken = true;
        }
    }

    /// Schedules an event for that time, or for now if that time has passed.
    pub(super) fn schedule(&mut self, at_ns: u64, outside: Outside) {
        self.scheduled += 1;
        self.outside.insert((at_ns, self.scheduled), outside);
    }

    /// Makes the next registration fail.
    pub(super) fn refuse(&mut self, errno: i32) {
        self.refusal = Some(errno);
    }

    /// Withdraws a refusal that has not taken effect. Returns whether there was one.
    pub(super) fn take_refusal(&mut self) -> bool {
        self.refusal.take().is_some()
    }

    pub(super) fn open(&mut self, number: usize) {
        self.files[number].is_open = true;
        self.files[number].ready = Interest::NONE;
    }

    /// Frees the number, and drops its registration. If the file `lives_on`, the kernel still reports it for a while.
    pub(super) fn close(&mut self, number: usize, lives_on: bool) {
        let file = &mut self.files[number];
        (file.is_open, file.life) = (false, file.life + 1);
        let dropped = self.registered.extract_if(.., |_, registration| registration.number == number).next();
        let reported = dropped.filter(|(_, registration)| lives_on && !registration.interest.is_empty());
        self.lives_on.extend(reported.map(|(token, _)| (token, 3)));
        self.dropped.extend(dropped.map(|(token, _)| (number, token)));
    }

    /// Does the work of the backend's `add` and `modify`. The token replaces an older token with the same index.
    ///
    /// # Panics
    /// If the loop breaks a promise to its backend.
    pub(super) fn register(&mut self, number: usize, interest: Interest, token: Token, is_new: bool) -> io::Result<()> {
        if let Some(errno) = self.refusal.take() {
            return Err(io::Error::from_raw_os_error(errno));
        }
        if !self.files[number].is_open {
            return Err(io::Error::from_raw_os_error(EBADF));
        }
        let other = self.registered.iter().find(|(_, registration)| registration.number == number);
        if let Some(other) = other.map(|(&other, _)| other) {
            assert!(
                !is_new,
                "descriptor {number} is registered under {}, and added under {}",
                Name(other),
                Name(token)
            );
            assert_eq!(other.index(), token.index(), "descriptor {number} has a new slot while it is registered");
            if other != token {
                self.forget(other);
            }
        }
        self.lives_on.retain(|old, _| old.index() != token.index());
        self.gone.extend(self.dropped.remove(&number).filter(|&dropped| dropped != token));
        self.registered.insert(token, Registration { number, interest });
        Ok(())
    }

    pub(super) fn forget(&mut self, token: Token) {
        self.registered.remove(&token);
        self.lives_on.remove(&token);
        self.dropped.retain(|_, dropped| *dropped != token);
        self.gone.push(token);
    }

    /// Waits, and returns the reports. A wait without a timeout fails if no event would end it. With `has_mercy` such a
    /// wait ends an hour later instead.
    pub(super) fn wait(&mut self, timeout_ns: Option<u64>, fault: Fault, has_mercy: bool) -> io::Result<Vec<Event>> {
        if self.waits_left == 0 {
            return Err(io::Error::from_raw_os_error(ETIME));
        }
        self.waits_left -= 1;
        self.lives_on.retain(|_, waits| *waits > 0);
        self.happen();
        match fault {
            Fault::Fail(errno) => return Err(io::Error::from_raw_os_error(errno)),
            Fault::Early => {
                self.pass(timeout_ns.unwrap_or(SECOND) / 2);
                return Ok(Vec::new());
            }
            _ => self.sleep(timeout_ns, has_mercy)?,
        }
        if let Fault::Late(ns) = fault {
            self.pass(ns);
        }
        self.take_wake();
        Ok(self.report(fault))
    }

    /// Waits until a descriptor is ready or the time has passed.
    fn sleep(&mut self, timeout_ns: Option<u64>, has_mercy: bool) -> io::Result<()> {
        let until_ns = timeout_ns.map(|timeout_ns| self.now_ns().saturating_add(timeout_ns));
        while !self.is_woken && self.truth().next().is_none() {
            if self.now_ns() >= END {
                return Err(io::Error::from_raw_os_error(ETIME));
            }
            let next_ns = self.outside.first_key_value().map(|(&(at_ns, _), _)| at_ns);
            match (next_ns, until_ns) {
                (Some(next_ns), _) if until_ns.is_none_or(|until_ns| next_ns < until_ns) => {
                    self.pass(next_ns.saturating_sub(self.now_ns()));
                }
                (_, Some(until_ns)) => {
                    self.pass(until_ns - self.now_ns());
                    break;
                }
                (_, None) => {
                    let is_reachable = |registration: &&Registration| has_mercy && !registration.interest.is_empty();
                    let reached = self.registered.values().find(is_reachable);
                    let Registration { number, interest } =
                        *reached.ok_or_else(|| io::Error::from_raw_os_error(EDEADLK))?;
                    self.pass(3_600 * SECOND);
                    self.files[number].ready.insert(interest);
                }
            }
        }
        Ok(())
    }

    /// The registered descriptors that are ready for an observed direction.
    fn truth(&self) -> impl Iterator<Item = (Token, Interest)> {
        let look = |(&token, registration): (&Token, &Registration)| {
            let ready = self.files[registration.number].ready;
            (!(ready & registration.interest).is_empty()).then_some((token, ready))
        };
        // A file that lives on is ready: its peer has written to it.
        self.registered.iter().filter_map(look).chain(self.lives_on.keys().map(|&token| (token, Interest::BOTH)))
    }

    /// Whether the kernel reports this registration although its number is closed.
    pub(super) fn lives_on(&self, token: Token) -> bool {
        self.lives_on.contains_key(&token)
    }

    fn report(&mut self, fault: Fault) -> Vec<Event> {
        let mut ready: Vec<_> = self.truth().collect();
        self.lives_on.values_mut().for_each(|waits| *waits -= 1);
        if !ready.is_empty() {
            let first = self.first % ready.len();
            ready.rotate_left(first);
        }
        if let Fault::Short(length) = fault {
            ready.truncate(length);
            self.first += ready.len();
        }
        if fault == Fault::Spurious {
            let quiet = self.registered.keys().find(|&token| ready.iter().all(|(other, _)| other != token));
            ready.extend(quiet.map(|&token| (token, Interest::BOTH)));
        }
        let stale = match fault {
            Fault::Stale(count) => self.gone.iter().rev().take(count).copied().collect(),
            Fault::Overflow => {
                (0..EVENTS_MAX as u64 + 10).filter_map(|n| Token::from_bits(u64::MAX << 32 | n)).collect()
            }
            _ => Vec::new(),
        };
        let stale = stale.into_iter().map(|token| (token, Interest::BOTH));
        stale.chain(ready).map(|(token, ready)| Event::new(token, ready)).collect()
    }

    /// C54, C55: a wake that came before or during the wait can be taken, exactly once.
    fn take_wake(&mut self) {
        let Some(waker) = self.waker.as_ref().filter(|_| self.is_woken) else { return };
        assert!(is_readable(waker), "a wake got lost");
        waker.drain();
        assert!(!is_readable(waker), "the waker is still readable after its wake was taken");
        self.is_woken = false;
    }

    /// Executes the outside events whose time has come.
    fn happen(&mut self) {
        while let Some(entry) =
            self.outside.first_entry().filter(|entry| entry.key().0 <= self.clock.now_ns() - self.origin_ns)
        {
            match entry.remove() {
                Outside::Ready(number, life, ready) if self.files[number].life == life => {
                    self.files[number].ready.insert(ready);
                }
                Outside::Ready(..) => {}
                Outside::Wake => self.wake(),
            }
        }
    }

    /// From now on peers and threads do nothing, and nothing is ready.
    pub(super) fn calm(&mut self) {
        self.outside.clear();
        self.lives_on.clear();
        self.files.iter_mut().for_each(|file| file.ready = Interest::NONE);
    }
}

fn is_readable(waker: &Waker) -> bool {
    let fd = waker.as_fd();
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))
        .is_ok_and(|count| count == 1)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Fail(errno) => write!(f, ", fails with error {errno}"),
            Self::Early => write!(f, ", comes back early"),
            Self::Late(ns) => write!(f, ", {} late", Ns(*ns)),
            Self::Short(length) => write!(f, ", reports {length} at the most"),
            Self::Spurious => write!(f, ", with a spurious event"),
            Self::Stale(count) => write!(f, ", with {count} removed registrations"),
            Self::Overflow => write!(f, ", with more than a batch of removed registrations"),
        }
    }
}
