//! The wheel and its model in lockstep. Every operation is applied to both, and the answers are compared.

use std::collections::HashMap;

use cogloop_engine::{Key, Wheel};

use crate::wheel_model::{Id, WheelModel};

/// An operation on a wheel. Timers are named by the number of their insertion, so operations also use stale keys.
#[derive(Copy, Clone, Debug)]
pub enum Operation {
    /// Inserts a timer with this deadline.
    Insert(u64),
    /// Cancels the n-th timer ever made. If fewer timers have been made, this operation does nothing. The same holds
    /// for `Reschedule` and `Disarm`.
    Cancel(usize),
    /// Reschedules the n-th timer to this deadline.
    Reschedule(usize, u64),
    /// Disarms the n-th timer.
    Disarm(usize),
    /// Advances to this tick.
    Advance(u64),
    /// Advances towards this tick, in one slice with this limit of moves.
    AdvanceWithin(u64, usize),
    /// Cascades early, with this limit of moves.
    CascadeEarly(usize),
    /// Advances to the next deadline, as an idle loop does.
    AdvanceToNext,
    /// Pops the next expired timer, if any.
    Pop,
    /// As `Pop`, but the timer stays in the wheel, disarmed.
    Next,
    /// As `Pop`, but the timer stays in the wheel, with this deadline.
    Rearm(u64),
    /// Pops all expired timers.
    PopAll,
    /// Clears the wheel.
    Clear,
    /// Reserves memory for this number of further timers.
    Reserve(usize),
    /// Gives back the memory that is not needed.
    Shrink,
    /// Goes on with a clone of the wheel.
    Clone,
}

/// A wheel, its model, and the keys of all timers ever made.
#[derive(Debug)]
pub struct WheelLockstep<const BITS: u32, const LEVELS: usize> {
    wheel: Wheel<Id, BITS, LEVELS>,
    model: WheelModel,
    keys: Vec<Key>,
    /// The target of an advance that is unfinished.
    unfinished: Option<u64>,
}

impl<const BITS: u32, const LEVELS: usize> Default for WheelLockstep<BITS, LEVELS> {
    fn default() -> Self {
        Self { wheel: Wheel::with_geometry(), model: WheelModel::default(), keys: Vec::new(), unfinished: None }
    }
}

impl<const BITS: u32, const LEVELS: usize> WheelLockstep<BITS, LEVELS> {
    /// The last tick of this geometry.
    pub const LAST_TICK: u64 =
        if BITS * LEVELS as u32 >= u64::BITS { u64::MAX } else { (1 << (BITS * LEVELS as u32)) - 1 };

    /// The tick that has been reached.
    pub fn now(&self) -> u64 {
        self.model.now()
    }

    /// The number of timers ever made.
    pub fn made(&self) -> usize {
        self.keys.len()
    }

