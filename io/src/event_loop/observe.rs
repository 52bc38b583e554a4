//! Descriptors: adding, changing and removing them, and marking them ready.

use super::EventLoop;
use super::parts::mode::Mode;
use crate::{Interest, Token};
use rustix::fd::BorrowedFd;
use std::io;

impl<T: Clone> EventLoop<T> {
    /// Observes a descriptor, level-triggered, until it is removed. The descriptor stays the caller's: the loop neither
    /// closes it nor changes its flags. With the lifetime `'static` the caller promises that the descriptor stays open.
    /// [`add_owned`](Self::add_owned) and [`add_shared`](Self::add_shared) take descriptors without that promise.
    ///
    /// If the number is observed already, or was closed without being removed, it gets a new token and the old token is
    /// stale.
    ///
    /// # Errors
    /// `EBADF` for a descriptor that is not open, `InvalidInput` for a number that is too high for the backend,
    /// `QuotaExceeded` at the limit of [`Limits`](crate::Limits), `OutOfMemory` when there is no memory, or another
    /// error of the kernel. Nothing changes then: an older observation of the number stays.
    pub fn add_descriptor(&mut self, fd: BorrowedFd<'static>, interest: Interest) -> io::Result<Token> {
        self.observe(fd, interest, Mode::Level)
    }

    /// Observes a descriptor as [`add_descriptor`](Self::add_descriptor) does, in the mode `mode`.
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

    /// [`add_descriptor_with`](Self::add_descriptor_with) for any lifetime. The caller keeps the descriptor open until
    /// the backend has forgotten it.
    pub(super) fn observe(&mut self, fd: BorrowedFd<'_>, interest: Interest, mode: Mode) -> io::Result<Token> {
        self.check_not_the_waker(fd)?;
        let proposal = self.observed.table().propose(fd);
        self.observed.try_grow(proposal.token.index(), fd)?;
        self.readiness.try_grow(proposal.token.index())?;
        if !proposal.replaces {
            self.has_room_for_a_descriptor()?;
        }
        self.observed.put(proposal, fd, interest, mode)?;
        Ok(proposal.token)
    }

    /// Refuses the waker's own descriptor. If the user observed it, it would no longer wake the loop.
    fn check_not_the_waker(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if self.waker.owns(fd) { Err(rustix::io::Errno::INVAL.into()) } else { Ok(()) }
    }

    /// Changes which directions are observed. This takes effect at once, also for readiness of this turn that was not
    /// pulled.
    ///
    /// # Errors
    /// `NotFound` for a stale token, or an error of the kernel; the old interest stays then. But a call that only drops
    /// directions succeeds even if the kernel refuses, for example because the descriptor was closed. The loop does not
    /// report these directions any more. If the kernel goes on reporting them, the loop asks the kernel again to drop
    /// them. If a direction that stays was silent ([`Mode`]), the kernel has to observe it again, so a refusal is an
    /// error.
    pub fn set_interest(&mut self, token: Token, interest: Interest) -> io::Result<()> {
        self.observed.set_interest(token, interest)
    }

    /// Stops observing the descriptor. Call it before closing the descriptor. Then the peer sees the end at once, and a
    /// new file with the same number gets no event of the old one.
    ///
    /// # Errors
    /// `NotFound` for a stale token. An error of the kernel only informs the caller: the descriptor is forgotten in any
    /// case.
    pub fn remove_descriptor(&mut self, token: Token) -> io::Result<()> {
        self.observed.remove(token)
    }

    /// The observed directions of a descriptor. `None` for a stale token.
    pub fn interest(&self, token: Token) -> Option<Interest> {
        self.observed.table().get(token).map(|descriptor| descriptor.interest)
    }

    /// Tells the loop about readiness that the kernel cannot see, such as data in a user-space buffer. The next turn
    /// does not wait, and reports this readiness once, together with that of the kernel. Readiness that is not pulled
    /// in that turn is reported again. A stale token has no effect.
    pub fn mark_ready(&mut self, token: Token, ready: Interest) {
        if self.journal.as_ref().is_none_or(|journal| journal.mark(token, ready)) {
            self.readiness.mark(&mut self.observed, token, ready);
        }
    }

    /// Whether the next turn has to report readiness of [`mark_ready`](Self::mark_ready): readiness that was marked
    /// since the last turn began, or that was not pulled in that turn.
    #[must_use]
    pub fn has_marks(&self) -> bool {
        self.readiness.has_marks(&self.observed)
    }

    /// Says that these directions of a descriptor in `Mode::Edge` were drained: a read or write has returned
    /// `WouldBlock`. They are reported again when they are ready. In the other modes this has no effect.
    ///
    /// # Errors
    /// `NotFound` for a stale token, or an error of the kernel; the directions stay silent then.
    pub fn drained(&mut self, token: Token, directions: Interest) -> io::Result<()> {
        self.observed.drained(token, directions)
    }

    /// Asks which of `directions` are ready now. If two callbacks run for one [`Ready`](crate::Ready), the second needs
    /// this. Directions that are not observed are not ready. For a descriptor that does not block, the result is all of
    /// `directions` that are observed. Nothing is ready for a stale token.
    pub fn look_again(&mut self, token: Token, directions: Interest) -> Interest {
        self.observed.look_again(token, directions)
    }
}
