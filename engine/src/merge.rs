//! A list sorted without memory: slower than `sort.rs`, and for the case that the allocator refuses what that needs.
//!
//! A merge sort on the links themselves. Node after node becomes a run of one; two runs of the same length become one of
//! twice that length. So there is at most one run of each length, and a fixed array holds them all:
//!
//! ```text
//!   runs    [ 1 node ] [ 2 nodes ] [ none ] [ 8 nodes ] …      the longer one was the earlier part of the list
//! ```

use crate::arena::Arena;
use crate::lists::Walk;

/// One for each power of two that can count a list's nodes, whose numbers have 32 bits.
const RUNS: usize = u32::BITS as usize;

impl<T: Default> Arena<T> {
    /// Puts the nodes of a list in the order of their deadlines; equals keep theirs. What the list knows about itself,
    /// such as whether it is sorted, stays as it was.
    #[cold]
    #[inline(never)]
    pub(crate) fn sort_in_place(&mut self, list: u32) {
        // A run ends with the list's own number, and so does an empty one.
        let mut runs = [list; RUNS];
        let mut walk = Walk::new(self, list);
        while let Some((node, _)) = walk.next(self) {
            self.nodes[node as usize].next = list;
            let mut merged = node;
            for run in &mut runs {
                if *run == list {
                    *run = merged;
                    break;
                }
                merged = self.merge(core::mem::replace(run, list), merged, list);
            }
        }
        let first = runs.into_iter().fold(list, |later, earlier| self.merge(earlier, later, list));
        self.link_again(list, first);
    }

    /// Joins two runs; of equals, those of `earlier` come first. Only `next` is good afterwards.
    fn merge(&mut self, mut earlier: u32, mut later: u32, list: u32) -> u32 {
        // The list's sentinel is the node before the first.
        let mut last = list;
        while earlier != list && later != list {
            let taken = if self.node(later).deadline < self.node(earlier).deadline { &mut later } else { &mut earlier };
            self.nodes[last as usize].next = *taken;
            last = *taken;
            *taken = self.node(last).next;
        }
        self.nodes[last as usize].next = if earlier == list { later } else { earlier };
        self.node(list).next
    }

    /// Makes a list of a run: its nodes know only the one behind.
    fn link_again(&mut self, list: u32, first: u32) {
        self.nodes[list as usize].next = first;
        let mut before = list;
        let mut node = first;
        while node != list {
            self.nodes[node as usize].prev = before;
            before = node;
            node = self.node(node).next;
        }
        self.nodes[list as usize].prev = before;
    }
}
