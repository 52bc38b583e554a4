//! How other threads, and the wakers of futures, get the loop's attention.
//!
//! ```text
//!   wake ──► list of the woken ─┐                                  ┌─ no:        the loop looks before it waits
//!   post ──► queue of posts  ───┴─► bell ──► does the loop listen? ┤
//!                                                                  └─ yes, once: end its wait
//! ```
//!
//! The loop says that it listens *before* it looks into both queues a last time, and both are behind a lock. So what is put
//! into one comes before that look, which finds it, or after it, and then finds the loop listening. A wake while callbacks run
//! costs no system call.

use crate::slab::SlabKey;
use crate::woken::{Woken, WokenList};
use crate::{Error, memory};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// What a loop shares with other threads.
pub(crate) struct Bell {
    is_listening: AtomicBool,
    waker: cogloop_io::Waker,
    woken: Mutex<WokenList>,
    /// Remotes that keep the loop going.
    pub(crate) remotes: AtomicUsize,
}

impl Bell {
    pub(crate) fn new(waker: cogloop_io::Waker) -> Self {
        // At rest it listens: it may be another loop that waits for this one's descriptor.
        let is_listening = AtomicBool::new(true);
        Self { is_listening, waker, woken: Mutex::default(), remotes: AtomicUsize::new(0) }
    }

    /// The loop is about to look for work, and to wait if there is none.
    pub(crate) fn listen(&self) {
        self.is_listening.store(true, Ordering::Release);
    }

    /// The loop is awake, and will look.
    pub(crate) fn hush(&self) {
        self.is_listening.store(false, Ordering::Relaxed);
    }

    /// Something was put into a queue.
    pub(crate) fn ring(&self) {
        if self.is_listening.swap(false, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Ends a wait, the current or the next one.
    pub(crate) fn end_wait(&self) {
        self.waker.wake();
    }

    /// A wake from now on is for the next turn.
    pub(crate) fn begin_turn(&self) {
        self.woken().begin_round();
    }

    /// The next of those that were woken before this turn served them, in the order of waking.
    pub(crate) fn next_woken(&self) -> Option<Woken> {
        self.woken().next()
    }

    pub(crate) fn woken_len(&self) -> usize {
        self.woken().len()
    }

    /// Panics when the list of the woken is broken.
    pub(crate) fn audit(&self) {
        self.woken().audit();
    }

    fn woken(&self) -> MutexGuard<'_, WokenList> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a future's [`Waker`](std::task::Waker) is underneath, and what a channel is woken by. It has an entry in the list
/// of the woken as long as it exists, so that waking allocates nothing.
pub(crate) struct Knock {
    key: SlabKey,
    is_queued: AtomicBool,
    /// Changes while the list is locked.
    is_gone: AtomicBool,
    bell: Arc<Bell>,
}

impl Knock {
    pub(crate) fn try_new(who: Woken, bell: &Arc<Bell>) -> Result<Self, Error> {
        let key = bell.woken().try_add(who)?;
        Ok(Self { key, is_queued: AtomicBool::new(false), is_gone: AtomicBool::new(false), bell: Arc::clone(bell) })
    }

    /// One that can be a [`Waker`](std::task::Waker).
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

    /// The task or channel was taken off the list and is about to look: a wake from now on counts anew. It sees all that was
    /// done before an earlier wake.
    pub(crate) fn answer(&self) {
        self.is_queued.swap(false, Ordering::AcqRel);
    }

    /// As [`answer`](Self::answer), also where it was woken again since it was taken off the list: the look that follows is
    /// for that wake too.
    pub(crate) fn answer_all(&self) {
        if self.is_queued.load(Ordering::Relaxed) {
            let mut woken = self.bell.woken();
            woken.withdraw(self.key);
            self.answer();
        }
    }

    /// Wakes nothing until [`come_back`](Self::come_back): the future is gone, and another may take its place.
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

    /// Wakes nothing from now on: the task or channel is gone, though a waker may be left.
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
