//! Channels: how many messages each holds, and the tasks that wait for room.

use super::{Channel, Model, Queue, Waiter};
use crate::program::Body;
use std::collections::{BTreeSet, VecDeque};

impl Model {
    pub(super) fn add_channel(&mut self, capacity: Option<usize>, body: &Body) {
        self.senders.push(Some(self.queues.len()));
        self.channels.insert(self.queues.len(), Channel { body: body.clone(), is_running: false });
        self.queues.push(Queue {
            messages: VecDeque::new(),
            capacity: capacity.map_or(usize::MAX, |own| own.max(1)).min(self.limits.posts),
            senders: 1,
            is_closed: false,
            waiting: VecDeque::new(),
            granted: BTreeSet::new(),
        });
    }

    pub(super) fn put(&mut self, channel: usize, message: u64) {
        self.queues[channel].messages.push_back(message);
        if self.queues[channel].messages.len() == 1 {
            self.wake(Waiter::Channel(channel));
        }
    }

    /// Room that there is belongs to the first that waits.
    pub(super) fn grant(&mut self, channel: usize) {
        let queue = &mut self.queues[channel];
        if queue.has_room()
            && let Some((message, waiter)) = queue.waiting.pop_front()
        {
            queue.granted.insert(message);
            self.wake(waiter);
        }
    }

    /// `Some(false)`: there is no such channel any more.
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

    /// The step that sends is over, or dropped.
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
