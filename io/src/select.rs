//! The backend for `select`, which every Unix has. It has the same structure as [`epoll`](crate::epoll).
//!
//! The backend refuses descriptor numbers from `FD_SETSIZE` on, which is 1024 nearly everywhere. If the constant is
//! larger, the backend refuses numbers from 1024 on. Timeouts are in microseconds, rounded up.
//!
//! select's write set and its set for urgent data do not report a hang-up that comes without an error. The read set
//! reports it, but also reports data, which is no event for a descriptor that is not observed for reading. So before
//! each wait the backend polls each descriptor that is not observed for reading. A descriptor without data is added to
//! the read set. If a descriptor has data, the poll of the next wait finds the hang-up.
//!
//! select watches numbers, not files: it does not notice that a descriptor was closed and its number given to another
//! file. So every registration records its file. A registration that reports is dropped if its number stands for
//! another file.

use crate::backend::EVENTS_MAX;
use crate::fork::ForkMark;
use crate::memory::{ByIndex, error_in_words};
use crate::number::Number;
use crate::sys::{self, Identity};
use crate::{Backend, Event, Interest, Token, Waker};
use nix::errno::Errno;
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::TimeVal;
use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

// The limit is at most `EVENTS_MAX`, so that one wait can report all registrations. On illumos `FD_SETSIZE` is 65,536.
const LIMIT: usize = if FD_SETSIZE < EVENTS_MAX { FD_SETSIZE } else { EVENTS_MAX };

/// The number of descriptors that are polled by one call before a wait.
const AT_A_TIME: usize = 64;

struct Registration {
    fd: Number,
    interest: Interest,
    token: Token,
    file: Identity,
}

/// The sets of a wait. Before the call they hold the descriptors to watch, and after it those that are ready.
struct Sets<'a> {
    read: FdSet<'a>,
    write: FdSet<'a>,
    // `None` if no registration observes urgent data.
    urgent: Option<FdSet<'a>>,
}

/// The registrations, from which the sets of each wait are made.
pub struct Select {
    // By the index of the token.
    registrations: ByIndex<Option<Registration>>,
    waker: Option<Waker>,
    // Set by `attach`.
    mark: Option<ForkMark>,
    // One more than the highest number ever watched: the kernel searches the numbers below it.
    bound: i32,
}

impl Select {
    /// Makes a backend that watches nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { registrations: ByIndex::new(), waker: None, mark: None, bound: 0 }
    }

    /// Returns an error in a forked child, which shares the waker with its parent and would take the parent's wakes.
    fn check_process(&self) -> io::Result<()> {
        self.mark.as_ref().map_or(Ok(()), ForkMark::check)
    }

    fn put(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.check_process()?;
        // This check comes first: a number that is not open is `EBADF`, however high it is.
        let file = Identity::of(fd)?;
        check_fits_the_set(fd)?;
        sys::check_not_path_only(fd)?;
        self.registrations.try_grow(token.index())?;
        self.bound = self.bound.max(fd.as_raw_fd() + 1);
        let new = Registration { fd: Number::of(fd), interest, token, file };
        self.registrations.replace(token.index(), Some(new));
        Ok(())
    }

    /// The sets to pass to select.
    fn sets(&self) -> Sets<'_> {
        let mut sets = Sets { read: FdSet::new(), write: FdSet::new(), urgent: None };
        for known in self.registrations.iter().flatten() {
            if known.interest.contains(Interest::READ) {
                sets.read.insert(known.fd.as_fd());
            }
            if known.interest.contains(Interest::WRITE) {
                sets.write.insert(known.fd.as_fd());
            }
            if known.interest.contains(Interest::PRIORITY) {
                sets.urgent.get_or_insert_with(FdSet::new).insert(known.fd.as_fd());
            }
        }
        sets
    }

    /// Drops registrations whose descriptors were closed. Returns whether there were any.
    fn forget_the_closed(&mut self) -> bool {
        let mut any = false;
        for index in self.registrations.indices() {
            let known = self.registrations.get(index).and_then(Option::as_ref);
            if known.is_some_and(|known| !known.file.still(known.fd.as_fd())) {
                self.registrations.take(index);
                any = true;
            }
        }
        any
    }

    /// Of the descriptors that are not observed for reading, returns those that have hung up. Adds the others to the
    /// read set if they have no data, so that a hang-up ends the wait.
    fn hung_up<'a>(&'a self, read: &mut FdSet<'a>) -> io::Result<Option<FdSet<'a>>> {
        let is_unread = |known: &&Registration| !known.interest.is_empty() && !known.interest.contains(Interest::READ);
        let mut unread = self.registrations.iter().flatten().filter(is_unread).map(|known| known.fd.as_fd()).peekable();
        let mut hung_up = None;
        // Groups of a fixed size need no allocation.
        while let Some(&first) = unread.peek() {
            let (mut fds, mut count) = ([first; AT_A_TIME], 0);
            for (place, fd) in fds.iter_mut().zip(&mut unread) {
                *place = fd;
                count += 1;
            }
            let mut polled = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            poll(&mut polled[..count], Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }))?;
            for (fd, polled) in fds.into_iter().zip(&polled[..count]) {
                if polled.revents().intersects(PollFlags::HUP | PollFlags::ERR) {
                    hung_up.get_or_insert_with(FdSet::new).insert(fd);
                } else if polled.revents().is_empty() {
                    read.insert(fd);
                }
            }
        }
        Ok(hung_up)
    }

    /// Reports the ready registrations. Returns whether one of them had been closed.
    fn report(&self, sets: &Sets<'_>, hung_up: Option<&FdSet<'_>>, events: &mut Vec<Event>) -> bool {
        let in_set = |set: Option<&FdSet<'_>>, fd| set.is_some_and(|set| set.contains(fd));
        let mut any_closed = false;
        for known in self.registrations.iter().flatten() {
            let fd = known.fd.as_fd();
            let mut ready = Interest::NONE;
            for (set, direction) in [
                (Some(&sets.read), Interest::READ),
                (Some(&sets.write), Interest::WRITE),
                (sets.urgent.as_ref(), Interest::PRIORITY),
            ] {
                if known.interest.contains(direction) && in_set(set, fd) {
                    ready.insert(direction);
                }
            }
            if in_set(hung_up, fd) {
                ready.insert(if known.interest == Interest::PRIORITY { Interest::PRIORITY } else { Interest::WRITE });
            }
            if ready.is_empty() {
                continue;
            }
            // A hang-up makes both directions ready, but the write set may not report it.
            let lacks_write = known.interest.contains(Interest::BOTH) && !ready.contains(Interest::WRITE);
            if lacks_write && ready.contains(Interest::READ) && has_hung_up(fd) {
                ready.insert(Interest::WRITE);
            }
            if known.file.still(fd) {
                events.push(Event::new(known.token, ready));
            } else {
                any_closed = true;
            }
        }
        any_closed
    }
}

