//! The backend for `epoll` on Linux. It has the same structure as [`select`](crate::select).
//!
//! ```text
//!   registration ──► Kernel    in the epoll set
//!                ──► Always    a file that epoll refuses (EPERM), such as a regular file: ready at every wait
//!                ──► Parked    not in the set: no direction is observed, but epoll would report a hang-up
//!                              nevertheless; or epoll refuses the file, and only urgent data is observed
//! ```
//!
//! A timer descriptor in the set (`alarm.rs`) ends a wait at its deadline. A timeout would be late by the thread's
//! timer slack. If the system refuses a timer descriptor, the loop waits for the set with `ppoll`, whose timeout is in
//! nanoseconds on every kernel. So the call that takes events from the set either waits without a timeout or returns at
//! once. It does not need `epoll_pwait2`, which kernels before 5.11 lack.
//!
//! A descriptor that is closed leaves the epoll set by itself, unless a duplicate keeps its file open. Then epoll goes
//! on reporting a registration that cannot be removed. So the backend checks each registration now and then. When it
//! finds such a dead registration, it builds the whole set again.

mod wait;

use crate::alarm::Alarm;
use crate::always::AlwaysReady;
use crate::backend::EVENTS_MAX;
use crate::checks::Checks;
use crate::fork::ForkMark;
use crate::memory::{self, ByIndex};
use crate::number::Number;
use crate::sys::{self, Identity};
use crate::{Backend, Clock, Event, Interest, MonotonicClock, Token, Waker};
use nix::sys::epoll::EpollEvent;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::{DupFlags, Errno, dup3};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// The data of the waker's and the alarm's events. No token has these bits.
const WAKER: u64 = 0;
const ALARM: u64 = 1;

/// The number of members of the set that belong to the loop: the waker and the alarm.
const OUR_OWN: usize = 2;

/// The result of a wait.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd)]
enum Found {
    /// No event. The alarm may have rung, perhaps for an earlier deadline.
    Nothing,
    Something,
    /// A dead registration has reported: its descriptor was closed, so it cannot be removed.
    Dead,
}

enum Place {
    Kernel,
    Always(Identity),
    Parked,
}

struct Registration {
    fd: Number,
    interest: Interest,
    token: Token,
    place: Place,
    checks: Checks,
}

/// The epoll set and its members.
pub struct Epoll {
    // The type of nix, because nix's `wait` always makes the same system call; that of rustix depends on a feature.
    // All other calls use rustix.
    set: nix::sys::epoll::Epoll,
    mark: ForkMark,
    registrations: ByIndex<Option<Registration>>,
    always: AlwaysReady,
    waker: Option<Waker>,
    wants_alarm: bool,
    // `None` if the waits have timeouts instead.
    alarm: Option<Alarm>,
    buffer: Vec<epoll::Event>,
    // The buffer of `epoll_wait`. `Some` if the kernel lacks the system call that rustix makes.
    plain_buffer: Option<Vec<EpollEvent>>,
}

