//! Descriptors: adding, changing, removing, and pulling what is ready.

use super::EventLoop;
use super::parts::mode::Mode;
use crate::{Interest, Token};
use rustix::fd::BorrowedFd;
use std::io;

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
        self.observe(fd, interest, Mode::Level)
    }

    /// As [`add_descriptor`](Self::add_descriptor), in another mode than `Level`.
    ///
    /// # Errors
    /// Those of [`add_descriptor`](Self::add_descriptor).
    pub fn add_descriptor_with(
        &mut self,
        fd: BorrowedFd<'static>,
        interest: Interest,
        mode: Mode,
    ) -> io::Result<Token> {
        self.observe(fd, interest, mode)
    }

    /// As [`add_descriptor_with`](Self::add_descriptor_with). The caller sees to it that the descriptor stays open until the
    /// backend has forgotten it.
    pub(super) fn observe(&mut self, fd: BorrowedFd<'_>, interest: Interest, mode: Mode) -> io::Result<Token> {
        self.refuse_the_waker(fd)?;
        let proposal = self.observed.table().propose(fd);
        self.observed.try_grow(proposal.token.index(), fd)?;
        self.readiness.try_grow(proposal.token.index())?;
        if !proposal.replaces {
            self.has_room_for_a_descriptor()?;
        }
        self.observed.put(proposal, fd, interest, mode)?;
        Ok(proposal.token)
    }

    /// A waker that is observed would not wake any more.
    fn refuse_the_waker(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if self.waker.owns(fd) { Err(rustix::io::Errno::INVAL.into()) } else { Ok(()) }
    }

    /// Changes which directions are observed. Holds at once, for readiness of this turn that was not pulled too.
    ///
    /// # Errors
    /// `NotFound` for a stale token, or what the kernel says; the old interest stands then.
    pub fn set_interest(&mut self, token: Token, interest: Interest) -> io::Result<()> {
        self.observed.set_interest(token, interest)
    }

    /// Observes the descriptor no longer. Do it before closing: then the peer sees the end at once and a new file with
    /// the same number gets nothing of the old one's.
    ///
    /// # Errors
    /// `NotFound` for a stale token. What the kernel says is for information: the descriptor is forgotten anyway.
    pub fn remove_descriptor(&mut self, token: Token) -> io::Result<()> {
        self.observed.remove(token)
    }

    /// What is observed of a descriptor. `None` for a stale token.
    pub fn interest(&self, token: Token) -> Option<Interest> {
        self.observed.table().get(token).map(|descriptor| descriptor.interest)
    }

    /// Tells the loop of readiness that the kernel cannot see, data in a buffer for example: the next turn does not wait,
    /// and reports it once, together with what the kernel says. If it is not pulled then, it is reported again. Without
    /// effect for a stale token.
    pub fn mark_ready(&mut self, token: Token, ready: Interest) {
        self.readiness.mark(&mut self.observed, token, ready);
    }

    /// Says that these directions of a descriptor in `Mode::Edge` were used up: reading, or writing, has answered
    /// `WouldBlock`. They are reported again when they are ready. Without effect in the other modes.
    ///
    /// # Errors
    /// `NotFound` for a stale token, or what the kernel says; they stay silent then.
    pub fn drained(&mut self, token: Token, directions: Interest) -> io::Result<()> {
        self.observed.drained(token, directions)
    }

    /// For which of these observed directions a descriptor that may block is ready at this moment; `directions` itself for
    /// one that does not block. For a callback that comes after another one of the same [`Ready`](crate::Ready).
    pub fn look_again(&mut self, token: Token, directions: Interest) -> Interest {
        self.observed.look_again(token, directions)
    }
}
