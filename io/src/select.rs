//! `select`, the backend of any Unix. Twin of [`epoll`](crate::epoll).
//!
//! Descriptor numbers from `FD_SETSIZE` (1024 nearly everywhere) on are refused. Timeouts are in microseconds, rounded up.
//!
//! select watches numbers, not files: it has no idea that one was closed and given to another file. So every registration
//! remembers its file, and one whose number stands for something else is dropped when it reports.

use crate::backend::EVENTS_MAX;
use crate::identity::Identity;
use crate::{Backend, Event, Interest, Token, Waker};
use nix::errno::Errno;
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::TimeVal;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

// One wait can report all there is.
const _: () = assert!(FD_SETSIZE <= EVENTS_MAX);

struct Registration {
    fd: BorrowedFd<'static>,
    token: Token,
    file: Identity,
}

/// The sets to pass to select and what we know of their members.
pub struct Select {
    // By the token's index.
    registrations: Vec<Option<Registration>>,
    read: FdSet<'static>,
    write: FdSet<'static>,
    waker: Option<Waker>,
    // One more than the highest number ever watched: how far the kernel has to look.
    bound: i32,
}

impl Select {
    /// Empty sets.
    #[must_use]
    pub fn new() -> Self {
        Self { registrations: Vec::new(), read: FdSet::new(), write: FdSet::new(), waker: None, bound: 0 }
    }

    fn put(&mut self, fd: BorrowedFd<'static>, interest: Interest, token: Token) -> io::Result<()> {
        refuse_beyond_the_set(fd)?;
        let file = Identity::of(fd)?;
        let index = token.index() as usize;
        if self.registrations.len() <= index {
            self.registrations.resize_with(index + 1, || None);
        }
        self.bound = self.bound.max(fd.as_raw_fd() + 1);
        self.registrations[index] = Some(Registration { fd, token, file });
        for (set, direction) in [(&mut self.read, Interest::READ), (&mut self.write, Interest::WRITE)] {
            if interest.contains(direction) {
                set.insert(fd);
            } else {
                set.remove(fd);
            }
        }
        Ok(())
    }

    fn forget(&mut self, index: usize) {
        if let Some(known) = self.registrations.get_mut(index).and_then(Option::take) {
            self.read.remove(known.fd);
            self.write.remove(known.fd);
        }
    }

    /// Drops what was closed behind our back.
    fn forget_the_closed(&mut self) {
        for index in 0..self.registrations.len() {
            if self.registrations[index].as_ref().is_some_and(|known| !known.file.still(known.fd)) {
                self.forget(index);
            }
        }
    }

    fn report(&mut self, read: &FdSet<'_>, write: &FdSet<'_>, events: &mut Vec<Event>) {
        for index in 0..self.registrations.len() {
            let Some(known) = &self.registrations[index] else { continue };
            let mut ready = Interest::NONE;
            for (set, direction) in [(read, Interest::READ), (write, Interest::WRITE)] {
                if set.contains(known.fd) {
                    ready.insert(direction);
                }
            }
            if ready.is_empty() {
                continue;
            }
            if known.file.still(known.fd) {
                events.push(Event::new(known.token, ready));
            } else {
                self.forget(index);
            }
        }
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
        refuse_beyond_the_set(waker.as_fd())?;
        self.bound = self.bound.max(waker.as_raw_fd() + 1);
        self.waker = Some(waker.clone());
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'static>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token)
    }

    fn modify(&mut self, fd: BorrowedFd<'static>, interest: Interest, token: Token) -> io::Result<()> {
        self.put(fd, interest, token)
    }

    fn remove(&mut self, _fd: BorrowedFd<'static>, token: Token) -> io::Result<()> {
        self.forget(token.index() as usize);
        Ok(())
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        let mut timeout = timeout_ns.map(|ns| {
            // Up, or the last fraction of a microsecond before a deadline would be spent spinning.
            let us = ns.div_ceil(1000);
            TimeVal::new((us / 1_000_000).try_into().unwrap_or(i32::MAX.into()), (us % 1_000_000) as _)
        });
        let waker = self.waker.clone();
        let (mut read, mut write): (FdSet<'_>, FdSet<'_>) = (self.read, self.write);
        if let Some(waker) = &waker {
            read.insert(waker.as_fd());
        }
        match select(self.bound, &mut read, &mut write, None, timeout.as_mut()) {
            Ok(0) | Err(Errno::EINTR) => Ok(()),
            Ok(_) => {
                waker.iter().filter(|waker| read.contains(waker.as_fd())).for_each(Waker::drain);
                self.report(&read, &write, events);
                Ok(())
            }
            // Coming back early is allowed, and the next wait has sound sets.
            Err(Errno::EBADF) => {
                self.forget_the_closed();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A bit beyond the set's end would be written into somebody else's memory.
fn refuse_beyond_the_set(fd: BorrowedFd<'_>) -> io::Result<()> {
    let number = fd.as_raw_fd();
    if usize::try_from(number).is_ok_and(|number| number < FD_SETSIZE) {
        return Ok(());
    }
    let message = format!("select cannot watch descriptor {number}: its limit is {FD_SETSIZE} (FD_SETSIZE)");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}
