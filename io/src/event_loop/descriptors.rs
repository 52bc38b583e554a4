//! Descriptors: adding, changing, removing, and pulling what is ready.

use super::EventLoop;
use crate::{Event, Interest, Token, look};
use rustix::fd::{AsRawFd, BorrowedFd};
use std::collections::TryReserveError;
use std::io;

/// An observed descriptor that can make progress.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Ready {
    /// The descriptor.
    pub token: Token,
    /// The observed directions that are ready. Serve read first; then look whether write is still observed.
    pub ready: Interest,
}

impl<T: Default + Clone> EventLoop<T> {
    /// Observes a descriptor, level-triggered, until it is removed. It stays the caller's: the loop neither closes it nor
    /// changes its flags. `'static` is the caller's promise that it stays open. For a descriptor that does not live so long
    /// there are [`add_owned`](Self::add_owned) and [`add_shared`](Self::add_shared).
    ///
    /// A number that is observed already, or was closed without being removed, gets a new token and the old one is stale.
    ///
    /// # Errors
    /// `EBADF` for a descriptor that is not open, `InvalidInput` for a number too high for the backend, or what else the
    /// kernel says; `QuotaExceeded` at the limit of [`Limits`](crate::Limits), `OutOfMemory` for want of it. Nothing changes
    /// then: an older observation of the number stands.
    pub fn add_descriptor(&mut self, fd: BorrowedFd<'static>, interest: Interest) -> io::Result<Token> {
        self.observe(fd, interest)
    }

    /// As [`add_descriptor`](Self::add_descriptor). The caller sees to it that the descriptor stays open until the backend
    /// has forgotten it.
    pub(super) fn observe(&mut self, fd: BorrowedFd<'_>, interest: Interest) -> io::Result<Token> {
        let may_block = look::may_block(fd)?;
        self.refuse_the_waker(fd)?;
        let (token, replaces) = self.table.propose(fd);
        self.make_room(token.index(), fd)?;
        if replaces {
            self.backend.modify(fd, interest, token)?;
        } else {
            self.has_room_for_a_descriptor()?;
            self.backend.add(fd, interest, token)?;
        }
        self.last_served += 1;
        self.table.put(token, fd, interest, self.last_served);
        if let Some(descriptor) = self.table.get_mut(token) {
            descriptor.may_block = may_block;
        }
        #[cfg(unix)]
        if replaces {
            self.shared.take(token.index());
        }
        Ok(token)
    }

    /// A waker that is observed would not wake any more.
    fn refuse_the_waker(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let ours = [self.waker.read_end(), self.waker.write_end()].map(|end| end.as_raw_fd());
        if ours.contains(&fd.as_raw_fd()) { Err(rustix::io::Errno::INVAL.into()) } else { Ok(()) }
    }

    /// Room for whatever may be noted of a descriptor until it is removed.
    fn make_room(&mut self, index: u32, fd: BorrowedFd<'_>) -> Result<(), TryReserveError> {
        self.table.try_grow(index, fd)?;
        self.marked.try_grow(index)?;
        self.marked_in_turn.try_grow(index)?;
        self.unsettled.try_grow(index)
    }

    /// Changes which directions are observed. Holds at once, for readiness of this turn that was not pulled too.
    ///
    /// # Errors
    /// `NotFound` for a stale token, or what the kernel says; the old interest stands then.
    pub fn set_interest(&mut self, token: Token, interest: Interest) -> io::Result<()> {
        let descriptor = self.table.get_mut(token).ok_or(io::ErrorKind::NotFound)?;
        self.backend.modify(descriptor.fd.as_fd(), interest, token)?;
        descriptor.may_block = look::may_block(descriptor.fd.as_fd()).unwrap_or(true);
        (descriptor.interest, descriptor.told, descriptor.silent) = (interest, interest, Interest::NONE);
        Ok(())
    }

    /// Observes the descriptor no longer. Do it before closing: then the peer sees the end at once and a new file with
    /// the same number gets nothing of the old one's.
    ///
    /// # Errors
    /// `NotFound` for a stale token. What the kernel says is for information: the descriptor is forgotten anyway.
    pub fn remove_descriptor(&mut self, token: Token) -> io::Result<()> {
        let descriptor = self.table.take(token).ok_or(io::ErrorKind::NotFound)?;
        let removed = self.backend.remove(descriptor.fd.as_fd(), token);
        #[cfg(unix)]
        self.let_go(token);
        removed
    }

    /// What is observed of a descriptor. `None` for a stale token.
    pub fn interest(&self, token: Token) -> Option<Interest> {
        self.table.get(token).map(|descriptor| descriptor.interest)
    }

    /// Tells the loop of readiness that the kernel cannot see, data in a buffer for example: the next turn does not wait,
    /// and reports it once, together with what the kernel says. If it is not pulled then, it is reported again. Without
    /// effect for a stale token.
    pub fn mark_ready(&mut self, token: Token, ready: Interest) {
        let Some(descriptor) = self.table.get_mut(token) else { return };
        if descriptor.marked.is_empty() && !ready.is_empty() {
            self.marked.add(token.index());
        }
        descriptor.marked.insert(ready);
    }

    /// How many descriptors are observed.
    pub fn descriptors(&self) -> usize {
        self.table.len()
    }

    /// What of an event holds still. A descriptor that does not block may be given out although somebody has used up what
    /// was there: reading it says so, and looking would cost everybody a system call.
    fn still_ready(&mut self, event: Event) -> Interest {
        let Some(&descriptor) = self.table.get(event.token).filter(|known| self.is_outdated && known.may_block) else {
            return event.ready;
        };
        let asked = event.ready & descriptor.wanted();
        if asked.is_empty() {
            return asked;
        }
        // The kernel does not know of marks.
        self.backend.look(descriptor.fd.as_fd(), asked, event.token) | event.ready & descriptor.marked_in_turn
    }

    /// For which of these observed directions a descriptor that may block is ready at this moment; `directions` itself for
    /// one that does not block. For a callback that comes after another one of the same [`Ready`].
    pub fn look_again(&mut self, token: Token, directions: Interest) -> Interest {
        let Some(&descriptor) = self.table.get(token) else { return Interest::NONE };
        let asked = directions & descriptor.interest;
        if !descriptor.may_block || asked.is_empty() {
            return asked;
        }
        self.backend.look(descriptor.fd.as_fd(), asked, token)
    }

    /// The next descriptor that this turn's wait found ready, for a direction that is observed now. Whoever was removed
    /// or replaced since does not come; of more than [`Limits`](crate::Limits) let a turn serve, the rest comes in the next.
    pub fn next_ready(&mut self) -> Option<Ready> {
        while let Some(&event) = self.events.get(self.pulled) {
            if self.has_served_descriptors() {
                return None;
            }
            self.pulled += 1;
            let ready = self.still_ready(event);
            let ready = self.take_ready(event.token, ready);
            if !ready.is_empty() {
                self.is_outdated = true;
                self.descriptors_share.served += 1;
                return Some(Ready { token: event.token, ready });
            }
        }
        None
    }
}
