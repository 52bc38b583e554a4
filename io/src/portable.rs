//! The backend for all systems, by the crate `polling`: kqueue on macOS and the BSDs, event ports on Solaris and
//! illumos, a completion port on Windows, epoll on Linux. It has the same structure as [`epoll`](crate::epoll).
//!
//! ```text
//!   registration ──► Kernel    reports once, and is armed again by the next wait
//!                ──► Always    a file that the kernel refuses, such as a regular file: ready at every wait
//!                ──► Parked    not in the set: no direction is observed, but a hang-up would be reported
//!                              nevertheless; or only urgent data is observed, and the file never has any
//! ```
//!
//! Registrations are one-shot, because that is the only mode that every system has. This costs a system call for each
//! event. In return a descriptor that was closed without `remove` is found at once: it cannot be armed again, and is
//! dropped.

#[cfg(unix)]
#[path = "portable/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "portable/windows.rs"]
mod system;

use crate::always::AlwaysReady;
use crate::backend::EVENTS_MAX;
use crate::checks::Checks;
use crate::fork::ForkMark;
use crate::memory::{ByIndex, error_in_words};
use crate::number::Number;
use crate::sys::{Identity, check_not_path_only, own};
use crate::{Backend, Event, Interest, Token, Waker};
use polling::{Events, PollMode, Poller};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::io;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// The key of the waker's events. No token has this key.
const WAKER: usize = 0;

/// The longest timeout that is passed to the kernel. A kernel before Linux 5.11 without timer descriptors takes only 31
/// bits of milliseconds. A longer wait is made of several waits.
const TIMEOUT_MAX_NS: u64 = 1_000_000_000_000_000;

const BATCH: NonZeroUsize = NonZeroUsize::new(EVENTS_MAX).unwrap();

#[derive(Copy, Clone, Eq, PartialEq)]
enum Place {
    Kernel,
    Always,
    Parked,
}

struct Registration {
    fd: Number,
    interest: Interest,
    token: Token,
    place: Place,
    file: Identity,
    checks: Checks,
    /// From a report until the next arming, this is the index of the registration's event in the current wait, plus 1.
    /// Otherwise it is 0.
    reported: u32,
}

/// The poller and its members.
pub struct Portable {
    poller: ManuallyDrop<Arc<Poller>>,
    mark: ForkMark,
    // By the index of the token.
    registrations: ByIndex<Option<Registration>>,
    always: AlwaysReady,
    // The keys of registrations that have reported and are not armed yet: at most a batch.
    spent: Vec<usize>,
    waker: Option<Waker>,
    // `None` while a wait uses it.
    buffer: Option<Events>,
}

