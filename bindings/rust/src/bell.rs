//! How other threads and the wakers of futures wake the loop.
//!
//! ```text
//!   wake ──► list of the woken ─┐                                  ┌─ no:        the loop looks before it waits
//!   post ──► queue of posts  ───┴─► bell ──► does the loop listen? ┤
//!                                                                  └─ yes, once: end its wait
//! ```
//!
//! The loop first marks itself as listening and then checks both queues a last time. Both queues have a lock. So each entry is
//! either added before that check, and the check finds it; or it is added later, and then its thread sees that the loop listens and
//! wakes it. A wake while callbacks run costs no system call.

use crate::slab::SlabKey;
use crate::woken::{Woken, WokenList};
use crate::{Error, memory};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// The part of a loop that other threads use.
pub(crate) struct Bell {
    is_listening: AtomicBool,
    waker: cogloop_io::Waker,
    woken: Mutex<WokenList>,
    /// The number of remotes that keep the loop going.
    pub(crate) remotes: AtomicUsize,
}

impl Bell {
    pub(crate) fn new(waker: cogloop_io::Waker) -> Self {
        // A loop that does not run also listens, because another loop may wait for its descriptor.
        let is_listening = AtomicBool::new(true);
        Self { is_listening, waker, woken: Mutex::default(), remotes: AtomicUsize::new(0) }
    }

    /// Call before the loop checks for work and waits if there is none.
    pub(crate) fn listen(&self) {
        self.is_listening.store(true, Ordering::Release);
    }

    /// Call when the loop is awake: it will check its queues itself.
    pub(crate) fn hush(&self) {
        self.is_listening.store(false, Ordering::Relaxed);
    }

    /// Call after something was put into a queue.
    pub(crate) fn ring(&self) {
        if self.is_listening.swap(false, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Ends the current or the next wait.
    pub(crate) fn end_wait(&self) {
        self.waker.wake();
    }

    /// Begins a turn: later wakes are for the next one.
    pub(crate) fn begin_turn(&self) {
        self.woken().begin_round();
    }

    /// Takes the next task or channel that was woken before this turn, in the order of waking.
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

/// The implementation of a future's [`Waker`](std::task::Waker); a channel has one, too. It has an entry in the list of woken tasks
/// and channels for as long as it exists, so that waking allocates nothing.
pub(crate) struct Knock {
    key: SlabKey,
    is_queued: AtomicBool,
    /// It is only changed while the list is locked.
    is_gone: AtomicBool,
    bell: Arc<Bell>,
}

impl Knock {
    pub(crate) fn try_new(who: Woken, bell: &Arc<Bell>) -> Result<Self, Error> {
        let key = bell.woken().try_add(who)?;
        Ok(Self { key, is_queued: AtomicBool::new(false), is_gone: AtomicBool::new(false), bell: Arc::clone(bell) })
    }

    /// Makes a knock that can become a [`Waker`](std::task::Waker).
    pub(crate) fn try_shared(who: Woken, bell: &Arc<Bell>) -> Result<Arc<Self>, Error> {
        Ok(memory::arc(Self::try_new(who, bell)?)?)
    }

    pub(crate) fn knock(&self) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            let mut woken = self.bell.woken();
            if self.is_gone.load(Ordering::Relaxed) {
                return;
            }
            woken.wake(self.key);
            drop(woken);
            self.bell.ring();
        }
    }

    /// Call when the task or channel was taken off the list and is about to be served: a later wake puts it into the list again. What
    /// other threads did before an earlier wake is visible after this call.
    pub(crate) fn answer(&self) {
        self.is_queued.swap(false, Ordering::AcqRel);
    }

    /// Like [`answer`](Self::answer), but also takes it off the list if it was woken again meanwhile: it is served for that wake, too.
    pub(crate) fn answer_all(&self) {
        if self.is_queued.load(Ordering::Relaxed) {
            let mut woken = self.bell.woken();
            woken.withdraw(self.key);
            self.answer();
        }
    }

    /// Makes wakes do nothing until [`come_back`](Self::come_back). Call when the future was dropped; another future may use the
    /// entry later.
    pub(crate) fn go_away(&self) {
        let mut woken = self.bell.woken();
        woken.withdraw(self.key);
        self.is_gone.store(true, Ordering::Relaxed);
    }

    pub(crate) fn come_back(&self) {
        let _woken = self.bell.woken();
        self.is_gone.store(false, Ordering::Relaxed);
        self.answer();
    }

    /// Makes wakes do nothing for ever. Call when the task or channel was dropped; wakers may be left.
    pub(crate) fn leave(&self) {
        let mut woken = self.bell.woken();
        if !self.is_gone.swap(true, Ordering::Relaxed) {
            woken.remove(self.key);
        }
    }
}

impl Drop for Knock {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        self.knock();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.knock();
    }
}
