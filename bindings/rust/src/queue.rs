//! The queue of a channel, between its senders and its receiver: a callback or a future.
//!
//! ```text
//!   try_send ─────────────────────► messages, up to the capacity ──► received: there is room
//!   send, no room ──► waiting ──► granted: the free room belongs to this sender ◄───┘
//! ```
//!
//! While senders wait, free room goes to the first of them, before any other sender can take it. No user code runs
//! under the lock: wakers are cloned before the lock is taken, and woken and dropped after it is released.

use crate::notifier::Wakeup;
use crate::waiters::{WaiterKey, Waiters};
use crate::{Error, options};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::ThreadId;

/// The loop's end of a channel. Dropping it closes the channel, even while its callback runs.
pub(crate) struct Channel<C> {
    /// `None` while the callback runs.
    pub(crate) serve: Option<C>,
    pub(crate) queue: Arc<dyn Close>,
}

impl<C> Drop for Channel<C> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The queue of a channel, independent of the type of its messages.
pub(crate) trait Close {
    fn close(&self);
}

impl<T> Close for Shared<T> {
    fn close(&self) {
        let mut queue = self.queue();
        queue.is_closed = true;
        // The messages are dropped, and the senders woken, after the lock is released.
        let messages = std::mem::take(&mut queue.messages);
        let mut waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        std::iter::from_fn(|| waiting.next()).for_each(Waker::wake);
        drop(messages);
        if let Some(wakeup) = &self.wakeup {
            wakeup.retire();
        }
    }
}

/// The number of messages that may wait, and the name of this limit.
#[derive(Copy, Clone)]
pub(crate) struct Capacity {
    pub(crate) what: &'static str,
    pub(crate) limit: usize,
}

impl Capacity {
    /// A channel's own capacity: at least one message.
    pub(crate) fn own(limit: usize) -> Self {
        Self { what: "messages", limit: limit.max(1) }
    }

    pub(crate) fn min(self, other: Self) -> Self {
        if other.limit < self.limit { other } else { self }
    }
}

pub(crate) struct Shared<T> {
    /// Wakes the callback of the channel when a message arrives in an empty queue, or when the last sender was dropped
    /// and no message waits.
    wakeup: Option<Wakeup>,
    capacity: Capacity,
    /// The thread that runs the callback. It must not wait for room, because only the callback makes room.
    thread: Option<ThreadId>,
    queue: Mutex<Queue<T>>,
}

struct Queue<T> {
    messages: VecDeque<T>,
    senders: usize,
    is_closed: bool,
    /// The senders that wait for room. (A waiter's number of reports is for descriptors only; here it is 0.)
    waiting: Waiters,
    /// The number of senders to which room was granted and that have not used it yet.
    granted: usize,
    /// The waker of a future that waits for a message.
    receiver: Option<Waker>,
}

impl<T> Queue<T> {
    /// Grants free room, if there is some, to the first sender that waits. The caller wakes the returned waker after it
    /// has released the lock.
    #[must_use]
    fn grant(&mut self, capacity: Capacity) -> Option<Waker> {
        if self.messages.len() + self.granted >= capacity.limit {
            return None;
        }
        self.waiting.next().inspect(|_| self.granted += 1)
    }
}

/// A message that was not sent, and the reason.
pub(crate) type Refused<T> = (T, Error);

