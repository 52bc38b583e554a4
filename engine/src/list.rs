//! Lists of timers: circular doubly linked lists of nodes, linked by the nodes' numbers, each with a sentinel.
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
//! Taking a node off a list joins the node's neighbours; the list's number is not needed. If both neighbours are the
//! same node, the list has become empty and that node is its sentinel. A node on no list is linked to itself, so taking
//! it off changes nothing.
//!
//! While a list is sorted, its sentinel's `deadline` is the last deadline that was appended. In the sentinel of a list
//! that may be out of order, `deadline` is `UNSORTED`. The sentinel's `generation` counts the appended timers. The
//! lists of level 0, the near list and the expired queue need no such record: [`append_uncounted`] leaves their
//! sentinels' `deadline` and `generation` unchanged.
//!
//! The functions take the nodes as a slice. With a `Vec` the compiler would load the address again after each write.

use core::mem;

use crate::jump::{self, Front};
use crate::node::Node;

/// Marks a list that may be out of order. A sorted list whose last deadline has this value counts as unsorted. That
/// costs time, but the result is the same.
pub(crate) const UNSORTED: u64 = u64::MAX;

/// Appends a node that is on no list and has this deadline. Returns whether the list was empty.
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

/// Appends a node to a list whose order and length are not recorded. Returns whether the list was empty.
#[inline(always)]
pub(crate) fn append_uncounted<T>(nodes: &mut [Node<T>], list: u32, node: u32) -> bool {
    let last = mem::replace(&mut nodes[list as usize].prev, node);
    let this = &mut nodes[node as usize];
    (this.prev, this.next) = (last, list);
    nodes[last as usize].next = node;
    last == list
}

/// Takes a node off its list and leaves the node's own links unchanged. Returns the list's sentinel if the list is
/// empty now, or the node itself if it was on no list.
#[inline(always)]
pub(crate) fn unlink<T>(nodes: &mut [Node<T>], node: usize) -> Option<u32> {
    let Node { prev, next, .. } = nodes[node];
    link(nodes, prev, next).then_some(prev)
}

/// Links two nodes. Returns whether they are the same.
#[inline(always)]
pub(crate) fn link<T>(nodes: &mut [Node<T>], prev: u32, next: u32) -> bool {
    nodes[prev as usize].next = next;
    nodes[next as usize].prev = prev;
    prev == next
}

/// Takes the first node off a list and leaves the node's own links unchanged.
#[inline(always)]
pub(crate) fn take_first<T>(nodes: &mut [Node<T>], list: u32, node: u32) {
    let next = nodes[node as usize].next;
    nodes[list as usize].next = next;
    nodes[next as usize].prev = list;
}

/// Takes all nodes before `node` off a list.
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

/// Whether a list is empty, or a node is on no list. While the arena has no sentinels, it has no timers, and every list
/// counts as empty.
#[inline(always)]
pub(crate) fn is_empty<T>(nodes: &[Node<T>], list: u32) -> bool {
    nodes.get(list as usize).is_none_or(|sentinel| sentinel.next == list)
}

/// The latest deadline that a sorted list can hold; `UNSORTED` for any other list.
#[inline(always)]
pub(crate) fn last_deadline<T>(nodes: &[Node<T>], list: u32) -> u64 {
    nodes[list as usize].deadline
}

#[inline(always)]
pub(crate) fn is_sorted<T>(nodes: &[Node<T>], list: u32) -> bool {
    last_deadline(nodes, list) != UNSORTED
}

/// The number of timers that were appended since the list was empty. The list holds at most that many
/// timers, unless 2³² were appended since then.
#[inline(always)]
pub(crate) fn size_max<T>(nodes: &[Node<T>], list: u32) -> u32 {
    nodes[list as usize].generation
}

/// Makes a list empty, without touching the nodes that are on it.
#[inline(always)]
pub(crate) fn reset<T>(nodes: &mut [Node<T>], list: u32) {
    let sentinel = &mut nodes[list as usize];
    (sentinel.prev, sentinel.next) = (list, list);
    (sentinel.deadline, sentinel.generation) = (0, 0);
}

/// Moves all nodes of a list that is not empty to the end of the queue `to`. `front` reads ahead in that queue.
#[inline(always)]
pub(crate) fn splice<T>(nodes: &mut [Node<T>], from: u32, to: u32, front: &mut Front) {
    front.spliced(nodes, from, to);
    let sentinel = &mut nodes[from as usize];
    let (first, last) = (mem::replace(&mut sentinel.next, from), mem::replace(&mut sentinel.prev, from));
    (sentinel.deadline, sentinel.generation) = (0, 0);
    let before = mem::replace(&mut nodes[to as usize].prev, last);
    nodes[before as usize].next = first;
    nodes[first as usize].prev = before;
    nodes[last as usize].next = to;
}

/// Moves all nodes of one list, with the record of their order and number, to an empty list.
pub(crate) fn move_all<T>(nodes: &mut [Node<T>], from: u32, to: u32) {
    let Node { prev: last, next: first, deadline, generation, jump, .. } = nodes[from as usize];
    let sentinel = &mut nodes[to as usize];
    (sentinel.prev, sentinel.next) = (last, first);
    (sentinel.deadline, sentinel.generation, sentinel.jump) = (deadline, generation, jump);
    nodes[first as usize].prev = to;
    nodes[last as usize].next = to;
    reset(nodes, from);
}

/// Moves all nodes of one list to the front of another, which counts as unsorted from then on.
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

/// Moves the nodes of a list that come before its node `end` to the place before the node `to`, which is on another
/// list or its sentinel. There is at least one such node. `end` may be the list's sentinel.
#[inline(always)]
pub(crate) fn move_before<T>(nodes: &mut [Node<T>], from: u32, end: u32, to: u32) {
    let first = mem::replace(&mut nodes[from as usize].next, end);
    let last = mem::replace(&mut nodes[end as usize].prev, from);
    let before = mem::replace(&mut nodes[to as usize].prev, last);
    nodes[before as usize].next = first;
    nodes[first as usize].prev = before;
    nodes[last as usize].next = to;
}

/// A list's timers with their numbers, in order.
pub(crate) fn iter<T>(nodes: &[Node<T>], list: u32) -> impl Iterator<Item = (u32, &Node<T>)> {
    let mut node = nodes.get(list as usize).map_or(list, |sentinel| sentinel.next);
    core::iter::from_fn(move || {
        let (this, timer) = (node, nodes.get(node as usize)?);
        node = timer.next;
        (this != list).then_some((this, timer))
    })
}