impl Portable {
    /// Makes an empty poller, close-on-exec.
    ///
    /// # Errors
    /// An error of the kernel, `EMFILE` for example.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poller: ManuallyDrop::new(Arc::new(own(Poller::new)?)),
            mark: ForkMark::new()?,
            registrations: ByIndex::new(),
            always: AlwaysReady::default(),
            spent: Vec::with_capacity(EVENTS_MAX),
            waker: None,
            buffer: Some(Events::with_capacity(BATCH)),
        })
    }

    fn put(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token, is_new: bool) -> io::Result<()> {
        self.mark.check()?;
        self.registrations.try_grow(token.index())?;
        self.always.try_reserve()?;
        if is_new {
            check_not_path_only(fd)?;
        }
        let file = Identity::of(fd)?;
        let place = self.place(fd, &file, interest, token, is_new)?;
        let (fd, checks) = (Number::of(fd), Checks::default());
        let new = Registration { fd, interest, token, place, file, checks, reported: 0 };
        let old = self.registrations.replace(token.index(), Some(new));
        if old.is_some_and(|old| old.place == Place::Always) {
            self.always.remove(token.index());
        }
        if place == Place::Always {
            self.always.add(token.index());
        }
        Ok(())
    }

    fn place(
        &self,
        fd: BorrowedFd<'_>,
        file: &Identity,
        interest: Interest,
        token: Token,
        is_new: bool,
    ) -> io::Result<Place> {
        if interest.is_empty() {
            if !is_new {
                forgive(self.poller.delete(fd))?;
            }
            return Ok(Place::Parked);
        }
        // A file that is always ready never has urgent data.
        let unpolled = if interest == Interest::PRIORITY { Place::Parked } else { Place::Always };
        if file.is_always_ready() {
            return Ok(unpolled);
        }
        let event = wanted(key(token)?, interest);
        // `is_new` may be out of date: closing a descriptor takes it out of the set.
        let answer = if is_new {
            match self.insert(fd, event) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => system::replace(&self.poller, fd, event),
                answer => answer,
            }
        } else {
            let known = self.registrations.get(token.index()).and_then(Option::as_ref);
            let is_same = known.is_some_and(|known| known.token == token);
            let modified =
                if is_same { self.poller.modify(fd, event) } else { system::replace(&self.poller, fd, event) };
            match modified {
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.insert(fd, event),
                answer => answer,
            }
        };
        match answer {
            Ok(()) => Ok(Place::Kernel),
            // A device such as `/dev/null`.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(unpolled),
            Err(error) => Err(error),
        }
    }

    fn insert(&self, fd: BorrowedFd<'_>, event: polling::Event) -> io::Result<()> {
        // SAFETY:
        // 1. `polling` requires a valid descriptor: it is borrowed, so it is open.
        // 2. `polling` requires that the descriptor is deleted before it is closed. `Backend` requires the same of its
        //    caller, and the waker is kept as long as the poller. If a caller breaks this rule, the kernel forgets the
        //    descriptor; `polling` keeps numbers, not memory.
        unsafe { self.poller.add_with_mode(&fd, event, PollMode::Oneshot) }
    }

    /// Arms again all registrations that have reported. If the kernel refuses to arm one, its descriptor was closed,
    /// and the registration is dropped.
    fn arm(&mut self) -> io::Result<()> {
        // Arms in the order of the reports. If more is ready than a batch holds, each registration gets into a batch in
        // its turn.
        for nth in 0..self.spent.len() {
            let key = self.spent[nth];
            if key == WAKER {
                self.waker.iter().try_for_each(|waker| system::arm(&self.poller, waker))?;
                continue;
            }
            let Some(known) = self.find(key).filter(|known| known.place == Place::Kernel) else { continue };
            known.reported = 0;
            let (fd, interest, index) = (known.fd, known.interest, known.token.index());
            if self.poller.modify(fd.as_fd(), wanted(key, interest)).is_err() {
                self.registrations.take(index);
            }
        }
        self.spent.clear();
        Ok(())
    }

    /// The registration that has the key `wanted`.
    fn find(&mut self, wanted: usize) -> Option<&mut Registration> {
        let known = self.registrations.get_mut((wanted & INDEX_MAX) as u32)?.as_mut()?;
        key(known.token).is_ok_and(|key| key == wanted).then_some(known)
    }

    /// Turns a report of the kernel into an event. A kqueue reports the two directions of a descriptor as two events,
    /// and this function merges them into one.
    fn report(&mut self, reported: &polling::Event, events: &mut Vec<Event>) {
        let key = reported.key;
        let Some(known) = self.find(key) else { return };
        let token = known.token;
        let earlier = (known.reported as usize).checked_sub(1).and_then(|place| events.get_mut(place));
        if let Some(earlier) = earlier.filter(|earlier| earlier.token == token) {
            earlier.ready.insert(system::ready(known.fd.as_fd(), reported, known.interest));
            return;
        }
        if known.checks.is_due() && !known.file.still(known.fd.as_fd()) {
            self.registrations.take(token.index());
            return;
        }
        let ready = system::ready(known.fd.as_fd(), reported, known.interest);
        if !ready.is_empty() {
            events.push(Event::new(token, ready));
            known.reported = events.len() as u32;
        }
        self.spent.push(key);
    }

    fn report_always(&mut self, events: &mut Vec<Event>) {
        let registrations = &mut self.registrations;
        self.always.report(events, |index| {
            let known = registrations.get(index)?.as_ref()?;
            let token = known.file.still(known.fd.as_fd()).then_some(known.token);
            if token.is_none() {
                registrations.take(index);
            }
            token
        });
    }
}

impl Drop for Portable {
    /// A poller that is dropped takes its timer out of the kernel's set, which a forked child shares with the parent.
    /// So a child leaks the poller.
    fn drop(&mut self) {
        if self.mark.is_ours() {
            // SAFETY: nothing uses the poller after this.
            unsafe { ManuallyDrop::drop(&mut self.poller) }
        }
    }
}

