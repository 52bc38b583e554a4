//! The wakers of sleeping futures, by the index of their timers' keys.

use cogloop_io::Key;
use cogloop_io::memory::ByIndex;
use std::cell::RefCell;
use std::collections::TryReserveError;
use std::task::Waker;

/// The waker of each sleeping future, by the index of its timer's key.
#[derive(Default)]
pub(crate) struct Sleepers(RefCell<ByIndex<Option<Waker>>>);

impl Sleepers {
    /// Makes room for the waker of the timer with this index. Call when the timer is armed, so that storing its waker
    /// needs no memory.
    pub(crate) fn try_grow(&self, index: u32) -> Result<(), TryReserveError> {
        self.0.borrow_mut().try_grow(index)
    }

    pub(crate) fn put(&self, key: Key, waker: &Waker) {
        let index = key.index();
        let is_known = self.0.borrow().get(index).and_then(Option::as_ref).is_some_and(|known| known.will_wake(waker));
        if is_known {
            return;
        }
        // The new waker is cloned before the borrow, and the old one is dropped after it: both may run user code.
        let new = waker.clone();
        let _old = self.0.borrow_mut().get_mut(index).map(|place| place.replace(new));
    }

    pub(crate) fn take(&self, key: Key) -> Option<Waker> {
        self.0.borrow_mut().take(key.index())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().iter().flatten().count()
    }

    pub(crate) fn wake_all(&self) {
        let mut all = self.0.take();
        all.indices().filter_map(|index| all.take(index)).for_each(Waker::wake);
    }
}
