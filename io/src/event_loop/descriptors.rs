//! Descriptors: adding, changing, removing, and pulling what is ready.

use super::EventLoop;
use crate::{Interest, Token};
use rustix::fd::BorrowedFd;
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
    /// changes its flags.
    ///
    /// A number that is observed already, or was closed without being removed, gets a new token and the old one is stale.
    ///
    /// # Errors
    /// `EBADF` for a descriptor that is not open, `InvalidInput` for a number too high for the backend, or what else the
    /// kernel says; `QuotaExceeded` at the limit of [`Limits`](crate::Limits), `OutOfMemory` for want of it. Nothing changes
    /// then: an older observation of the number stands.
    pub fn add_descriptor(&mut self, fd: BorrowedFd<'static>, interest: Interest) -> io::Result<Token> {
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
        #[cfg(unix)]
        if replaces {
            self.shared.take(token.index());
        }
        Ok(token)
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
        self.backend.modify(descriptor.fd, interest, token)?;
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
        let removed = if mutant!("c40-liburing-568") { Ok(()) } else { self.backend.remove(descriptor.fd, token) };
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

    /// The next descriptor that this turn's wait found ready, for a direction that is observed now. Whoever was removed
    /// or replaced since does not come; of more than [`Limits`](crate::Limits) let a turn serve, the rest comes in the next.
    pub fn next_ready(&mut self) -> Option<Ready> {
        while let Some(&event) = self.events.get(self.pulled) {
            if self.has_served_enough(self.served_descriptors) {
                return None;
            }
            self.pulled += 1;
            let ready = self.take_ready(event.token, event.ready);
            if !ready.is_empty() {
                self.served_descriptors += 1;
                return Some(Ready { token: event.token, ready });
            }
        }
        None
    }
}
