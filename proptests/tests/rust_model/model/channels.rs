//! Channels: the messages of each channel, and the tasks that wait for room.

use super::{Channel, Model, Queue, Receiver, Waiter, pick, pick_mut};
use crate::program::{Action, Body, Event, MESSAGES, NONE, REFUSED};
use std::collections::{BTreeSet, VecDeque};

impl Queue {
    /// Makes a queue with one sender.
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
    pub(super) fn act_on_channels(&mut self, action: &Action) {
        match action {
            Action::Channel(capacity, body) => self.add_channel(*capacity, body),
            Action::Send(n) => self.send(*n),
            Action::CloneSender(n) => {
                let Some(Some(channel)) = pick(&self.senders, *n).copied() else { return };
                self.queues[channel].senders += 1;
                self.senders.push(Some(channel));
            }
            Action::DropSender(n) => {
                let Some(channel) = pick_mut(&mut self.senders, *n).and_then(Option::take) else { return };
                self.drop_sender(channel);
            }
            Action::IsClosed(n) => {
                let Some(Some(channel)) = pick(&self.senders, *n).copied() else { return };
                self.note(Event::Answer(self.queues[channel].is_closed.into()));
            }
            _ => unreachable!("{action:?} is not for channels"),
        }
    }

    pub(super) fn act_on_receivers(&mut self, action: &Action) {
        match action {
            Action::Pair(capacity) => self.add_pair(*capacity),
            Action::TryRecv(n) => {
                let Some(receiver) = pick(&self.receivers, *n).filter(|receiver| receiver.is_here) else { return };
                let message = self.next_message(receiver.queue);
                self.note(Event::Answer(message.map_or(NONE, |message| MESSAGES + message)));
            }
            Action::DropReceiver(n) => {
                let Some(receiver) = pick_mut(&mut self.receivers, *n).filter(|receiver| receiver.is_here) else {
                    return;
                };
                receiver.is_here = false;
                let queue = receiver.queue;
                self.close_queue(queue);
            }
            _ => unreachable!("{action:?} is not for receivers"),
        }
    }

    fn send(&mut self, n: usize) {
        let Some(Some(channel)) = pick(&self.senders, n).copied() else { return };
        let (message, queue) = (self.messages, &mut self.queues[channel]);
        self.messages += 1;
        let is_allowed = !queue.is_closed && queue.has_room();
        if is_allowed {
            self.put(channel, message);
        }
        self.note(Event::Answer(if is_allowed { 1 } else { REFUSED }));
    }

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

    /// Takes the next message. Its room goes to the first sender that waits.
    pub(super) fn next_message(&mut self, channel: usize) -> Option<u64> {
        let message = self.queues[channel].messages.pop_front();
        self.grant(channel);
        message
    }

    /// Takes the next message. Returns `None` if `waiter` has to wait, and `Some(None)` if there will be no more
    /// messages.
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

    /// Gives free room to the first sender that waits.
    pub(super) fn grant(&mut self, channel: usize) {
        let queue = &mut self.queues[channel];
        if queue.has_room()
            && let Some((message, waiter)) = queue.waiting.pop_front()
        {
            queue.granted.insert(message);
            self.wake(waiter);
        }
    }

    /// Tries to send a message. Returns `None` if `waiter` has to wait for room, and `Some(false)` if the channel no
    /// longer exists.
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

    /// Ends a sending step that is finished or dropped.
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
