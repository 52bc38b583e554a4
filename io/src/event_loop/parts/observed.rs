//! Observed descriptors: the table, and the backend that observes each of them.
//!
//! A direction of [`Mode::Edge`] or [`Mode::OneShot`] that was reported is silent. The backend is level-triggered and
//! would go on reporting it, so the direction is removed from the backend's interest. The removal waits until the next
//! turn begins: if the user calls [`drained`](crate::EventLoop::drained) before then, no system call is needed.

use super::kept::Kept;
use super::mode::Mode;
use super::table::{Descriptor, Proposal, Table};
use crate::memory::Worklist;
use crate::{Backend, Event, Interest, Token, fork, sys};
use rustix::fd::BorrowedFd;
#[cfg(unix)]
use rustix::io::Errno;
use std::collections::TryReserveError;
use std::io;

/// The descriptors of the table are exactly those that the loop has registered with the backend. The backend may have
/// dropped some of them because they were closed.
pub(crate) struct Observed {
    pub(super) table: Table,
    // Indices of descriptors whose silent directions the backend may not know yet.
    unsettled: Worklist,
    backend: Box<dyn Backend>,
    // Declared after the backend, and so dropped after it: a descriptor must be closed only when the backend has
    // forgotten it.
    kept: Kept,
}

impl Observed {
    pub(crate) fn new(backend: Box<dyn Backend>) -> Self {
        Self { table: Table::default(), unsettled: Worklist::default(), backend, kept: Kept::default() }
    }

    #[inline]
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    #[inline]
    pub(crate) fn backend(&mut self) -> &mut dyn Backend {
        &mut *self.backend
    }

    /// Removes every descriptor from the backend. The table keeps them, for [`use_backend`](Self::use_backend).
    #[cfg(unix)]
    pub(crate) fn leave_backend(&mut self) {
        for (token, descriptor) in self.table.iter() {
            // An error would mean that the kernel does not know the descriptor any more, which is the aim.
            let _ = self.backend.remove(descriptor.fd.as_fd(), token);
        }
    }

    /// Registers every descriptor with another backend, which replaces the present one. A descriptor that was closed is
    /// left out: its token stays until it is removed, and nothing is reported for it.
    ///
    /// # Errors
    /// An error of the kernel; the old backend stays then.
    #[cfg(unix)]
    pub(crate) fn use_backend(&mut self, mut backend: Box<dyn Backend>) -> io::Result<()> {
        for (token, descriptor) in self.table.iter() {
            let added = backend.add(descriptor.fd.as_fd(), descriptor.wanted(), token);
            // The number is closed, or the new backend itself has it now.
            let is_closed = |error: &io::Error| {
                [Errno::BADF, Errno::INVAL]
                    .map(io::Error::from)
                    .iter()
                    .any(|closed| closed.raw_os_error() == error.raw_os_error())
            };
            match added {
                Err(error) if is_closed(&error) => continue,
                added => added?,
            }
            if descriptor.mode == Mode::Edge {
                backend.expect_news(token);
            }
        }
        for index in 0..self.table.places() {
            if let Some((_, descriptor)) = self.table.at_mut(index) {
                descriptor.registered = descriptor.wanted();
            }
        }
        self.backend = backend;
        Ok(())
    }

    pub(crate) fn set_referenced(&mut self, token: Token, is_referenced: bool) -> bool {
        self.table.set_referenced(token, is_referenced)
    }

    /// Makes room for everything that may be recorded of a descriptor until it is removed.
    #[inline]
    pub(crate) fn try_grow(&mut self, index: u32, fd: BorrowedFd<'_>) -> Result<(), TryReserveError> {
        self.table.try_grow(index, fd)?;
        self.unsettled.try_grow(index)
    }

    /// Observes a descriptor under the proposed token. There must be room for the proposal. The caller keeps the
    /// descriptor open until the backend has forgotten it.
    ///
    /// # Errors
    /// An error of the kernel; nothing has changed then.
    #[inline]
    pub(crate) fn put(
        &mut self,
        proposal: Proposal,
        fd: BorrowedFd<'_>,
        interest: Interest,
        mode: Mode,
    ) -> io::Result<()> {
        let token = proposal.token;
        if proposal.replaces {
            self.backend.modify(fd, interest, token)?;
        } else {
            self.backend.add(fd, interest, token)?;
        }
        self.table.put(token, fd, interest, mode);
        if mode == Mode::Edge {
            self.backend.expect_news(token);
        }
        if proposal.replaces {
            self.kept.replaced(token);
        }
        Ok(())
    }

