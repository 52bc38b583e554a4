//! `epoll`, the backend of Linux. Twin of [`select`](crate::select).
//!
//! ```text
//!   registration ──► Kernel    in the epoll set
//!                ──► Always    a regular file or directory: epoll refuses it (EPERM), it is ready at every wait
//!                ──► Parked    observed for nothing: outside the set, because epoll would report its hang-up for ever
//! ```
//!
//! Timeouts are in nanoseconds through `epoll_pwait2` (Linux 5.11), on an older kernel in milliseconds, rounded up.
//!
//! A descriptor that is closed leaves the epoll set by itself, unless a duplicate keeps its file open: then epoll goes on
//! reporting a registration that no call can reach. So registrations are checked now and then, and the whole set is
//! built anew when a dead one reports.

use crate::backend::EVENTS_MAX;
use crate::fork::ForkMark;
use crate::identity::Identity;
use crate::{Backend, Event, Interest, Token, Waker};
use nix::poll::PollTimeout;
use nix::sys::epoll::EpollEvent;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A registration is checked at its 1st, 2nd, 4th, … event and from then on at every one of this many, which costs a
/// 64th of a system call for each event.
const CHECK_EVERY: u32 = 64;

/// What the kernel carries for the waker; no token has these bits.
const WAKER: u64 = 0;

#[derive(Copy, Clone)]
enum Place {
    Kernel,
    Always(Identity),
    Parked,
}

struct Registration {
    fd: BorrowedFd<'static>,
    interest: Interest,
    token: Token,
    place: Place,
    /// Events so far. A descriptor closed behind our back whose file lives on reports at most [`CHECK_EVERY`] times.
    seen: u32,
}

/// The epoll set and what we know of its members.
pub struct Epoll {
    // nix's type, because its `wait` is the one for old kernels; rustix makes every other call.
    set: nix::sys::epoll::Epoll,
    mark: ForkMark,
    // By the token's index.
    registrations: Vec<Option<Registration>>,
    // Indices of the registrations that are `Always`.
    always: Vec<u32>,
    always_start: usize,
    waker: Option<Waker>,
    buffer: Vec<epoll::Event>,
    // `Some` on a kernel without epoll_pwait2.
    buffer_ms: Option<Vec<EpollEvent>>,
}

