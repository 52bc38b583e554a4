//! Setting a timer when it is the first that needs a far list (`arena.rs`). The sentinels of the far lists are made
//! then, and the nodes of all timers move up, also that of the timer itself.

use crate::expired::PeekExpired;
use crate::key::Key;
use crate::list;
use crate::wheel::Wheel;

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// [`Self::insert_node`] when a far list is used for the first time.
    #[cold]
    #[inline(never)]
    pub(crate) fn insert_far(&mut self, list: u32, node: u32, deadline: u64, value: T) -> Key {
        let node = node + self.arena.make_far_lists();
        self.insert_node(list, node, deadline, value)
    }

    /// [`Self::append`] when a far list is used for the first time.
    #[cold]
    #[inline(never)]
    pub(crate) fn append_far(&mut self, list: u32, node: u32, deadline: u64) {
        let node = node + self.arena.make_far_lists();
        list::append(&mut self.arena.nodes, list, node, deadline);
        self.mark_occupied(list);
    }
}

impl<'a, T, const BITS: u32, const LEVELS: usize> PeekExpired<'a, T, BITS, LEVELS> {
    /// [`Self::reschedule_node`] when a far list is used for the first time.
    #[cold]
    #[inline(never)]
    pub(crate) fn reschedule_far(self, deadline: u64) -> (&'a mut Wheel<T, BITS, LEVELS>, u32) {
        let Self { wheel, node } = self;
        let node = node + wheel.arena.make_far_lists();
        PeekExpired { wheel, node }.reschedule_node(deadline)
    }
}
