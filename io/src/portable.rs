//! The crate `polling`, the backend for systems that have none of their own here: kqueue on macOS and the BSDs, event
//! ports on Solaris and illumos, a completion port on Windows. On Linux it is epoll underneath. Twin of
//! [`epoll`](crate::epoll).
//!
//! ```text
//!   registration ──► Kernel    reports once, and is armed again by the next wait
//!                ──► Always    a regular file or directory, or what the kernel refuses: ready at every wait
//!                ──► Parked    observed for nothing: outside the set, because its hang-up would be reported
//! ```
//!
//! One-shot, because it is the one mode that every system has. It costs a system call for each event and is sure of its
//! descriptors for it: one that was closed without `remove` cannot be armed again and is dropped.

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
use crate::sys::{Identity, own, refuse_path_only};
use crate::{Backend, Event, Interest, Token, Waker};
use polling::{Events, PollMode, Poller};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::io;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// What the kernel carries for the waker; no token has this key.
const WAKER: usize = 0;

/// The longest timeout that is asked for at a time. Without a timer descriptor a kernel before Linux 5.11 takes milliseconds
/// of 31 bits only. A longer wait ends early now and then, and goes on.
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
    /// One more than the place of its event among those of a wait, until it is armed again.
    reported: u32,
}

/// The poller and what we know of its members.
pub struct Portable {
    poller: ManuallyDrop<Arc<Poller>>,
    mark: ForkMark,
    // By the token's index.
    registrations: ByIndex<Option<Registration>>,
    always: AlwaysReady,
    // Keys of those that have reported and are not armed: a batch at the most.
    spent: Vec<usize>,
    waker: Option<Waker>,
    // `None` while it is in use.
    buffer: Option<Events>,
}

impl Portable {
    /// An empty poller, close-on-exec.
    ///
    /// # Errors
    /// The kernel's, `EMFILE` for example.
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
            refuse_path_only(fd)?;
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
        if file.is_always_ready() {
            return Ok(Place::Always);
        }
        let event = wanted(key(token)?, interest);
        // What we hold true can be out of date, because closing a descriptor takes it out of the set.
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
            // A device such as /dev/null.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Place::Always),
            Err(error) => Err(error),
        }
    }

    fn insert(&self, fd: BorrowedFd<'_>, event: polling::Event) -> io::Result<()> {
        // SAFETY:
        // 1. `polling` asks for a valid descriptor: it is borrowed, so it is open.
        // 2. It asks that the descriptor be deleted before it is closed. `Backend` asks the same of its caller, and the
        //    waker is kept as long as the poller. If a caller closes it all the same, the kernels forget
        //    the descriptor: `polling` keeps numbers, not memory.
        unsafe { self.poller.add_with_mode(&fd, event, PollMode::Oneshot) }
    }

    /// Arms again what has reported; what refuses that was closed behind our back.
    fn arm(&mut self) -> io::Result<()> {
        // In the order in which they reported, so that of more than a batch holds each has its turn.
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

    /// The registration with this key.
    fn find(&mut self, wanted: usize) -> Option<&mut Registration> {
        let known = self.registrations.get_mut((wanted & INDEX_MAX) as u32)?.as_mut()?;
        key(known.token).is_ok_and(|key| key == wanted).then_some(known)
    }

    /// A kqueue reports the two directions of one descriptor as two events, which become one.
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
    /// On its way out a poller takes its timer out of the kernel's set; a forked child's is the parent's, too.
    fn drop(&mut self) {
        if self.mark.is_ours() {
            // SAFETY: nothing uses it after this.
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

/// A key has as many bits as an address, of which the generation takes one half: what of it fits.
fn key(token: Token) -> io::Result<usize> {
    let index = token.index() as usize;
    if index > INDEX_MAX {
        let message = format_args!("the portable backend takes {INDEX_MAX} descriptors here");
        return Err(error_in_words(io::ErrorKind::InvalidInput, message));
    }
    // At least 1, because key 0 is the waker's; below the maximum, because all ones are the poller's own.
    let generation = token.generation().get() as usize % (INDEX_MAX - 1) + 1;
    Ok(generation << INDEX_BITS | index)
}

fn wanted(key: usize, interest: Interest) -> polling::Event {
    polling::Event::new(key, interest.contains(Interest::READ), interest.contains(Interest::WRITE))
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

/// A descriptor that is closed, not in the set, or of a file that was never let in, is gone already.
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

    /// As a kqueue reports them, in any order and with others between them.
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
            // What is there again in the next wait is reported again.
            portable.arm().unwrap();
        }
    }
}