impl Epoll {
    /// An empty set, close-on-exec.
    ///
    /// # Errors
    /// The kernel's, `EMFILE` for example.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            set: nix::sys::epoll::Epoll(epoll::create(CreateFlags::CLOEXEC)?),
            mark: ForkMark::new()?,
            registrations: Vec::new(),
            always: Vec::new(),
            always_start: 0,
            waker: None,
            buffer: Vec::with_capacity(EVENTS_MAX),
            buffer_ms: None,
        })
    }

    /// As on a kernel before 5.11: waits are in milliseconds, rounded up.
    ///
    /// # Errors
    /// The kernel's, `EMFILE` for example.
    pub fn with_millisecond_waits() -> io::Result<Self> {
        let mut new = Self::new()?;
        new.use_milliseconds();
        Ok(new)
    }

    fn use_milliseconds(&mut self) {
        self.buffer_ms = Some(vec![EpollEvent::empty(); EVENTS_MAX]);
    }

    fn put(&mut self, fd: BorrowedFd<'static>, interest: Interest, token: Token, is_new: bool) -> io::Result<()> {
        self.mark.check()?;
        let place = self.place(fd, interest, token, is_new)?;
        let index = token.index() as usize;
        if self.registrations.len() <= index {
            self.registrations.resize_with(index + 1, || None);
        }
        let new = Registration { fd, interest, token, place, seen: 0 };
        if let Some(Registration { place: Place::Always(_), .. }) = self.registrations[index].replace(new) {
            self.always.retain(|&other| other != token.index());
        }
        if let Place::Always(_) = place {
            self.always.push(token.index());
        }
        Ok(())
    }

    fn place(&self, fd: BorrowedFd<'static>, interest: Interest, token: Token, is_new: bool) -> io::Result<Place> {
        if interest.is_empty() {
            // Shows a closed descriptor, as every other path does.
            rustix::io::fcntl_getfd(fd)?;
            if !is_new {
                forgive(epoll::delete(&self.set.0, fd))?;
            }
            return Ok(Place::Parked);
        }
        let (data, flags) = (EventData::new_u64(token.to_bits()), flags(interest));
        // What we hold true can be out of date, because closing a descriptor takes it out of the set.
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
            Err(Errno::PERM) => Ok(Place::Always(Identity::of(fd)?)),
            Err(error) => Err(error.into()),
        }
    }

    /// Turns what the kernel reported into an event; `false` when a dead registration reported.
    fn report(&mut self, bits: u64, ready: Interest, events: &mut Vec<Event>) -> bool {
        if bits == WAKER {
            self.waker.iter().for_each(Waker::drain);
            return true;
        }
        let Some(token) = Token::from_bits(bits) else { return false };
        let slot = self.registrations.get_mut(token.index() as usize);
        let Some(known) = slot.and_then(Option::as_mut).filter(|known| known.token == token) else { return false };
        known.seen = known.seen.wrapping_add(1);
        if known.seen.is_power_of_two() || known.seen.is_multiple_of(CHECK_EVERY) {
            // Changes nothing for the file that was registered, and fails for any other.
            let data = EventData::new_u64(bits);
            if epoll::modify(&self.set.0, known.fd, data, flags(known.interest)).is_err() {
                self.registrations[token.index() as usize] = None;
                return false;
            }
        }
        events.push(Event::new(token, ready));
        true
    }

    fn report_always(&mut self, events: &mut Vec<Event>) {
        // Goes on where the last batch ended: of more than a batch holds, each has its turn.
        let batch = self.always.len().min(EVENTS_MAX);
        for nth in 0..batch {
            let index = self.always[(self.always_start + nth) % self.always.len()] as usize;
            let Some(known) = &self.registrations[index] else { continue };
            let Place::Always(file) = known.place else { continue };
            if file.still(known.fd) {
                events.push(Event::new(known.token, Interest::BOTH));
            } else {
                self.registrations[index] = None;
            }
        }
        self.always_start = (self.always_start + batch) % self.always.len();
        let registrations = &self.registrations;
        self.always.retain(|&index| registrations[index as usize].is_some());
    }

    /// Moves the living into a new set. The old one goes with everything in it, unless the kernel refuses the new one.
    fn rebuild(&mut self) -> Result<(), Errno> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        if let Some(waker) = &self.waker {
            epoll::add(&set, waker, EventData::new_u64(WAKER), EventFlags::IN)?;
        }
        for known in self.registrations.iter().flatten() {
            if let Place::Kernel = known.place {
                let (data, flags) = (EventData::new_u64(known.token.to_bits()), flags(known.interest));
                // The old set knows whether the number still stands for the file that was registered.
                if epoll::modify(&self.set.0, known.fd, data, flags).is_ok() {
                    epoll::add(&set, known.fd, data, flags)?;
                }
            }
        }
        self.set = nix::sys::epoll::Epoll(set);
        Ok(())
    }

    fn wait_ns(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> Result<bool, Errno> {
        let timeout =
            timeout_ns.map(|ns| Timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ });
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let found = epoll::wait(&self.set.0, spare_capacity(&mut buffer), timeout.as_ref());
        let mut sound = true;
        for event in &buffer {
            let (flags, data) = (event.flags, event.data);
            sound &= self.report(data.u64(), readiness(flags.bits()), events);
        }
        self.buffer = buffer;
        found.map(|_| sound)
    }

    fn wait_ms(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> Result<bool, Errno> {
        // Up, or the last fraction of a millisecond before a deadline would be spent spinning.
        let ms = timeout_ns.map(|ns| i32::try_from(ns.div_ceil(1_000_000)).unwrap_or(i32::MAX));
        let timeout = ms.map_or(PollTimeout::NONE, |ms| ms.try_into().unwrap_or(PollTimeout::MAX));
        let mut buffer = self.buffer_ms.take().unwrap_or_default();
        let found = self.set.wait(&mut buffer, timeout);
        let mut sound = true;
        for event in &buffer[..found.unwrap_or(0)] {
            let ready = readiness(event.events().bits() as u32);
            sound &= self.report(event.data(), ready, events);
        }
        self.buffer_ms = Some(buffer);
        found.map(|_| sound).map_err(|error| Errno::from_raw_os_error(error as i32))
    }
}

