//! How other threads, and the wakers of futures, get the loop's attention.
//!
//! ```text
//!   wake ──► woken queue ─┐                                    ┌──► listening?  no: the loop looks before it waits
//!   post ──► mail queue ──┴── first the queue, then the bell ──┘        │
//!                                                                       └───── yes, once: end its wait
//! ```
//!
//! The loop says that it listens *before* it looks into the queues a last time, and both queues are behind a lock: whoever
//! puts something in either does so before that look, which finds it, or after it, and then sees the loop listening. A
//! wake while callbacks run costs no system call.

use crate::channel::ChannelKey;
use crate::task::TaskKey;
use std::collections::{TryReserveError, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// Who has something to do.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Woken {
    /// The future of `block_on`.
    Root,
    Task(TaskKey),
    Channel(ChannelKey),
}

/// What a loop shares with other threads.
pub(crate) struct Bell {
    is_listening: AtomicBool,
    waker: cogloop_io::Waker,
    woken: Mutex<VecDeque<Woken>>,
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

    pub(crate) fn wake(&self, who: Woken) {
        self.woken().push_back(who);
        self.ring();
    }

    /// As [`wake`](Self::wake), for who can say that there was no memory to note it.
    pub(crate) fn try_wake(&self, who: Woken) -> Result<(), TryReserveError> {
        let mut woken = self.woken();
        woken.try_reserve(1)?;
        woken.push_back(who);
        drop(woken);
        self.ring();
        Ok(())
    }

    pub(crate) fn has_woken(&self) -> bool {
        !self.woken().is_empty()
    }

    /// Moves those that were woken to the end of a batch, in the order in which they were.
    pub(crate) fn take_woken(&self, batch: &mut VecDeque<Woken>) {
        if batch.is_empty() {
            std::mem::swap(batch, &mut *self.woken());
        } else {
            batch.append(&mut self.woken());
        }
    }

    fn woken(&self) -> MutexGuard<'_, VecDeque<Woken>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a future's [`Waker`](std::task::Waker) is underneath: made once for a task, so that waking allocates nothing.
pub(crate) struct Knock {
    who: Woken,
    is_queued: AtomicBool,
    bell: Arc<Bell>,
}

impl Knock {
    pub(crate) fn new(who: Woken, bell: Arc<Bell>) -> Self {
        Self { who, is_queued: AtomicBool::new(false), bell }
    }

    /// Who was woken is about to look: a wake from now on counts anew. What was done before an earlier wake is seen.
    pub(crate) fn answer(&self) {
        self.is_queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.bell.wake(self.who);
        }
    }
}
