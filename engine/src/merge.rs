//! Sorts a list without allocating. This sort is slower than the sort in `sort.rs`, and is used when the allocator
//! refuses memory for the faster sort.
//!
//! It is a merge sort on the links. Each node becomes a run of one node; two runs of the same length are merged into a
//! run of twice that length. So there is at most one run of each length, and a fixed array holds all runs:
//!
//! ```text
//!   runs    [ 1 node ] [ 2 nodes ] [ none ] [ 8 nodes ] …      a longer run is from an earlier part of the list
//! ```

use core::mem;

use crate::jump::Walk;
use crate::node::Node;

/// The number of runs: one for each power of two up to the greatest number of nodes, which fits 32 bits.
const RUNS: usize = u32::BITS as usize;

/// Sorts the nodes of a list by deadline; nodes with equal deadlines keep their order. The sentinel's record of the
/// list does not change. For example, an unsorted list stays marked as `UNSORTED`.
#[cold]
#[inline(never)]
pub(crate) fn sort_in_place<T>(nodes: &mut [Node<T>], list: u32) {
    // A run ends with the list's own number. An empty run is that number alone.
    let mut runs = [list; RUNS];
    let mut walk = Walk::new(nodes, list);
    while let Some((node, _)) = walk.next(nodes) {
        nodes[node as usize].next = list;
        let mut merged = node;
        for run in &mut runs {
            if *run == list {
                *run = merged;
                break;
            }
            merged = merge(nodes, mem::replace(run, list), merged, list);
        }
    }
    let first = runs.into_iter().fold(list, |later, earlier| merge(nodes, earlier, later, list));
    link_again(nodes, list, first);
}

/// Merges two runs. Of equal deadlines, those of `earlier` come first. Only the `next` links are valid afterwards.
fn merge<T>(nodes: &mut [Node<T>], mut earlier: u32, mut later: u32, list: u32) -> u32 {
    // The list's sentinel serves as the node before the first, so its `next` becomes the first node of the result.
    let mut last = list;
    while earlier != list && later != list {
        let is_later_due_first = nodes[later as usize].deadline < nodes[earlier as usize].deadline;
        let taken = if is_later_due_first { &mut later } else { &mut earlier };
        nodes[last as usize].next = *taken;
        last = *taken;
        *taken = nodes[last as usize].next;
    }
    nodes[last as usize].next = if earlier == list { later } else { earlier };
    nodes[list as usize].next
}

/// Puts the nodes of a run on the list, as its only nodes. In the run only the `next` links are valid.
fn link_again<T>(nodes: &mut [Node<T>], list: u32, first: u32) {
    nodes[list as usize].next = first;
    let mut before = list;
    let mut node = first;
    while node != list {
        nodes[node as usize].prev = before;
        before = node;
        node = nodes[node as usize].next;
    }
    nodes[list as usize].prev = before;
}