impl Epoll {
    /// Makes an empty set, close-on-exec.
    ///
    /// # Errors
    /// An error of the kernel, `EMFILE` for example.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            set: nix::sys::epoll::Epoll(crate::sys::own(|| epoll::create(CreateFlags::CLOEXEC))?),
            mark: ForkMark::new()?,
            registrations: ByIndex::new(),
            always: AlwaysReady::default(),
            waker: None,
            wants_alarm: true,
            alarm: None,
            buffer: Vec::with_capacity(OUR_OWN),
            plain_buffer: None,
        })
    }

    /// Makes a set whose waits have timeouts, as on a kernel that refuses timer descriptors.
    ///
    /// # Errors
    /// An error of the kernel, `EMFILE` for example.
    pub fn with_timeouts() -> io::Result<Self> {
        Ok(Self { wants_alarm: false, ..Self::new()? })
    }

    /// Makes a set like [`with_timeouts`](Self::with_timeouts) that also waits with `epoll_wait`, as on a kernel that
    /// lacks the system call of rustix. That call is `epoll_pwait2` (Linux 5.11) if another crate of the program
    /// enables rustix's feature `linux_5_11`.
    ///
    /// # Errors
    /// An error of the kernel, `EMFILE` for example, or `OutOfMemory`.
    pub fn with_plain_waits() -> io::Result<Self> {
        let mut new = Self::with_timeouts()?;
        new.use_plain_waits()?;
        Ok(new)
    }

    fn put(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token, is_new: bool) -> io::Result<()> {
        self.mark.check()?;
        self.registrations.try_grow(token.index())?;
        memory::try_grow_batch(&mut self.buffer, token.index() as usize + 1 + OUR_OWN, EVENTS_MAX)?;
        self.always.try_reserve()?;
        let place = self.place(fd, interest, token, is_new)?;
        let is_always = matches!(place, Place::Always(_));
        let new = Some(Registration { fd: Number::of(fd), interest, token, place, checks: Checks::default() });
        if let Some(Place::Always(_)) = self.registrations.replace(token.index(), new).map(|old| old.place) {
            self.always.remove(token.index());
        }
        if is_always {
            self.always.add(token.index());
        }
        Ok(())
    }

    fn place(&self, fd: BorrowedFd<'_>, interest: Interest, token: Token, is_new: bool) -> io::Result<Place> {
        if interest.is_empty() {
            // The descriptor is not passed to the kernel. So this call refuses what the kernel would refuse: a
            // descriptor that is open as a path only.
            sys::check_not_path_only(fd)?;
            if !is_new {
                forgive(epoll::delete(&self.set.0, fd))?;
            }
            return Ok(Place::Parked);
        }
        let (data, flags) = (EventData::new_u64(token.to_bits()), flags(interest));
        // `is_new` may be out of date: closing a descriptor takes it out of the set.
        let answer = if is_new {
            match epoll::add(&self.set.0, fd, data, flags) {
                Err(Errno::EXIST) => epoll::modify(&self.set.0, fd, data, flags),
                answer => answer,
            }
        } else {
            match epoll::modify(&self.set.0, fd, data, flags) {
                Err(Errno::NOENT) => epoll::add(&self.set.0, fd, data, flags),
                answer => answer,
            }
        };
        match answer {
            Ok(()) => Ok(Place::Kernel),
            // epoll refuses a file that is always ready. Such a file never has urgent data.
            Err(Errno::PERM) if interest == Interest::PRIORITY => Ok(Place::Parked),
            Err(Errno::PERM) => Ok(Place::Always(Identity::of(fd)?)),
            Err(error) => Err(error.into()),
        }
    }

    /// Turns a report of the kernel into an event. `bits` are its data, `conditions` its flags.
    fn report(&mut self, bits: u64, conditions: u32, events: &mut Vec<Event>) -> Found {
        if bits == WAKER {
            self.waker.iter().for_each(Waker::drain);
            return Found::Something;
        }
        if bits == ALARM {
            self.alarm.iter_mut().for_each(Alarm::rang);
            return Found::Nothing;
        }
        let Some(token) = Token::from_bits(bits) else { return Found::Dead };
        let slot = self.registrations.get_mut(token.index());
        let Some(known) = slot.and_then(Option::as_mut).filter(|known| known.token == token) else {
            return Found::Dead;
        };
        if known.checks.is_due() {
            // This call changes nothing if the number still names the file that was registered. Otherwise it fails.
            if epoll::modify(&self.set.0, known.fd.as_fd(), EventData::new_u64(bits), flags(known.interest)).is_err() {
                self.registrations.take(token.index());
                return Found::Dead;
            }
        }
        events.push(Event::new(token, Self::readiness(conditions, known.interest)));
        Found::Something
    }

    fn report_always(&mut self, events: &mut Vec<Event>) {
        let registrations = &mut self.registrations;
        self.always.report(events, |index| {
            let known = registrations.get(index)?.as_ref()?;
            let Place::Always(file) = &known.place else { return None };
            let token = file.still(known.fd.as_fd()).then_some(known.token);
            if token.is_none() {
                registrations.take(index);
            }
            token
        });
    }

    /// Moves the live registrations into a new set and closes the old one. If the kernel refuses a new set, the old one
    /// stays.
    fn rebuild(&mut self) -> Result<(), Errno> {
        let set = crate::sys::own(|| epoll::create(CreateFlags::CLOEXEC))?;
        if let Some(waker) = &self.waker {
            epoll::add(&set, waker, EventData::new_u64(WAKER), EventFlags::IN)?;
        }
        if let Some(alarm) = &self.alarm {
            watch_alarm(&set, alarm)?;
        }
        for known in self.registrations.iter().flatten() {
            if let Place::Kernel = known.place {
                let (data, flags) = (EventData::new_u64(known.token.to_bits()), flags(known.interest));
                // This succeeds in the old set only if the number still names the file that was registered.
                if epoll::modify(&self.set.0, known.fd.as_fd(), data, flags).is_ok() {
                    epoll::add(&set, known.fd.as_fd(), data, flags)?;
                }
            }
        }
        // The new set gets the number of the old one. Otherwise it would keep the lowest free number, which may be that of
        // a closed descriptor for which the program still waits.
        if dup3(&set, &mut self.set.0, DupFlags::CLOEXEC).is_err() {
            self.set = nix::sys::epoll::Epoll(set);
        }
        Ok(())
    }
}

