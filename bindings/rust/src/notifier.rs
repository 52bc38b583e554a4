//! How other threads and the wakers of futures wake the loop.
//!
//! ```text
//!   wake ──► list of the woken ─┐                                      ┌─ no:        the loop checks before it waits
//!   post ──► queue of posts  ───┴─► notifier ──► does the loop listen? ┤
//!                                                                      └─ yes, once: end its wait
//! ```
//!
//! The loop first marks itself as listening and then checks both queues a last time. Both queues have a lock. An entry
//! that is added before the check is found by the check. If an entry is added later, its thread sees that the loop
//! listens, and wakes the loop. A wake while callbacks run costs no system call.

use crate::slab::SlabKey;
use crate::woken::{Woken, WokenList};
use crate::{Error, memory};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// The part of a loop that other threads use.
pub(crate) struct Notifier {
    is_listening: AtomicBool,
    waker: cogloop_io::Waker,
    woken: Mutex<WokenList>,
    /// The number of remotes that keep the loop going.
    pub(crate) remotes: AtomicUsize,
}

impl Notifier {
    pub(crate) fn new(waker: cogloop_io::Waker) -> Self {
        // A loop that does not run listens, too: another loop may wait for its descriptor.
        let is_listening = AtomicBool::new(true);
        Self { is_listening, waker, woken: Mutex::default(), remotes: AtomicUsize::new(0) }
    }

    /// Call before the loop checks for work and waits if there is none.
    pub(crate) fn listen(&self) {
        self.is_listening.store(true, Ordering::Release);
    }

    /// Call when the loop is awake. The loop then checks its queues itself before it waits.
    pub(crate) fn stop_listening(&self) {
        self.is_listening.store(false, Ordering::Relaxed);
    }

    /// Call after something was put into a queue.
    pub(crate) fn notify(&self) {
        if self.is_listening.swap(false, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Ends the current or the next wait.
    pub(crate) fn end_wait(&self) {
        self.waker.wake();
    }

    /// Call before the woken tasks and channels of a turn are served. Later wakes belong to the next turn.
    pub(crate) fn begin_turn(&self) {
        self.woken().begin_round();
    }

    /// Takes the next task or channel that was woken before [`begin_turn`](Self::begin_turn), in the order of waking.
    pub(crate) fn next_woken(&self) -> Option<Woken> {
        self.woken().next()
    }

    pub(crate) fn woken_len(&self) -> usize {
        self.woken().len()
    }

    /// Panics if the list of woken tasks and channels is inconsistent.
    pub(crate) fn audit(&self) {
        self.woken().audit();
    }

    fn woken(&self) -> MutexGuard<'_, WokenList> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The implementation of a future's [`Waker`](std::task::Waker). A channel has a `Wakeup`, too. Until a `Wakeup` is
/// retired, it has an entry in the list of woken tasks and channels, so that waking allocates nothing.
pub(crate) struct Wakeup {
    key: SlabKey,
    is_queued: AtomicBool,
    /// Changes only while the list is locked.
    is_disabled: AtomicBool,
    notifier: Arc<Notifier>,
}

impl Wakeup {
    pub(crate) fn try_new(who: Woken, notifier: &Arc<Notifier>) -> Result<Self, Error> {
        let key = notifier.woken().try_add(who)?;
        Ok(Self {
            key,
            is_queued: AtomicBool::new(false),
            is_disabled: AtomicBool::new(false),
            notifier: Arc::clone(notifier),
        })
    }

    /// Makes a [`Wakeup`] that can become a [`Waker`](std::task::Waker).
    pub(crate) fn try_shared(who: Woken, notifier: &Arc<Notifier>) -> Result<Arc<Self>, Error> {
        Ok(memory::arc(Self::try_new(who, notifier)?)?)
    }

    pub(crate) fn set_woken(&self) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            let mut woken = self.notifier.woken();
            if self.is_disabled.load(Ordering::Relaxed) {
                return;
            }
            woken.wake(self.key);
            drop(woken);
            self.notifier.notify();
        }
    }

    /// Call when the task or channel was taken off the list and is about to be served. A later wake puts it into the
    /// list again. The work that other threads did before an earlier wake is visible after this call.
    pub(crate) fn acknowledge(&self) {
        self.is_queued.swap(false, Ordering::AcqRel);
    }

    /// Like [`acknowledge`](Self::acknowledge), but also takes the task or channel off the list if it was woken again
    /// meanwhile. The caller is about to serve it, which is enough for that wake, too.
    pub(crate) fn acknowledge_all(&self) {
        if self.is_queued.load(Ordering::Relaxed) {
            let mut woken = self.notifier.woken();
            woken.withdraw(self.key);
            self.acknowledge();
        }
    }

    /// Makes wakes do nothing until [`enable`](Self::enable). Call when the future of `block_on` was dropped: the next
    /// `block_on` uses the entry again.
    pub(crate) fn disable(&self) {
        let mut woken = self.notifier.woken();
        woken.withdraw(self.key);
        self.is_disabled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn enable(&self) {
        let _woken = self.notifier.woken();
        self.is_disabled.store(false, Ordering::Relaxed);
        self.acknowledge();
    }

    /// Makes wakes do nothing for ever. Call when the task or channel was dropped: wakers may still exist.
    pub(crate) fn retire(&self) {
        let mut woken = self.notifier.woken();
        if !self.is_disabled.swap(true, Ordering::Relaxed) {
            woken.remove(self.key);
        }
    }
}

impl Drop for Wakeup {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.set_woken();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set_woken();
    }
}