impl Backend for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        system::attach(&self.poller, waker)?;
        self.waker = Some(waker.clone());
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
            Some(Place::Kernel) => forgive(self.poller.delete(fd)),
            Some(Place::Always) => {
                self.always.remove(token.index());
                Ok(())
            }
            Some(Place::Parked) | None => Ok(()),
        }
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        self.mark.check()?;
        self.arm()?;
        let timeout_ns = if self.always.is_empty() { timeout_ns } else { Some(0) };
        let Some(mut buffer) = self.buffer.take() else { return Ok(()) };
        buffer.clear();
        let found = self.poller.wait(&mut buffer, timeout_ns.map(|ns| Duration::from_nanos(ns.min(TIMEOUT_MAX_NS))));
        self.waker.iter().for_each(system::waited);
        for event in buffer.iter() {
            if event.key == WAKER {
                self.waker.iter().for_each(Waker::drain);
                self.spent.push(WAKER);
                continue;
            }
            self.report(&event, events);
        }
        self.buffer = Some(buffer);
        if !self.always.is_empty() {
            self.report_always(events);
        }
        found.map(drop)
    }

    #[cfg(unix)]
    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        Ok(rustix::fd::AsFd::as_fd(&**self.poller))
    }

    fn prepare(&mut self) -> io::Result<bool> {
        self.mark.check()?;
        self.arm()?;
        Ok(!self.always.is_empty())
    }
}

const INDEX_BITS: u32 = usize::BITS / 2;
const INDEX_MAX: usize = (1 << INDEX_BITS) - 1;

/// A key has as many bits as an address. One half holds the index, the other as much of the generation as fits.
fn key(token: Token) -> io::Result<usize> {
    let index = token.index() as usize;
    if index > INDEX_MAX {
        let message = format_args!("the portable backend takes {} descriptors here", INDEX_MAX + 1);
        return Err(error_in_words(io::ErrorKind::InvalidInput, message));
    }
    // The result is at least 1, because key 0 is the waker's, and below the maximum, because the poller uses the key of
    // all ones.
    let generation = token.generation().get() as usize % (INDEX_MAX - 1) + 1;
    Ok(generation << INDEX_BITS | index)
}

fn wanted(key: usize, interest: Interest) -> polling::Event {
    let mut event = polling::Event::new(key, interest.contains(Interest::READ), interest.contains(Interest::WRITE));
    event.set_priority(interest.contains(Interest::PRIORITY));
    event
}

fn directions(reported: &polling::Event) -> Interest {
    let mut ready = Interest::NONE;
    for (direction, is_ready) in [(Interest::READ, reported.readable), (Interest::WRITE, reported.writable)] {
        if is_ready {
            ready.insert(direction);
        }
    }
    ready
}

/// Ignores the errors which say that the registration is gone already: the descriptor is closed, is not in the set, or
/// could never be added to it.
fn forgive(answer: io::Result<()>) -> io::Result<()> {
    match &answer {
        Err(error) if Errno::from_io_error(error) == Some(Errno::BADF) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(()),
        _ => answer,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[cfg(target_pointer_width = "32")]
    #[test]
    fn as_many_descriptors_are_taken_as_the_message_says() {
        let keys = [0xffff, 0x1_0000].map(|index| key(Token::new(index, std::num::NonZeroU32::MAX)));
        let [last, refused] = keys;
        assert_ne!(last.unwrap(), usize::MAX);
        assert!(refused.unwrap_err().to_string().contains("takes 65536 descriptors"));
    }

    /// A kqueue reports the directions in any order, with other events between them.
    #[test]
    fn two_reports_of_one_descriptor_are_one_event() {
        let mut portable = Portable::new().unwrap();
        let pairs = [0, 1].map(|_| std::os::unix::net::UnixStream::pair().unwrap());
        let tokens = [0, 1].map(|index| Token::new(index, std::num::NonZeroU32::MIN));
        for ((end, _), token) in pairs.iter().zip(tokens) {
            portable.add(end.as_fd(), Interest::BOTH, token).unwrap();
        }
        for _ in 0..2 {
            let mut events = Vec::new();
            let keys = tokens.map(|token| key(token).unwrap());
            let [a, b] = keys.map(polling::Event::readable);
            let [late_a, late_b] = keys.map(polling::Event::writable);
            for reported in [a, b, late_a, late_b] {
                portable.report(&reported, &mut events);
            }
            assert_eq!(events, tokens.map(|token| Event::new(token, Interest::BOTH)));
            assert_eq!(portable.spent, keys, "each is armed once");
            // A descriptor that reports again in the next wait gets an event again.
            portable.arm().unwrap();
        }
    }
}