    pub(crate) fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }

    /// # Errors
    /// `NotFound` for a stale token, or an error of the kernel; nothing has changed then. A change that only drops
    /// directions succeeds even if the kernel refuses, because the callbacks of these directions may be gone. But if a
    /// silent direction stays, the kernel has to observe it again, so its refusal is an error.
    #[inline]
    pub(crate) fn set_interest(&mut self, token: Token, interest: Interest) -> io::Result<()> {
        let descriptor = self.table.get_mut(token).ok_or(io::ErrorKind::NotFound)?;
        match self.backend.modify(descriptor.fd.as_fd(), interest, token) {
            Ok(()) => descriptor.registered = interest,
            Err(error) if !descriptor.only_drops(interest) || fork::is_error_of(&error) => return Err(error),
            // The kernel may go on reporting what was dropped. `take_ready` leaves that out, and the kernel is asked
            // again.
            Err(_) if descriptor.mode == Mode::Level => {}
            Err(_) => {
                descriptor.registered = Interest::NONE;
                self.unsettled.add(token.index());
            }
        }
        descriptor.may_block = None;
        (descriptor.interest, descriptor.silent) = (interest, Interest::NONE);
        Ok(())
    }

    /// # Errors
    /// `NotFound` for a stale token. An error of the kernel only informs the caller: the descriptor is forgotten in any
    /// case.
    #[inline]
    pub(crate) fn remove(&mut self, token: Token) -> io::Result<()> {
        let descriptor = self.table.take(token).ok_or(io::ErrorKind::NotFound)?;
        let removed = self.backend.remove(descriptor.fd.as_fd(), token);
        self.kept.let_go(token);
        removed
    }

    /// Lets these directions be reported again when they are ready.
    ///
    /// # Errors
    /// `NotFound` for a stale token, or an error of the kernel; the directions stay silent then.
    #[inline]
    pub(crate) fn drained(&mut self, token: Token, directions: Interest) -> io::Result<()> {
        let descriptor = self.table.get_mut(token).ok_or(io::ErrorKind::NotFound)?;
        if descriptor.mode != Mode::Edge {
            return Ok(());
        }
        let mut silent = descriptor.silent;
        silent.remove(directions);
        let wanted = descriptor.interest.without(silent);
        if !descriptor.registered.contains(wanted) {
            self.backend.modify(descriptor.fd.as_fd(), wanted, token)?;
            descriptor.registered = wanted;
        }
        descriptor.silent = silent;
        Ok(())
    }

    /// The directions of an event that are to be reported now. They are silent from here on if the descriptor's mode
    /// says so.
    #[inline]
    pub(crate) fn take_ready(&mut self, token: Token, ready: Interest) -> Interest {
        let Some(descriptor) = self.table.serve(token) else {
            return Interest::NONE;
        };
        let ready = ready & descriptor.wanted();
        descriptor.marked_in_turn.remove(ready);
        if descriptor.mode != Mode::Level {
            if !ready.is_empty() {
                descriptor.silent.insert(descriptor.mode.silenced(ready));
            }
            self.unsettled.add(token.index());
        } else if descriptor.registered != descriptor.interest {
            // The kernel has refused to drop a direction.
            self.unsettled.add(token.index());
        }
        ready
    }

    /// Makes the backend report this descriptor again, because an event was not given out. A backend need not report an
    /// edge twice, so the registration is made again.
    pub(super) fn expect_again(&mut self, token: Token) {
        if let Some(descriptor) = self.table.get_mut(token).filter(|known| known.mode == Mode::Edge) {
            descriptor.registered = Interest::NONE;
            self.unsettled.add(token.index());
        }
    }

    /// Tells the backend about directions that have become silent and still are. Asks it again to drop the directions
    /// that it has refused to drop. Registers the descriptors of [`expect_again`](Self::expect_again) again.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        for index in self.unsettled.iter() {
            let Some((token, descriptor)) = self.table.at_mut(index) else { continue };
            let wanted = descriptor.wanted();
            // If the backend refuses, the next turn may find this event again. Then the loop tries once more.
            if wanted != descriptor.registered && self.backend.modify(descriptor.fd.as_fd(), wanted, token).is_ok() {
                descriptor.registered = wanted;
            }
        }
        self.unsettled.clear();
    }

    /// The directions of an event that are still ready; the event may be outdated. The kernel is asked only about a
    /// descriptor that may block. A non-blocking descriptor is given out in any case: reading it returns `WouldBlock`,
    /// and asking would cost a system call each time.
    #[inline]
    pub(super) fn still_ready(&mut self, event: Event) -> Interest {
        let Some(descriptor) = self.blocking(event.token) else { return event.ready };
        let asked = event.ready & descriptor.wanted();
        if asked.is_empty() {
            return asked;
        }
        // The kernel does not know what the user has marked ready.
        self.look(&descriptor, event.token, asked) | event.ready & descriptor.marked_in_turn
    }

    /// Those of `directions` that are observed and, if the descriptor may block, are ready now.
    #[inline]
    pub(crate) fn look_again(&mut self, token: Token, directions: Interest) -> Interest {
        let Some(descriptor) = self.table.get(token) else { return Interest::NONE };
        let asked = directions & descriptor.interest;
        match self.blocking(token) {
            Some(descriptor) if !asked.is_empty() => self.look(&descriptor, token, asked),
            _ => asked,
        }
    }

    /// The descriptor, if it may block. The system is asked once, when the answer is first needed. Most descriptors
    /// never need the answer: they are removed earlier, or no other callback runs before theirs in a turn.
    #[inline]
    fn blocking(&mut self, token: Token) -> Option<Descriptor> {
        let descriptor = self.table.get_mut(token)?;
        let may_block = *descriptor.may_block.get_or_insert_with(|| sys::may_block(descriptor.fd.as_fd()));
        may_block.then_some(*descriptor)
    }

    #[inline]
    fn look(&mut self, descriptor: &Descriptor, token: Token, asked: Interest) -> Interest {
        self.backend.look(descriptor.fd.as_fd(), asked, token)
    }

    /// Removes every descriptor.
    pub(crate) fn clear(&mut self) {
        for (token, descriptor) in self.table.iter() {
            // An error would mean that the kernel does not know the descriptor any more, which is the aim.
            let _ = self.backend.remove(descriptor.fd.as_fd(), token);
        }
        self.table.forget_all();
        self.kept.clear();
    }

    /// Panics when the table is not sound, or something is kept that the table does not know.
    pub(crate) fn audit(&self) {
        self.table.audit();
        self.unsettled.audit();
        self.kept.audit(&self.table);
    }
}