impl Backend for Epoll {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        epoll::add(&self.set.0, waker, EventData::new_u64(WAKER), EventFlags::IN)?;
        self.waker = Some(waker.clone());
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'static>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token, true)
    }

    fn modify(&mut self, fd: BorrowedFd<'static>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token, false)
    }

    fn remove(&mut self, fd: BorrowedFd<'static>, token: Token) -> io::Result<()> {
        self.mark.check()?;
        let known = self.registrations.get_mut(token.index() as usize).and_then(Option::take);
        match known.map(|known| known.place) {
            Some(Place::Kernel) => forgive(epoll::delete(&self.set.0, fd)),
            Some(Place::Always(_)) => {
                self.always.retain(|&other| other != token.index());
                Ok(())
            }
            Some(Place::Parked) | None => Ok(()),
        }
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        self.mark.check()?;
        let timeout_ns = if self.always.is_empty() { timeout_ns } else { Some(0) };
        let found =
            if self.buffer_ms.is_none() { self.wait_ns(events, timeout_ns) } else { self.wait_ms(events, timeout_ns) };
        if !self.always.is_empty() {
            self.report_always(events);
        }
        match found {
            Ok(true) | Err(Errno::INTR) => Ok(()),
            Ok(false) => {
                // Refused, for want of descriptors perhaps, it is tried again when a dead one reports again.
                let _ = self.rebuild();
                Ok(())
            }
            Err(Errno::NOSYS) if self.buffer_ms.is_none() => {
                self.use_milliseconds();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        Ok(self.set.0.as_fd())
    }

    fn prepare(&mut self) -> io::Result<bool> {
        self.mark.check()?;
        Ok(!self.always.is_empty())
    }
}

fn flags(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN | EventFlags::RDHUP, interest.contains(Interest::READ));
    flags.set(EventFlags::OUT, interest.contains(Interest::WRITE));
    flags
}

/// Hang-up and error end both directions: who observes one of them has to learn of it by trying.
fn readiness(bits: u32) -> Interest {
    const ENDS: u32 = EventFlags::HUP.bits() | EventFlags::ERR.bits();
    const READS: u32 = EventFlags::IN.bits() | EventFlags::RDHUP.bits() | ENDS;
    const WRITES: u32 = EventFlags::OUT.bits() | ENDS;
    let read = if bits & READS != 0 { Interest::READ } else { Interest::NONE };
    let write = if bits & WRITES != 0 { Interest::WRITE } else { Interest::NONE };
    read | write
}

/// A descriptor that is closed, not in the set, or of a file that was never let in, is gone already.
fn forgive(answer: Result<(), Errno>) -> io::Result<()> {
    match answer {
        Ok(()) | Err(Errno::BADF | Errno::NOENT | Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use std::os::fd::{AsRawFd, OwnedFd};

    /// The kernel's own list of the set's members, the waker left out.
    fn members(epoll: &Epoll) -> usize {
        let path = format!("/proc/self/fdinfo/{}", epoll.set.0.as_raw_fd());
        std::fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with("tfd:")).count()
    }

    #[test]
    fn the_kernels_set_holds_exactly_what_is_observed() {
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
        epoll.rebuild().unwrap();
        assert_eq!(members(&epoll), 1, "a new set has the living");
    }
}
