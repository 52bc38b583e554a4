//! Descriptors that the loop keeps open as long as they are observed, so that none is closed too early.
//!
//! ```text
//!   add_owned( fd )           the loop owns it; take_owned gives it back
//!   add_shared( Rc<file> )    the loop holds one reference among others
//! ```

use super::table::Table;
use crate::Token;
use crate::memory::ByIndex;
use rustix::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::collections::TryReserveError;
use std::rc::Rc;

/// The descriptors that the loop owns, and the files that it holds a reference to, each by the index of its token.
#[derive(Default)]
pub(crate) struct Kept {
    owned: ByIndex<Option<OwnedFd>>,
    shared: ByIndex<Option<Rc<dyn AsFd>>>,
}

impl Kept {
    pub(crate) fn try_grow_owned(&mut self, index: u32) -> Result<(), TryReserveError> {
        self.owned.try_grow(index)
    }

    pub(crate) fn try_grow_shared(&mut self, index: u32) -> Result<(), TryReserveError> {
        self.shared.try_grow(index)
    }

    /// Owns a descriptor. There must be room for it.
    pub(crate) fn own(&mut self, token: Token, fd: OwnedFd) {
        if let Some(closed) = self.owned.replace(token.index(), Some(fd)) {
            // The old descriptor was closed without being removed, and the new one has its number. Closing the old one
            // here would close the new one.
            let _ = closed.into_raw_fd();
        }
    }

    /// Holds a reference. There must be room for it.
    pub(crate) fn share(&mut self, token: Token, file: Rc<dyn AsFd>) {
        self.shared.replace(token.index(), Some(file));
    }

    /// Drops the reference of an observation that was replaced. A descriptor that the loop owns stays owned.
    pub(crate) fn replaced(&mut self, token: Token) {
        self.shared.take(token.index());
    }

    /// Gives back the descriptor that the loop owns under this token.
    pub(crate) fn take_owned(&mut self, token: Token) -> Option<OwnedFd> {
        self.owned.take(token.index())
    }

    /// Drops what was kept for a token. Call it after the backend has forgotten the descriptor.
    pub(crate) fn let_go(&mut self, token: Token) {
        self.owned.take(token.index());
        self.shared.take(token.index());
    }

    pub(crate) fn clear(&mut self) {
        self.owned.clear();
        self.shared.clear();
    }

    /// Panics if something is kept in a slot that the table does not know, or knows by another number.
    pub(crate) fn audit(&self, table: &Table) {
        for (index, fd) in self.owned.indices().zip(self.owned.iter()) {
            let Some(fd) = fd else { continue };
            let observed = table.at(index).map(|descriptor| descriptor.fd.as_raw_fd());
            assert_eq!(
                observed,
                Some(fd.as_raw_fd()),
                "the descriptor in slot {index}: the loop observes (left) and owns (right)"
            );
        }
        for (index, _) in self.shared.indices().zip(self.shared.iter()).filter(|(_, file)| file.is_some()) {
            assert!(table.at(index).is_some(), "the loop holds a file in slot {index}, but observes nothing there");
        }
    }
}
