//! Lists of timers: circles of nodes, doubly linked by their numbers, each through a sentinel.
//!
//! ```text
//!   node:   0      …      N-1 │  N        N+1      N+2      …
//!           a sentinel for    │  timer 0  timer 1  timer 2
//!           each list         │
//!
//!   list 5:  ┌──► 5 ◄──► N+2 ◄──► N ◄──┐
//!            └─────────────────────────┘
//! ```
//!
//! A node is taken off its list without knowing which one it is: its neighbours are joined. If they are the same node, that
//! is the sentinel of a list that has become empty. A node on no list is linked to itself, so that taking it off does no
//! harm.
//!
//! A sentinel's `deadline` is the last deadline that was appended, if each was the latest since the list was empty:
//! then the list is sorted. `UNSORTED` stands there otherwise.
//!
//! The functions take the nodes as a slice: through a `Vec` the compiler would read its address anew after each write.

use core::mem;

use crate::jump::{self, Front};
use crate::node::Node;

/// The list is, or was since it was last empty, out of order. A deadline that is the same number only makes a list look
/// worse than it is.
pub(crate) const UNSORTED: u64 = u64::MAX;

/// Appends a node, which is on no list and has this deadline. Returns whether the list was empty.
#[inline(always)]
pub(crate) fn append<T>(nodes: &mut [Node<T>], list: u32, node: u32, deadline: u64) -> bool {
    let sentinel = &mut nodes[list as usize];
    let last = mem::replace(&mut sentinel.prev, node);
    sentinel.deadline = if deadline < sentinel.deadline { UNSORTED } else { deadline };
    let count = sentinel.generation.wrapping_add(1);
    sentinel.generation = count;
    let this = &mut nodes[node as usize];
    (this.prev, this.next) = (last, list);
    nodes[last as usize].next = node;
    jump::appended(nodes, list, node, count);
    last == list
}

/// Appends a node to a list of which nothing has to be known: not whether it is sorted, nor how long it is. Returns
/// whether it was empty.
#[inline(always)]
pub(crate) fn append_uncounted<T>(nodes: &mut [Node<T>], list: u32, node: u32) -> bool {
    let last = mem::replace(&mut nodes[list as usize].prev, node);
    let this = &mut nodes[node as usize];
    (this.prev, this.next) = (last, list);
    nodes[last as usize].next = node;
    last == list
}

/// Takes a node off its list and leaves its own links as they were. Returns the sentinel of the list if that is empty now,
/// or the node itself if it was on no list.
#[inline(always)]
pub(crate) fn unlink<T>(nodes: &mut [Node<T>], node: usize) -> Option<u32> {
    let Node { prev, next, .. } = nodes[node];
    nodes[prev as usize].next = next;
    nodes[next as usize].prev = prev;
    (prev == next).then_some(prev)
}

/// Takes the first node off a list and leaves its own links as they were.
#[inline(always)]
pub(crate) fn take_first<T>(nodes: &mut [Node<T>], list: u32, node: u32) {
    let next = nodes[node as usize].next;
    nodes[list as usize].next = next;
    nodes[next as usize].prev = list;
}

/// Takes everything before `node` off a list.
pub(crate) fn cut_before<T>(nodes: &mut [Node<T>], list: u32, node: u32) {
    nodes[list as usize].next = node;
    nodes[node as usize].prev = list;
}

/// Links a node that is on no list to itself.
#[inline(always)]
pub(crate) fn set_unlinked<T>(nodes: &mut [Node<T>], node: u32) {
    let this = &mut nodes[node as usize];
    (this.prev, this.next) = (node, node);
}

/// Whether a list is empty, or a node on no list.
#[inline(always)]
pub(crate) fn is_empty<T>(nodes: &[Node<T>], list: u32) -> bool {
    nodes[list as usize].next == list
}

/// The last deadline of a list that is sorted, or a later one that was there; `UNSORTED` for another list.
#[inline(always)]
pub(crate) fn last_deadline<T>(nodes: &[Node<T>], list: u32) -> u64 {
    nodes[list as usize].deadline
}

#[inline(always)]
pub(crate) fn is_sorted<T>(nodes: &[Node<T>], list: u32) -> bool {
    last_deadline(nodes, list) != UNSORTED
}

/// Timers that were appended since the list was empty: at least as many as are still there.
#[inline(always)]
pub(crate) fn size_max<T>(nodes: &[Node<T>], list: u32) -> u32 {
    nodes[list as usize].generation
}

/// Makes a list empty, whatever was there.
#[inline(always)]
pub(crate) fn reset<T>(nodes: &mut [Node<T>], list: u32) {
    let sentinel = &mut nodes[list as usize];
    (sentinel.prev, sentinel.next) = (list, list);
    (sentinel.deadline, sentinel.generation) = (0, 0);
}

/// Moves all nodes of one list, which is not empty, to the end of another, the front of which is known.
#[inline(always)]
pub(crate) fn splice<T>(nodes: &mut [Node<T>], from: u32, to: u32, front: &mut Front) {
    front.spliced(nodes, from);
    let sentinel = &mut nodes[from as usize];
    let (first, last) = (mem::replace(&mut sentinel.next, from), mem::replace(&mut sentinel.prev, from));
    (sentinel.deadline, sentinel.generation) = (0, 0);
    let before = mem::replace(&mut nodes[to as usize].prev, last);
    nodes[before as usize].next = first;
    nodes[first as usize].prev = before;
    nodes[last as usize].next = to;
}

/// Moves all nodes of one list to another, which is empty, with all that is known of them.
pub(crate) fn move_all<T>(nodes: &mut [Node<T>], from: u32, to: u32) {
    let Node { prev: last, next: first, deadline, generation, jump, .. } = nodes[from as usize];
    let sentinel = &mut nodes[to as usize];
    (sentinel.prev, sentinel.next) = (last, first);
    (sentinel.deadline, sentinel.generation, sentinel.jump) = (deadline, generation, jump);
    nodes[first as usize].prev = to;
    nodes[last as usize].next = to;
    reset(nodes, from);
}

/// Moves all nodes of one list to the front of another, of which it is not known any more whether it is sorted.
pub(crate) fn splice_before<T>(nodes: &mut [Node<T>], from: u32, to: u32) {
    if is_empty(nodes, from) {
        return;
    }
    let Node { prev: last, next: first, generation: count, .. } = nodes[from as usize];
    let sentinel = &mut nodes[to as usize];
    let behind = mem::replace(&mut sentinel.next, first);
    (sentinel.deadline, sentinel.generation) = (UNSORTED, sentinel.generation.saturating_add(count));
    nodes[first as usize].prev = to;
    nodes[last as usize].next = behind;
    nodes[behind as usize].prev = last;
    reset(nodes, from);
}

/// A list's timers with their numbers, in order, for readers.
pub(crate) fn iter<T>(nodes: &[Node<T>], list: u32) -> impl Iterator<Item = (u32, &Node<T>)> {
    let mut node = nodes[list as usize].next;
    core::iter::from_fn(move || {
        let this = node;
        node = nodes[this as usize].next;
        (this != list).then(|| (this, &nodes[this as usize]))
    })
}
