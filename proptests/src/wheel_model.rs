//! The reference model of the wheel: a sorted map, and a list of expired timers.

use std::collections::{BTreeMap, VecDeque};

/// The name of a timer in the model and the tests: the number of its insertion.
pub type Id = u64;

/// A timer store with the promises of `cogloop_engine::Wheel`. It is simple enough that reading the code shows each
/// promise.
#[derive(Clone, Debug, Default)]
pub struct WheelModel {
    now: u64,
    /// Pending timers by deadline, then by order of insertion or rescheduling.
    pending: BTreeMap<(u64, u64), Id>,
    /// Expired timers, in the order of popping: deadline and id.
    expired: VecDeque<(u64, Id)>,
    /// Disarmed timers, with the deadline that they had.
    disarmed: BTreeMap<Id, u64>,
    placements: u64,
}

impl WheelModel {
    /// The tick that has been reached.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The number of timers: pending, expired but not popped, and disarmed.
    pub fn len(&self) -> usize {
        self.pending.len() + self.expired.len() + self.disarmed.len()
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the timer `id`.
    pub fn insert(&mut self, id: Id, deadline: u64) {
        self.placements += 1;
        self.pending.insert((deadline, self.placements), id);
    }

    /// Removes the timer `id`. Returns whether it existed.
    pub fn cancel(&mut self, id: Id) -> bool {
        let before = self.len();
        self.pending.retain(|_, pending| *pending != id);
        self.expired.retain(|&(_, expired)| expired != id);
        self.disarmed.remove(&id);
        self.len() != before
    }

    /// Moves the timer `id`. Returns whether it existed.
    pub fn reschedule(&mut self, id: Id, deadline: u64) -> bool {
        let there = self.cancel(id);
        if there {
            self.insert(id, deadline);
        }
        there
    }

    /// Disarms the timer `id`. Returns whether it was armed.
    pub fn disarm(&mut self, id: Id) -> bool {
        let armed = self.is_armed(id);
        if let Some(deadline) = self.deadline(id) {
            self.cancel(id);
            self.disarmed.insert(id, deadline);
        }
        armed
    }

    /// Whether the timer `id` is pending or expired.
    pub fn is_armed(&self, id: Id) -> bool {
        self.deadline(id).is_some() && !self.is_disarmed(id)
    }

    /// The deadline that the timer `id` has, or had when it was disarmed.
    pub fn deadline(&self, id: Id) -> Option<u64> {
        self.timers().find(|&(other, _)| other == id).map(|(_, deadline)| deadline)
    }

    /// All timers with their deadlines, in no particular order.
    pub fn timers(&self) -> impl Iterator<Item = (Id, u64)> {
        let pending = self.pending.iter().map(|(&(deadline, _), &id)| (id, deadline));
        let expired = self.expired.iter().map(|&(deadline, id)| (id, deadline));
        pending.chain(expired).chain(self.disarmed.iter().map(|(&id, &deadline)| (id, deadline)))
    }

    /// Whether the timer `id` is disarmed.
    pub fn is_disarmed(&self, id: Id) -> bool {
        self.disarmed.contains_key(&id)
    }

    /// Advances time.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        while let Some(entry) = self.pending.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ((deadline, _), id) = entry.remove_entry();
            self.expired.push_back((deadline, id));
        }
    }

    /// Takes the next expired timer: deadline and id.
    pub fn pop_expired(&mut self) -> Option<(u64, Id)> {
        self.expired.pop_front()
    }

    /// Disarms the next expired timer and returns its id.
    pub fn next_expired(&mut self) -> Option<Id> {
        let (deadline, id) = self.expired.pop_front()?;
        self.disarmed.insert(id, deadline);
        Some(id)
    }

    /// The earliest deadline, or now if a timer is due.
    pub fn next_deadline(&self) -> Option<u64> {
        let first = self.pending.first_key_value().map(|(&(deadline, _), _)| deadline.max(self.now));
        if self.expired.is_empty() { first } else { Some(self.now) }
    }

    /// The timer that is popped next if only time passes.
    pub fn peek(&self) -> Option<Id> {
        self.expired.front().map(|&(_, id)| id).or_else(|| self.pending.first_key_value().map(|(_, &id)| id))
    }

    /// Removes all timers.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.expired.clear();
        self.disarmed.clear();
    }
}
