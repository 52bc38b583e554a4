//! The table of tasks: the spawned futures and their wakers.

use crate::Error;
use crate::notifier::Wakeup;
use crate::slab::{Slab, SlabKey};
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

/// A future and its waker.
pub(crate) struct Spawned {
    pub(crate) future: Pin<Box<dyn Future<Output = ()>>>,
    pub(crate) wakeup: Arc<Wakeup>,
    pub(crate) waker: Waker,
}

/// A waker may outlive its task. After the end of the task it wakes nothing.
impl Drop for Spawned {
    fn drop(&mut self) {
        self.wakeup.retire();
    }
}

/// The future is `None` while it is polled.
type Table = Slab<Option<Spawned>>;

#[derive(Default)]
pub(crate) struct Tasks(RefCell<Table>);

impl Tasks {
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Makes room for one more task, and returns its key.
    pub(crate) fn try_reserve(&self) -> Result<SlabKey, Error> {
        self.0.borrow_mut().try_reserve()
    }

    /// Adds a task for which there is room.
    pub(crate) fn insert(&self, spawned: Spawned) {
        self.0.borrow_mut().insert(Some(spawned));
    }

    /// Takes a future out, to be polled.
    pub(crate) fn take(&self, key: SlabKey) -> Option<Spawned> {
        self.0.borrow_mut().get_mut(key).and_then(Option::take)
    }

    /// Puts a polled future back. If its task was cancelled meanwhile, drops the future after the borrow.
    pub(crate) fn put_back(&self, key: SlabKey, spawned: Spawned) {
        let mut spawned = Some(spawned);
        if let Some(place) = self.0.borrow_mut().get_mut(key) {
            *place = spawned.take();
        }
    }

    /// Ends all tasks. The caller takes them out with [`next_doomed`](Self::next_doomed).
    pub(crate) fn doom_all(&self) {
        self.0.borrow_mut().doom_all();
    }

    pub(crate) fn next_doomed(&self) -> Option<Option<Spawned>> {
        self.0.borrow_mut().next_doomed()
    }

    pub(crate) fn audit(&self) {
        self.0.borrow().audit();
    }

    pub(crate) fn remove(&self, key: SlabKey) {
        // The task is dropped after the borrow.
        let _spawned = self.0.borrow_mut().remove(key);
    }
}
