//! The queue of a channel, between its senders and whatever receives: a callback or a future.
//!
//! ```text
//!   try_send ─────────────────────► messages, up to the capacity ──► received: there is room
//!   send, no room ──► waiting ──► granted: the room that was made is its own ◄──────┘
//! ```
//!
//! Room that is made while senders wait goes to the first of them, before any other sender finds it. No code of the user's
//! runs under the lock: wakers are cloned before, and woken and dropped after it.

use crate::bell::Knock;
use crate::waiters::{WaiterKey, Waiters};
use crate::{Error, options};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::ThreadId;

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
        // Dropped and woken after the lock.
        let messages = std::mem::take(&mut queue.messages);
        let mut waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        std::iter::from_fn(|| waiting.next()).for_each(Waker::wake);
        drop(messages);
        if let Some(knock) = &self.knock {
            knock.leave();
        }
    }
}

/// How many messages may wait, and what the limit is called.
#[derive(Copy, Clone)]
pub(crate) struct Capacity {
    pub(crate) what: &'static str,
    pub(crate) limit: usize,
}

impl Capacity {
    /// One of a channel's own: at least one message.
    pub(crate) fn own(limit: usize) -> Self {
        Self { what: "messages", limit: limit.max(1) }
    }

    pub(crate) fn min(self, other: Self) -> Self {
        if other.limit < self.limit { other } else { self }
    }
}

pub(crate) struct Shared<T> {
    /// Wakes the callback of the channel: when a message has come that is the first, or the last sender is gone.
    knock: Option<Knock>,
    capacity: Capacity,
    /// The thread that runs the callback, and so must not wait for it.
    thread: Option<ThreadId>,
    queue: Mutex<Queue<T>>,
}

struct Queue<T> {
    messages: VecDeque<T>,
    senders: usize,
    is_closed: bool,
    /// Senders that wait for room, which have seen no reports.
    waiting: Waiters,
    /// How many were woken for room that is theirs and have not used it yet.
    granted: usize,
    /// A future that waits for a message.
    receiver: Option<Waker>,
}

impl<T> Queue<T> {
    /// Gives the room that there is to the first sender that waits for some. For the caller to wake without the lock.
    #[must_use]
    fn grant(&mut self, capacity: Capacity) -> Option<Waker> {
        if self.messages.len() + self.granted >= capacity.limit {
            return None;
        }
        self.waiting.next().inspect(|_| self.granted += 1)
    }
}

/// The message that there was no room for, and why.
pub(crate) type Refused<T> = (T, Error);

impl<T> Shared<T> {
    /// With one sender.
    pub(crate) fn new(knock: Option<Knock>, capacity: Capacity, thread: Option<ThreadId>) -> Self {
        let queue = Queue {
            messages: VecDeque::new(),
            senders: 1,
            is_closed: false,
            waiting: Waiters::default(),
            granted: 0,
            receiver: None,
        };
        Self { knock, capacity, thread, queue: Mutex::new(queue) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn knock(&self) {
        self.knock.iter().for_each(Knock::knock);
    }

    /// The callback is about to look at the queue: a knock from now on counts anew.
    pub(crate) fn answer(&self) {
        self.knock.iter().for_each(Knock::answer);
    }

    /// Whether this thread would wait for itself.
    pub(crate) fn is_served_here(&self) -> bool {
        self.thread == Some(std::thread::current().id())
    }

    /// Puts a message in, for which there is room, and tells the receiver.
    fn put(&self, mut queue: MutexGuard<'_, Queue<T>>, message: T) {
        queue.messages.push_back(message);
        let (is_first, receiver) = (queue.messages.len() == 1, queue.receiver.take());
        drop(queue);
        if is_first {
            self.knock();
        }
        receiver.into_iter().for_each(Waker::wake);
    }

    /// Sends at once or not at all.
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

    /// Sends when there is room. `key` is the caller's place among those that wait; the message is taken when this is
    /// through.
    pub(crate) fn poll_send(
        &self,
        place: &mut Option<T>,
        key: &mut Option<WaiterKey>,
        waker: &Waker,
    ) -> Poll<Result<(), Refused<T>>> {
        // Cloned before the lock, and dropped after it.
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
            // It was woken: there is room, and it is its own.
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

    /// Ceases to wait for room. What was granted goes to the next.
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

    /// The next message, and whether it was the last one and there will be no more.
    pub(crate) fn next(&self) -> (Option<T>, bool) {
        let mut queue = self.queue();
        let message = queue.messages.pop_front();
        let is_end = queue.messages.is_empty() && queue.senders == 0;
        let granted = queue.grant(self.capacity);
        drop(queue);
        granted.into_iter().for_each(Waker::wake);
        (message, is_end)
    }

    /// The next message for a future; `None` when there will be no more.
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
        // While messages wait, the receiver is awake, and finds out when it has served them.
        let is_end = queue.senders == 0 && queue.messages.is_empty();
        let receiver = if is_end { queue.receiver.take() } else { None };
        drop(queue);
        if is_end {
            self.knock();
        }
        receiver.into_iter().for_each(Waker::wake);
    }
}