impl<T> Shared<T> {
    /// Makes a queue with one sender.
    pub(crate) fn new(wakeup: Option<Wakeup>, capacity: Capacity, thread: Option<ThreadId>) -> Self {
        let queue = Queue {
            messages: VecDeque::new(),
            senders: 1,
            is_closed: false,
            waiting: Waiters::default(),
            granted: 0,
            receiver: None,
        };
        Self { wakeup, capacity, thread, queue: Mutex::new(queue) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_woken(&self) {
        self.wakeup.iter().for_each(Wakeup::set_woken);
    }

    /// Call before the callback checks the queue: a later wake puts the channel into the list again.
    pub(crate) fn acknowledge(&self) {
        self.wakeup.iter().for_each(Wakeup::acknowledge);
    }

    /// Whether the calling thread would wait for itself.
    pub(crate) fn is_served_here(&self) -> bool {
        self.thread == Some(std::thread::current().id())
    }

    /// Adds a message, for which there is room, and wakes the receiver.
    fn put(&self, mut queue: MutexGuard<'_, Queue<T>>, message: T) {
        queue.messages.push_back(message);
        let (is_first, receiver) = (queue.messages.len() == 1, queue.receiver.take());
        drop(queue);
        if is_first {
            self.set_woken();
        }
        receiver.into_iter().for_each(Waker::wake);
    }

    /// Sends the message at once, or fails.
    pub(crate) fn try_send(&self, message: T) -> Result<(), Refused<T>> {
        let mut queue = self.queue();
        let checked = match queue.is_closed {
            true => Err(Error::Closed),
            false => options::check(self.capacity.what, queue.messages.len() + queue.granted, self.capacity.limit)
                .and_then(|()| Ok(queue.messages.try_reserve(1)?)),
        };
        match checked {
            Ok(()) => {
                self.put(queue, message);
                Ok(())
            }
            Err(error) => {
                drop(queue);
                Err((message, error))
            }
        }
    }

    /// Sends the message when there is room. `place` holds the message, and becomes `None` when the message was sent.
    /// `key` is the caller's entry in the list of waiting senders.
    pub(crate) fn poll_send(
        &self,
        place: &mut Option<T>,
        key: &mut Option<WaiterKey>,
        waker: &Waker,
    ) -> Poll<Result<(), Refused<T>>> {
        // The waker is cloned before the lock is taken, and dropped after it is released.
        let mut waker = Some(waker.clone());
        let mut queue = self.queue();
        let Some(message) = place.take() else { return Poll::Ready(Ok(())) };
        if queue.is_closed {
            *key = None;
            drop(queue);
            return Poll::Ready(Err((message, Error::Closed)));
        }
        if let Some(waiting) = *key {
            if let (Some(known), Some(new)) = (queue.waiting.waker_mut(waiting), &mut waker) {
                std::mem::swap(known, new);
                *place = Some(message);
                drop(queue);
                return Poll::Pending;
            }
            // The sender is not in the list any more. So it was woken, and room was granted to it.
            *key = None;
            queue.granted -= 1;
        } else if queue.messages.len() + queue.granted >= self.capacity.limit {
            let added = waker.take().map(|waker| queue.waiting.try_add(waker, 0));
            drop(queue);
            return match added {
                Some(Err(refused)) => Poll::Ready(Err((message, refused))),
                added => {
                    *key = added.and_then(Result::ok);
                    *place = Some(message);
                    Poll::Pending
                }
            };
        }
        if let Err(refused) = queue.messages.try_reserve(1) {
            let next = queue.grant(self.capacity);
            drop(queue);
            next.into_iter().for_each(Waker::wake);
            return Poll::Ready(Err((message, refused.into())));
        }
        self.put(queue, message);
        Poll::Ready(Ok(()))
    }

    /// Stops waiting for room. Room that was granted goes to the next sender.
    pub(crate) fn give_up(&self, key: WaiterKey) {
        let mut queue = self.queue();
        if queue.is_closed {
            return;
        }
        let removed = queue.waiting.remove(key);
        let next = match removed {
            Some(_) => None,
            None => {
                queue.granted -= 1;
                queue.grant(self.capacity)
            }
        };
        drop(queue);
        drop(removed);
        next.into_iter().for_each(Waker::wake);
    }

    /// Takes the next message. Also returns whether the channel ends then: the queue is empty, and no sender is left.
    pub(crate) fn next(&self) -> (Option<T>, bool) {
        let mut queue = self.queue();
        let message = queue.messages.pop_front();
        let is_end = queue.messages.is_empty() && queue.senders == 0;
        let granted = queue.grant(self.capacity);
        drop(queue);
        granted.into_iter().for_each(Waker::wake);
        (message, is_end)
    }

    /// Takes the next message for a future; `None` when all senders were dropped and the queue is empty.
    pub(crate) fn poll_next(&self, waker: &Waker) -> Poll<Option<T>> {
        let waker = waker.clone();
        let mut queue = self.queue();
        if queue.messages.is_empty() && queue.senders > 0 && !queue.is_closed {
            let old = queue.receiver.replace(waker);
            drop(queue);
            drop(old);
            return Poll::Pending;
        }
        let old = queue.receiver.take();
        drop(queue);
        drop((old, waker));
        Poll::Ready(self.next().0)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue().messages.len()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue().is_closed
    }

    pub(crate) fn add_sender(&self) {
        self.queue().senders += 1;
    }

    pub(crate) fn remove_sender(&self) {
        let mut queue = self.queue();
        queue.senders -= 1;
        // While messages wait, the receiver is awake. The receiver notices the end after it has served these messages.
        let is_end = queue.senders == 0 && queue.messages.is_empty();
        let receiver = if is_end { queue.receiver.take() } else { None };
        drop(queue);
        if is_end {
            self.set_woken();
        }
        receiver.into_iter().for_each(Waker::wake);
    }
}
