//! The queue of a channel, between its senders and its callback.

use crate::bell::Knock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A channel as its loop has it. Dropped, it lets no more messages in, also while its callback runs.
pub(crate) struct Channel<C> {
    /// `None` while it runs.
    pub(crate) serve: Option<C>,
    pub(crate) queue: Arc<dyn Close>,
}

impl<C> Drop for Channel<C> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The queue of a channel, whatever its messages are.
pub(crate) trait Close {
    fn close(&self);
}

impl<T> Close for Shared<T> {
    fn close(&self) {
        let mut queue = self.queue();
        queue.is_closed = true;
        // Dropped after the lock.
        let messages = std::mem::take(&mut queue.messages);
        drop(queue);
        drop(messages);
        self.knock.leave();
    }
}

pub(crate) struct Shared<T> {
    /// Wakes the channel: when a message has come that is the first, or the last sender is gone.
    pub(crate) knock: Knock,
    pub(crate) limit: usize,
    pub(crate) queue: Mutex<Queue<T>>,
}

pub(crate) struct Queue<T> {
    pub(crate) messages: VecDeque<T>,
    pub(crate) senders: usize,
    pub(crate) is_closed: bool,
}

impl<T> Shared<T> {
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The receiving end.
pub(crate) struct Receiver<T>(pub(crate) Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// The next message, and whether it was the last one and there will be no more.
    pub(crate) fn next(&self) -> (Option<T>, bool) {
        let mut queue = self.0.queue();
        let message = queue.messages.pop_front();
        (message, queue.messages.is_empty() && queue.senders == 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.queue().messages.len()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.queue().is_closed
    }
}