impl Backend for Epoll {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        epoll::add(&self.set.0, waker, EventData::new_u64(WAKER), EventFlags::IN)?;
        self.waker = Some(waker.clone());
        if self.wants_alarm {
            // The alarm is made last: a process with few descriptors left needs them for the set and the waker.
            self.alarm = Alarm::new().ok().filter(|alarm| watch_alarm(&self.set.0, alarm).is_ok());
        }
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token, true)
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token, false)
    }

    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.mark.check()?;
        let known = self.registrations.take(token.index());
        match known.map(|known| known.place) {
            Some(Place::Kernel) => forgive(epoll::delete(&self.set.0, fd)),
            Some(Place::Always(_)) => {
                self.always.remove(token.index());
                Ok(())
            }
            Some(Place::Parked) | None => Ok(()),
        }
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        self.mark.check()?;
        let timeout_ns = if self.always.is_empty() { timeout_ns } else { Some(0) };
        let until_ns = timeout_ns.filter(|&ns| ns > 0).map(|ns| MonotonicClock.now_ns().saturating_add(ns));
        let mut left_ns = timeout_ns;
        loop {
            let timeout_ns = self.kernel_timeout_ns(left_ns);
            let answer = self.wait_for(events, timeout_ns);
            if !self.always.is_empty() {
                self.report_always(events);
            }
            match answer {
                Ok(Found::Nothing) => {}
                Ok(Found::Something) | Err(Errno::INTR) => return Ok(()),
                Ok(Found::Dead) => {
                    // The kernel may refuse a new set, perhaps for lack of descriptors. The next report of a dead
                    // registration tries again.
                    let _ = self.rebuild();
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
            if left_ns == Some(0) {
                return Ok(());
            }
            left_ns = until_ns.map(|until_ns| until_ns.saturating_sub(MonotonicClock.now_ns()));
            if left_ns == Some(0) {
                return Ok(());
            }
        }
    }

    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        Ok(self.set.0.as_fd())
    }

    fn prepare(&mut self) -> io::Result<bool> {
        self.mark.check()?;
        // The outer loop knows how long to wait, so the set need not report the deadline as well.
        if self.alarm.as_mut().is_some_and(|alarm| alarm.cancel().is_err()) {
            self.alarm = None;
        }
        Ok(!self.always.is_empty())
    }
}

/// The alarm is edge-triggered: the wait reports it once each time that it rings.
fn watch_alarm(set: impl AsFd, alarm: &Alarm) -> Result<(), Errno> {
    epoll::add(set, alarm, EventData::new_u64(ALARM), EventFlags::IN | EventFlags::ET)
}

fn flags(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN | EventFlags::RDHUP, interest.contains(Interest::READ));
    flags.set(EventFlags::OUT, interest.contains(Interest::WRITE));
    flags.set(EventFlags::PRI, interest.contains(Interest::PRIORITY));
    flags
}

