//! Sets a timer for another deadline.

use crate::key::Key;
use crate::list;
use crate::node::Node;
use crate::wheel::{UNKNOWN, Wheel};

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Moves a timer to another deadline. The timer may be pending, expired or disarmed, and its key stays valid.
    /// Returns `false` if the key is stale.
    ///
    /// The timer comes last among the timers with the same deadline, as if it were inserted now.
    #[inline]
    pub fn reschedule(&mut self, key: Key, deadline: u64) -> bool {
        let node = Self::node(key);
        let is_live = self.arena.get(node, key.generation()).is_some();
        if is_live {
            self.rearm(node, deadline);
        }
        is_live
    }

    /// [`Wheel::reschedule`] of a node. Returns whether the timer was disarmed.
    #[inline(always)]
    pub(crate) fn rearm(&mut self, node: usize, deadline: u64) -> bool {
        let deadline = deadline.min(Self::LAST_TICK);
        let nodes = self.arena.nodes.as_mut_slice();
        let Node { deadline: old, prev, next, .. } = nodes[node];
        if prev == next {
            return self.rearm_alone(node, deadline);
        }
        // The list keeps another timer, so no slot becomes empty.
        list::link(nodes, prev, next);
        if old == self.earliest {
            self.earliest = UNKNOWN;
        }
        let list = Self::list_seen_from(self.now, &mut self.earliest, deadline);
        nodes[node].deadline = deadline;
        if list::append(nodes, list, node as u32, deadline) {
            self.mark_occupied(list);
        }
        false
    }

    /// [`Wheel::rearm`] of a timer that is the only one of its list, or is on no list.
    #[inline(never)]
    fn rearm_alone(&mut self, node: usize, deadline: u64) -> bool {
        let timer = &mut self.arena.nodes[node];
        let was_disarmed = timer.next == node as u32;
        let old = core::mem::replace(&mut timer.deadline, deadline);
        let emptied = list::unlink(&mut self.arena.nodes, node);
        self.unlinked(old, emptied);
        self.append(node as u32, deadline);
        was_disarmed
    }
}
