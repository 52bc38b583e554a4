//! The table of the descriptors for which futures wait.

use crate::waiters::Waiters;
use crate::{Error, Interest};
use cogloop_io::Token;
use cogloop_io::memory::ByIndex;
use std::cell::RefCell;
use std::task::Waker;

/// The waiters of each direction of a descriptor, by the index of its token.
#[derive(Default)]
pub(crate) struct Watched(RefCell<ByIndex<Option<Watchers>>>);

#[derive(Debug)]
pub(crate) struct Watchers {
    token: Token,
    read: Direction,
    write: Direction,
}

#[derive(Default, Debug)]
pub(crate) struct Direction {
    /// The number of reports of this direction. If the number has grown since a future's wait began, that wait is over.
    pub(crate) reports: u64,
    /// Whether the kernel was asked and has not reported yet. Then another waiter need not ask again.
    pub(crate) is_asked: bool,
    pub(crate) waiters: Waiters,
}

/// Wakes all waiters when the descriptor is not observed any more. Their next poll returns an error.
impl Drop for Watchers {
    fn drop(&mut self) {
        for direction in [&mut self.read, &mut self.write] {
            std::iter::from_fn(|| direction.waiters.next()).for_each(Waker::wake);
        }
    }
}

impl Watchers {
    fn of(&mut self, direction: Interest) -> &mut Direction {
        if direction == Interest::READ { &mut self.read } else { &mut self.write }
    }
}

impl Watched {
    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.0.borrow().iter().flatten().map(|watchers| watchers.token).collect()
    }

    pub(crate) fn take_all(&self) -> ByIndex<Option<Watchers>> {
        self.0.take()
    }

    /// Makes room for the descriptors up to this index.
    pub(crate) fn try_grow(&self, index: u32) -> Result<(), Error> {
        Ok(self.0.borrow_mut().try_grow(index)?)
    }

    /// Stores an entry for which there is room.
    pub(crate) fn put(&self, token: Token) {
        let watchers = Watchers { token, read: Direction::default(), write: Direction::default() };
        // The previous entry of this index is dropped after the borrow.
        let _replaced = self.0.borrow_mut().replace(token.index(), Some(watchers));
    }

    /// Removes an entry after another source has taken over its descriptor.
    pub(crate) fn evict(&self, token: Token) {
        // The entry is dropped after the borrow.
        let _watchers = self.0.borrow_mut().take(token.index());
    }

    pub(crate) fn take(&self, token: Token) -> Option<Watchers> {
        let mut watched = self.0.borrow_mut();
        watched.get_mut(token.index())?.take_if(|watchers| watchers.token == token)
    }

    pub(crate) fn audit(&self) {
        for watchers in self.0.borrow().iter().flatten() {
            watchers.read.waiters.audit();
            watchers.write.waiters.audit();
        }
    }

    pub(crate) fn with<T>(
        &self,
        token: Token,
        direction: Interest,
        use_it: impl FnOnce(&mut Direction) -> T,
    ) -> Option<T> {
        let mut watched = self.0.borrow_mut();
        let watchers = watched.get_mut(token.index())?.as_mut().filter(|watchers| watchers.token == token)?;
        Some(use_it(watchers.of(direction)))
    }
}