/// Ignores the errors which say that the registration is gone already: the descriptor is closed, is not in the set, or
/// could never be added to it.
fn forgive(answer: Result<(), Errno>) -> io::Result<()> {
    match answer {
        Ok(()) | Err(Errno::BADF | Errno::NOENT | Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::BRIEF_NS;
    use crate::stories::or_skip;
    use std::collections::BTreeSet;
    use std::io::Write;
    use std::num::NonZeroU32;
    use std::os::fd::{AsRawFd, OwnedFd};

    /// The number of members of the set, as the kernel lists them. The test that uses this attaches no waker.
    fn members(epoll: &Epoll) -> usize {
        let path = format!("/proc/self/fdinfo/{}", epoll.set.0.as_raw_fd());
        std::fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with("tfd:")).count()
    }

    #[test]
    fn the_kernels_set_holds_exactly_the_observed_descriptors() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let reader: &'static OwnedFd = Box::leak(Box::new(reader.into()));
        let (fd, token) = (reader.as_fd(), Token::new(0, NonZeroU32::MIN));
        let mut epoll = Epoll::new().unwrap();
        for (interest, expected) in [(Interest::READ, 1), (Interest::NONE, 0), (Interest::BOTH, 1)] {
            epoll.modify(fd, interest, token).unwrap();
            assert_eq!(members(&epoll), expected, "{interest:?}");
        }
        epoll.remove(fd, token).unwrap();
        assert_eq!(members(&epoll), 0, "removed");
        epoll.add(fd, Interest::READ, token).unwrap();
        let number = epoll.set.0.as_raw_fd();
        epoll.rebuild().unwrap();
        assert_eq!(members(&epoll), 1, "the new set has the live registrations");
        assert_eq!(epoll.set.0.as_raw_fd(), number);
    }

    /// An epoll set with an alarm, or `None` if this system refuses timer descriptors.
    fn attached() -> Option<Epoll> {
        or_skip("timerfd", Alarm::new().map_err(Into::into))?;
        let mut epoll = Epoll::new().unwrap();
        epoll.attach(&Waker::new().unwrap()).unwrap();
        Some(epoll)
    }

    /// The deadline for which the set's alarm is set.
    fn set_for(epoll: &Epoll) -> Option<u64> {
        epoll.alarm.as_ref().unwrap().set_for_ns()
    }

    const HOUR_NS: u64 = 3_600_000_000_000;

    #[test]
    fn a_deadline_that_stays_or_moves_later_is_set_once() {
        for put_off_ns in [0, 1_000_000] {
            let Some(mut epoll) = attached() else { return };
            let (reader, mut writer) = std::io::pipe().unwrap();
            let reader: &'static OwnedFd = Box::leak(Box::new(reader.into()));
            epoll.add(reader.as_fd(), Interest::READ, Token::new(0, NonZeroU32::MIN)).unwrap();
            writer.write_all(b"x").unwrap();
            let deadline_ns = MonotonicClock.now_ns() + HOUR_NS;
            let mut settings = BTreeSet::new();
            for round in 0..100 {
                let mut events = Vec::new();
                epoll.wait(&mut events, Some(deadline_ns + round * put_off_ns - MonotonicClock.now_ns())).unwrap();
                assert_eq!(events.len(), 1, "a ready descriptor ends the wait");
                settings.extend(set_for(&epoll));
            }
            // After an interruption between two readings of the clock, the backend sets the alarm again.
            assert!((1..50).contains(&settings.len()), "{} times in 100 waits", settings.len());
            assert!(settings.iter().all(|&ns| ns >= deadline_ns), "never early");
            epoll.wait(&mut Vec::new(), Some(0)).unwrap();
            assert!(set_for(&epoll).is_some(), "a wait that does not block leaves the alarm set");
            assert!(!epoll.prepare().unwrap());
            assert_eq!(set_for(&epoll), None, "the outer loop knows how long to wait");
        }
    }

    #[test]
    fn the_alarm_of_a_deadline_that_moved_later_ends_no_wait() {
        let (Some(mut epoll), mut events) = (attached(), Vec::new()) else { return };
        epoll.kernel_timeout_ns(Some(110_000_000));
        let start_ns = MonotonicClock.now_ns();
        epoll.wait(&mut events, Some(130_000_000)).unwrap();
        assert!(MonotonicClock.now_ns() >= start_ns + 130_000_000);
        assert_eq!((set_for(&epoll), events.len()), (None, 0));
    }

    #[test]
    fn a_brief_wait_takes_its_full_time_and_sets_no_alarm() {
        for timeout_ns in [1, BRIEF_NS] {
            let (Some(mut epoll), mut events) = (attached(), Vec::new()) else { return };
            let start_ns = MonotonicClock.now_ns();
            epoll.wait(&mut events, Some(timeout_ns)).unwrap();
            assert!(MonotonicClock.now_ns() >= start_ns + timeout_ns);
            assert_eq!((set_for(&epoll), events.len()), (None, 0));
        }
    }

    #[test]
    fn the_alarm_of_an_old_set_rings_in_a_new_one() {
        let (Some(mut epoll), mut events) = (attached(), Vec::new()) else { return };
        epoll.kernel_timeout_ns(Some(2_000_000));
        epoll.rebuild().unwrap();
        epoll.wait(&mut events, Some(4_000_000)).unwrap();
        assert_eq!((set_for(&epoll), events.len()), (None, 0));
    }
}
