//! The expired timer that comes next, looked at before it is taken out: for a timer that is to be set again.

use crate::key::Key;
use crate::lists;
use crate::wheel::{Expired, Wheel};

/// The timer that [`Wheel::pop_expired`] would give; made by [`Wheel::peek_expired`]. When it is dropped nothing happens,
/// and the timer is the next one still.
#[derive(Debug)]
pub struct PeekExpired<'a, T, const BITS: u32, const LEVELS: usize> {
    wheel: &'a mut Wheel<T, BITS, LEVELS>,
    node: u32,
}

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// The next expired timer, left in the wheel; `None` when all that [`Wheel::advance`] moved is gone.
    ///
    /// A timer that fires again and again is cheaper to set anew than to take out and to insert, and keeps its key:
    ///
    /// ```
    /// let mut wheel = cogloop_engine::Wheel::<u64>::new();
    /// wheel.insert(10, 7);
    /// wheel.advance(10);
    /// while let Some(expired) = wheel.peek_expired() {
    ///     let next = expired.deadline() + expired.get(); // the value is its period
    ///     expired.reschedule(next);
    /// }
    /// assert_eq!(wheel.next_deadline(), Some(17));
    /// ```
    #[inline(always)]
    pub fn peek_expired(&mut self) -> Option<PeekExpired<'_, T, BITS, LEVELS>> {
        let node = self.arena.node(Self::EXPIRED).next;
        if node == Self::EXPIRED {
            return None;
        }
        self.arena.approach(Self::EXPIRED, node);
        Some(PeekExpired { wheel: self, node })
    }
}

impl<T: Default, const BITS: u32, const LEVELS: usize> PeekExpired<'_, T, BITS, LEVELS> {
    /// The timer's key.
    pub fn key(&self) -> Key {
        Wheel::<T, BITS, LEVELS>::key(self.node, self.wheel.arena.node(self.node).generation)
    }

    /// The tick for which the timer was set.
    pub fn deadline(&self) -> u64 {
        self.wheel.arena.node(self.node).deadline
    }

    /// The timer's value.
    #[inline(always)]
    pub fn get(&self) -> &T {
        &self.wheel.arena.node(self.node).value
    }

    /// Takes the timer out of the wheel.
    #[inline(always)]
    pub fn remove(self) -> Expired<T> {
        let arena = &mut self.wheel.arena;
        lists::take_first(&mut arena.nodes, Wheel::<T, BITS, LEVELS>::EXPIRED, self.node);
        let (generation, deadline, value) = arena.remove(self.node as usize);
        Expired { key: Wheel::<T, BITS, LEVELS>::key(self.node, generation), deadline, value }
    }

    /// Sets the timer for another deadline, as [`Wheel::reschedule`] does.
    #[inline(always)]
    pub fn reschedule(self, deadline: u64) {
        let Self { wheel, node } = self;
        let deadline = deadline.min(Wheel::<T, BITS, LEVELS>::LAST_TICK);
        let list = wheel.list_anew_for(deadline);
        let nodes = wheel.arena.nodes.as_mut_slice();
        nodes[node as usize].deadline = deadline;
        lists::take_first(nodes, Wheel::<T, BITS, LEVELS>::EXPIRED, node);
        if lists::append(nodes, list, node, deadline) {
            wheel.note(list);
        }
    }
}