    /// Applies an operation to the wheel and to the model.
    ///
    /// # Panics
    ///
    /// If the answers differ, or if afterwards the next deadline or the number of timers differs.
    pub fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Insert(deadline) => {
                let id = self.keys.len() as Id;
                self.keys.push(self.wheel.insert(deadline, id));
                self.model.insert(id, deadline);
            }
            Operation::Cancel(timer) => {
                if let Some(&key) = self.keys.get(timer) {
                    let id = timer as Id;
                    assert_eq!(self.wheel.cancel(key), self.model.cancel(id).then_some(id));
                }
            }
            Operation::Reschedule(timer, deadline) => {
                if let Some(&key) = self.keys.get(timer) {
                    assert_eq!(self.wheel.reschedule(key, deadline), self.model.reschedule(timer as Id, deadline));
                }
            }
            Operation::Disarm(timer) => {
                if let Some(&key) = self.keys.get(timer) {
                    assert_eq!(self.wheel.disarm(key), self.model.disarm(timer as Id));
                }
            }
            Operation::Advance(now) => self.advance(now),
            Operation::AdvanceWithin(now, moves_max) => self.advance_within(now, moves_max),
            Operation::CascadeEarly(moves_max) => assert!(self.wheel.cascade_early(moves_max) <= moves_max),
            Operation::AdvanceToNext => self.advance(self.model.next_deadline().unwrap_or(self.model.now())),
            Operation::Pop => drop(self.pop()),
            Operation::Next => {
                let expected = self.model.next_expired().map(|id| self.keys[id as usize]);
                let key = self.wheel.peek_expired().map(|expired| expired.key());
                assert_eq!(key, expected);
                key.inspect(|&key| assert!(self.wheel.disarm(key), "an expired timer is armed"));
            }
            Operation::Rearm(deadline) => {
                let expected = self.model.next_expired();
                let answer = self.wheel.peek_expired().map(|expired| {
                    let answer = (expired.key(), *expired.get());
                    expired.reschedule(deadline);
                    answer
                });
                assert_eq!(answer, expected.map(|id| (self.keys[id as usize], id)));
                expected.inspect(|&id| assert!(self.model.reschedule(id, deadline), "timer {id} is in the model"));
            }
            Operation::PopAll => while self.pop() {},
            Operation::Clear => {
                self.wheel.clear();
                self.model.clear();
                self.unfinished = None;
            }
            Operation::Reserve(additional) => {
                self.wheel.try_reserve(additional).expect("memory for a few timers");
                assert!(self.wheel.capacity() >= self.model.len() + additional);
            }
            Operation::Shrink => self.wheel.shrink_to_fit(),
            Operation::Clone => self.wheel = self.wheel.clone(),
        }
        self.compare();
    }

    /// Advances to `now` in one call. If an earlier advance is unfinished, this call finishes it, too.
    fn advance(&mut self, now: u64) {
        self.wheel.advance(now);
        self.model.advance(self.unfinished.take().map_or(now, |target| target.max(now)));
    }

    /// Advances in one slice. The wheel may stop at any tick before the target. Then the model advances to the same
    /// tick.
    fn advance_within(&mut self, now: u64, moves_max: usize) {
        let target = self.unfinished.map_or(now, |target| target.max(now)).max(self.model.now());
        if self.wheel.advance_within(now, moves_max) {
            self.unfinished = None;
            self.model.advance(target);
        } else {
            assert!(
                (self.model.now()..target).contains(&self.wheel.now()),
                "the wheel stopped outside the way to {target}"
            );
            self.unfinished = Some(target);
            self.model.advance(self.wheel.now());
        }
    }

    fn pop(&mut self) -> bool {
        let popped = self.wheel.pop_expired();
        let answer = popped.as_ref().map(|expired| (expired.deadline, expired.value));
        assert_eq!(answer, self.model.pop_expired());
        if let Some(expired) = &popped {
            assert_eq!(expired.key, self.keys[expired.value as usize], "the key from the insertion");
        }
        popped.is_some()
    }

    fn compare(&mut self) {
        let next = if self.unfinished.is_some() { Some(self.model.now()) } else { self.model.next_deadline() };
        assert_eq!(self.wheel.next_deadline(), next);
        assert_eq!(self.wheel.has_due(), next == Some(self.model.now()));
        assert_eq!(self.wheel.peek(), self.model.peek().map(|id| self.keys[id as usize]), "the next timer");
        assert_eq!(self.wheel.now(), self.model.now());
        assert_eq!(self.wheel.len(), self.model.len());
    }

    /// Compares all timers ever made, and audits the wheel.
    ///
    /// # Panics
    ///
    /// If wheel and model differ, or the audit finds a fault.
    pub fn check(&self) {
        self.wheel.audit();
        let deadlines: HashMap<Id, u64> = self.model.timers().collect();
        for (id, &key) in (0..).zip(&self.keys) {
            let deadline = deadlines.get(&id).copied();
            let is_armed = deadline.is_some() && !self.model.is_disarmed(id);
            assert_eq!(self.wheel.deadline(key), deadline, "the deadline of timer {id}");
            assert_eq!(self.wheel.is_armed(key), is_armed, "whether timer {id} is armed");
            assert_eq!(self.wheel.get(key).copied(), deadline.map(|_| id), "the value of timer {id}");
        }
    }
}
