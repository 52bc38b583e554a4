//! The table of idle callbacks.

use crate::Error;
use crate::slab::{Slab, SlabKey};

pub(crate) struct Idles<C> {
    /// A value is `None` while its callback runs.
    pub(crate) callbacks: Slab<Option<C>>,
    /// The callbacks that this turn still has to call. The list always has room for all idle callbacks.
    pub(crate) round: Vec<SlabKey>,
}

impl<C> Default for Idles<C> {
    fn default() -> Self {
        Self { callbacks: Slab::default(), round: Vec::new() }
    }
}

impl<C> Idles<C> {
    /// Ends all callbacks. The caller takes them out with [`next_doomed`](Self::next_doomed).
    pub(crate) fn doom_all(&mut self) {
        self.callbacks.doom_all();
    }

    pub(crate) fn next_doomed(&mut self) -> Option<Option<C>> {
        self.callbacks.next_doomed()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.callbacks.len() == 0
    }

    pub(crate) fn try_reserve(&mut self) -> Result<(), Error> {
        self.callbacks.try_reserve()?;
        let count = self.callbacks.len() + 1;
        Ok(self.round.try_reserve(count.saturating_sub(self.round.len()))?)
    }

    pub(crate) fn audit(&self) {
        self.callbacks.audit();
        assert!(self.round.capacity() >= self.callbacks.len(), "there is no room to call every idle callback");
    }
}
