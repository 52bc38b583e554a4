//! How often readiness is reported: in every turn, once for each direction, or once.
//!
//! ```text
//!            Level      Edge                                   OneShot
//!
//!   ready    reported   reported; the direction is silent      reported; both directions are silent
//!   ready    reported   –                                      –
//!                       drained( token, direction )            set_interest( token, … )
//!   ready    reported   reported                               reported
//! ```
//!
//! A kernel's own edges would be a different thing on each backend: `select` cannot tell new readiness from old at all,
//! and a wake that is missed there is missed for ever. So an edge here is one that the user can rely on everywhere. Whoever
//! has read, or written, until there was nothing more (`WouldBlock`) says so, and what is ready from then on is reported.
//!
//! Underneath, backends are level-triggered; one of them is spared the repetitions of an edge. They are told of a silent
//! direction by the next turn only: whoever says `drained` in the turn of the report causes no system call at all.

use super::EventLoop;
use crate::{Interest, Token};
use rustix::fd::BorrowedFd;
use std::io;

/// How often a descriptor's readiness is reported.
#[derive(Copy, Clone, Default, Eq, PartialEq, Debug)]
pub enum Mode {
    /// In every turn, as long as it lasts.
    #[default]
    Level,
    /// Each direction once, then again after [`drained`](EventLoop::drained) has said that it was used up.
    Edge,
    /// Once, whichever direction comes first, then again after [`set_interest`](EventLoop::set_interest).
    OneShot,
}

impl Mode {
    /// The directions that are silent after `ready` has been reported.
    fn silenced(self, ready: Interest) -> Interest {
        match self {
            Self::Level => Interest::NONE,
            Self::Edge => ready,
            Self::OneShot => Interest::BOTH,
        }
    }
}

impl<T: Default + Clone> EventLoop<T> {
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
        self.observe_with(fd, interest, mode)
    }

    /// As [`add_descriptor_with`](Self::add_descriptor_with). The caller sees to it that the descriptor stays open until the
    /// backend has forgotten it.
    pub(super) fn observe_with(&mut self, fd: BorrowedFd<'_>, interest: Interest, mode: Mode) -> io::Result<Token> {
        let token = self.observe(fd, interest)?;
        if let Some(descriptor) = self.table.get_mut(token) {
            descriptor.mode = mode;
        }
        if mode == Mode::Edge {
            self.backend.expect_news(token);
        }
        Ok(token)
    }

    /// Says that these directions of a descriptor in `Mode::Edge` were used up: reading, or writing, has answered
    /// `WouldBlock`. They are reported again when they are ready. Without effect in the other modes.
    ///
    /// # Errors
    /// `NotFound` for a stale token, or what the kernel says; they stay silent then.
    pub fn drained(&mut self, token: Token, directions: Interest) -> io::Result<()> {
        let descriptor = self.table.get_mut(token).ok_or(io::ErrorKind::NotFound)?;
        if descriptor.mode != Mode::Edge {
            return Ok(());
        }
        let mut silent = descriptor.silent;
        silent.remove(directions);
        let wanted = descriptor.interest.without(silent);
        if !descriptor.told.contains(wanted) {
            self.backend.modify(descriptor.fd.as_fd(), wanted, token)?;
            descriptor.told = wanted;
        }
        descriptor.silent = silent;
        Ok(())
    }

    /// What of `ready` is to be reported now; from here on it is silent if the mode says so.
    pub(super) fn take_ready(&mut self, token: Token, ready: Interest) -> Interest {
        let Some(descriptor) = self.table.get_mut(token) else {
            return Interest::NONE;
        };
        self.last_served += 1;
        descriptor.served = self.last_served;
        let ready = ready & descriptor.wanted();
        descriptor.marked_in_turn.remove(ready);
        if descriptor.mode != Mode::Level {
            if !ready.is_empty() {
                descriptor.silent.insert(descriptor.mode.silenced(ready));
            }
            self.unsettled.add(token.index());
        }
        ready
    }

    /// Tells the backend which directions have fallen silent and still are.
    pub(super) fn settle(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        for index in self.unsettled.iter() {
            let Some((token, descriptor)) = self.table.at_mut(index) else { continue };
            let wanted = descriptor.wanted();
            // A refusal costs a turn for nothing, after which this is tried again.
            if wanted != descriptor.told && self.backend.modify(descriptor.fd.as_fd(), wanted, token).is_ok() {
                descriptor.told = wanted;
            }
        }
        self.unsettled.clear();
    }
}
