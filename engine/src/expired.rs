//! The expired queue. The caller pops its first timer, or peeks at the timer and reschedules it in place.

use crate::key::Key;
use crate::list;
use crate::node::{LIVE, Node};
use crate::wheel::{Expired, Wheel};

/// The next expired timer, as [`Wheel::peek_expired`] shows it. Dropping this value changes nothing: the timer stays
/// first in the queue.
#[derive(Debug)]
pub struct PeekExpired<'a, T, const BITS: u32, const LEVELS: usize> {
    wheel: &'a mut Wheel<T, BITS, LEVELS>,
    node: u32,
}

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Takes the next expired timer out of the wheel; `None` when the expired queue is empty.
    #[inline(always)]
    pub fn pop_expired(&mut self) -> Option<Expired<T>> {
        self.peek_expired().map(PeekExpired::remove)
    }

    /// The next expired timer, which stays in the wheel; `None` when the expired queue is empty.
    ///
    /// Rescheduling a timer that fires again is cheaper than popping and inserting it, and the timer keeps its key:
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
        let node = self.arena.nodes.get(Self::EXPIRED as usize)?.next;
        if node == Self::EXPIRED {
            return None;
        }
        self.front.approach(&self.arena.nodes, Self::EXPIRED, node);
        Some(PeekExpired { wheel: self, node })
    }
}

impl<'a, T, const BITS: u32, const LEVELS: usize> PeekExpired<'a, T, BITS, LEVELS> {
    /// The timer's key.
    pub fn key(&self) -> Key {
        Wheel::<T, BITS, LEVELS>::key(self.node, self.timer().generation)
    }

    /// The tick for which the timer was set.
    pub fn deadline(&self) -> u64 {
        self.timer().deadline
    }

    /// The timer's value.
    #[inline(always)]
    pub fn get(&self) -> &T {
        self.timer().live_value()
    }

    #[inline(always)]
    fn timer(&self) -> &Node<T> {
        &self.wheel.arena.nodes[self.node as usize]
    }

    /// Takes the timer out of the wheel.
    #[inline(always)]
    pub fn remove(self) -> Expired<T> {
        let Self { wheel, node } = self;
        let nodes = wheel.arena.nodes.as_mut_slice();
        let timer = &mut nodes[node as usize];
        let key = Wheel::<T, BITS, LEVELS>::key(node, timer.generation);
        let deadline = timer.deadline;
        let (value, generation) = timer.end();
        list::take_first(nodes, Wheel::<T, BITS, LEVELS>::EXPIRED, node);
        wheel.arena.free(node, generation);
        Expired { key, deadline, value: value.expect(LIVE) }
    }

    /// Sets the timer for another deadline, as [`Wheel::reschedule`] does.
    #[inline(always)]
    pub fn reschedule(self, deadline: u64) {
        self.reschedule_node(deadline);
    }

    /// Does what [`Self::reschedule`] does, and returns the timer's value.
    #[inline(always)]
    pub(crate) fn reschedule_mut(self, deadline: u64) -> &'a mut T {
        let (wheel, node) = self.reschedule_node(deadline);
        wheel.arena.nodes[node as usize].value.as_mut().expect(LIVE)
    }

    /// Disarms the timer, as [`Wheel::disarm`] does, and returns its value.
    #[inline(always)]
    pub(crate) fn disarm_mut(self) -> &'a mut T {
        let Self { wheel, node } = self;
        let nodes = wheel.arena.nodes.as_mut_slice();
        list::take_first(nodes, Wheel::<T, BITS, LEVELS>::EXPIRED, node);
        list::set_unlinked(nodes, node);
        nodes[node as usize].value.as_mut().expect(LIVE)
    }

    #[inline(always)]
    fn reschedule_node(self, deadline: u64) -> (&'a mut Wheel<T, BITS, LEVELS>, u32) {
        let Self { wheel, node } = self;
        let deadline = deadline.min(Wheel::<T, BITS, LEVELS>::LAST_TICK);
        let list = wheel.list_for(deadline);
        let nodes = wheel.arena.nodes.as_mut_slice();
        nodes[node as usize].deadline = deadline;
        list::take_first(nodes, Wheel::<T, BITS, LEVELS>::EXPIRED, node);
        if list::append(nodes, list, node, deadline) {
            wheel.mark_occupied(list);
        }
        (wheel, node)
    }
}
