//! Channels: the messages that each holds, and the tasks that wait for room.

use super::{Channel, Model, Queue, Receiver, Waiter};
use crate::program::Body;
use std::collections::{BTreeSet, VecDeque};

impl Queue {
    /// A queue with one sender.
    fn new(capacity: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            capacity,
            senders: 1,
            is_closed: false,
            waiting: VecDeque::new(),
            granted: BTreeSet::new(),
            receiver: None,
        }
    }
}

impl Model {
    pub(super) fn add_channel(&mut self, capacity: Option<usize>, body: &Body) {
        self.senders.push(Some(self.queues.len()));
        self.channels.insert(self.queues.len(), Channel { body: body.clone(), is_running: false });
        let own = capacity.map_or(usize::MAX, |own| own.max(1));
        self.queues.push(Queue::new(own.min(self.limits.posts)));
    }

    /// Makes a channel for futures, which belongs to no loop.
    pub(super) fn add_pair(&mut self, capacity: usize) {
        let queue = self.queues.len();
        self.senders.push(Some(queue));
        self.receivers.push(Receiver { queue, is_here: true });
        self.queues.push(Queue::new(capacity.max(1)));
    }

    /// Takes the next message. The first sender that waits gets the room.
    pub(super) fn next_message(&mut self, channel: usize) -> Option<u64> {
        let message = self.queues[channel].messages.pop_front();
        self.grant(channel);
        message
    }

    /// `Some(None)` if there will be no more messages.
    pub(super) fn ask_to_recv(&mut self, channel: usize, waiter: Waiter) -> Option<Option<u64>> {
        let queue = &mut self.queues[channel];
        let is_waiting = queue.messages.is_empty() && queue.senders > 0;
        queue.receiver = is_waiting.then_some(waiter);
        if is_waiting { None } else { Some(self.next_message(channel)) }
    }

    fn wake_receiver(&mut self, channel: usize) {
        if let Some(waiter) = self.queues[channel].receiver.take() {
            self.wake(waiter);
        }
    }

    pub(super) fn put(&mut self, channel: usize, message: u64) {
        self.queues[channel].messages.push_back(message);
        if self.queues[channel].messages.len() == 1 {
            self.wake(Waiter::Channel(channel));
        }
        self.wake_receiver(channel);
    }

    /// Gives free room to the first senders that wait.
    pub(super) fn grant(&mut self, channel: usize) {
        let queue = &mut self.queues[channel];
        if queue.has_room()
            && let Some((message, waiter)) = queue.waiting.pop_front()
        {
            queue.granted.insert(message);
            self.wake(waiter);
        }
    }

    /// `Some(false)` if the channel no longer exists.
    pub(super) fn ask_to_send(&mut self, channel: usize, message: u64, waiter: Waiter) -> Option<bool> {
        let queue = &mut self.queues[channel];
        if queue.is_closed {
            return Some(false);
        }
        if queue.granted.remove(&message) {
            self.put(channel, message);
            return Some(true);
        }
        if queue.waiting.iter().any(|&(waiting, _)| waiting == message) {
            return None;
        }
        if queue.has_room() {
            self.put(channel, message);
            return Some(true);
        }
        queue.waiting.push_back((message, waiter));
        None
    }

    /// The sending step is finished or dropped.
    pub(super) fn end_sending(&mut self, channel: usize, message: u64) {
        let queue = &mut self.queues[channel];
        queue.waiting.retain(|&(waiting, _)| waiting != message);
        if queue.granted.remove(&message) && !queue.is_closed {
            self.grant(channel);
        }
        self.drop_sender(channel);
    }

    pub(super) fn drop_sender(&mut self, channel: usize) {
        let queue = &mut self.queues[channel];
        queue.senders -= 1;
        if queue.senders == 0 && queue.messages.is_empty() {
            self.wake(Waiter::Channel(channel));
            self.wake_receiver(channel);
        }
    }

    pub(super) fn close_queue(&mut self, channel: usize) {
        let queue = &mut self.queues[channel];
        queue.is_closed = true;
        queue.messages.clear();
        let waiting = std::mem::take(&mut queue.waiting);
        waiting.into_iter().for_each(|(_, waiter)| self.wake(waiter));
    }
}