impl Default for Select {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        check_fits_the_set(waker.as_fd())?;
        self.bound = self.bound.max(waker.as_fd().as_raw_fd() + 1);
        self.mark = Some(ForkMark::new()?);
        self.waker = Some(waker.clone());
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token)
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token)
    }

    fn remove(&mut self, _fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.check_process()?;
        self.registrations.take(token.index());
        Ok(())
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        self.check_process()?;
        let mut sets = self.sets();
        let hung_up = match self.hung_up(&mut sets.read) {
            // A signal came, so it is not known which descriptors have hung up, and this wait is over.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            answer => answer?,
        };
        let timeout_ns = if hung_up.is_none() { timeout_ns } else { Some(0) };
        let mut timeout = timeout_ns.map(|ns| {
            // Rounded up: otherwise the loop would spin during the last fraction of a microsecond before a deadline.
            let us = ns.div_ceil(1000);
            TimeVal::new((us / 1_000_000).try_into().unwrap_or(i32::MAX.into()), (us % 1_000_000) as _)
        });
        let waker = self.waker.clone();
        if let Some(waker) = &waker {
            sets.read.insert(waker.as_fd());
        }
        match select(self.bound, &mut sets.read, &mut sets.write, sets.urgent.as_mut(), timeout.as_mut()) {
            Err(Errno::EINTR) => Ok(()),
            Ok(0) if hung_up.is_none() => Ok(()),
            Ok(_) => {
                waker.iter().filter(|waker| sets.read.contains(waker.as_fd())).for_each(Waker::drain);
                if self.report(&sets, hung_up.as_ref(), events) {
                    self.forget_the_closed();
                }
                Ok(())
            }
            // select failed at once, so all of the time is left. The other descriptors must not wait for another turn.
            Err(Errno::EBADF) if self.forget_the_closed() => self.wait(events, timeout_ns),
            Err(Errno::EBADF) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn has_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::empty())];
    let asked = poll(&mut polled, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }));
    asked.is_ok() && polled[0].revents().contains(PollFlags::HUP)
}

/// Refuses a number beyond the end of the set. Its bit would be written into other memory.
fn check_fits_the_set(fd: BorrowedFd<'_>) -> io::Result<()> {
    let number = fd.as_raw_fd();
    if usize::try_from(number).is_ok_and(|number| number < LIMIT) {
        return Ok(());
    }
    let message = format_args!("select cannot watch descriptor {number}: its limit is {LIMIT} (FD_SETSIZE)");
    Err(error_in_words(io::ErrorKind::InvalidInput, message))
}
