//! Lists of timers: circles of nodes, each through a sentinel.
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
//! A node is taken off its list without knowing which one it is: its neighbours are joined, and if they are the same
//! node, that is the sentinel of a list that has become empty. A node that is on no list is joined to itself, so that
//! taking it off does no harm.
//!
//! A walk through a list waits, at each node, for memory that only the node before could name; among a million timers
//! that is a cache miss each. So long lists have *guesses*: while a list grows, an earlier node is told which one comes
//! [`LEAD`] places after it, and whoever walks there asks for that one's memory at once. At a list's beginning a guess
//! leads from the nth node to the 2nth, so that a walk that starts with nothing near reaches its pace in a few steps. A
//! guess may be wrong by now, when timers were cancelled; nothing but speed depends on it.

use core::mem;

use crate::arena::{Arena, Entry};

/// The list is, or was since it was last empty, out of order. A deadline that is the same number only makes a list look
/// worse than it is.
pub(crate) const UNSORTED: u64 = u64::MAX;

/// Places by which a guess leads.
const LEAD: u32 = 16;

/// Nodes that are brought near at a time.
const BATCH: u32 = 64;

/// Appends after which a list is long, and nodes from which on they do not fit a usual second-level cache: below either,
/// a walk is better off without guesses.
pub(crate) const LONG: u32 = 8;
const MANY: usize = 1 << 14;

/// Nothing has to be brought near for so many nodes: in effect, ever.
pub(crate) const FOR_LONG: u32 = u32::MAX;

/// Appends after which the guesses of a list start anew from its end, for the case that the way was lost.
const FRESH: u32 = 1024;

/// Appends a node, which is on no list and has this deadline. Whether the list was empty is returned.
///
/// Of the nodes as a slice: through `Arena` the compiler would read their place anew after each write to one of them.
#[inline(always)]
pub(crate) fn append<T>(nodes: &mut [Entry<T>], list: u32, node: u32, deadline: u64) -> bool {
    let sentinel = &mut nodes[list as usize];
    let last = mem::replace(&mut sentinel.prev, node);
    sentinel.deadline = if deadline < sentinel.deadline { UNSORTED } else { deadline };
    let count = sentinel.generation.wrapping_add(1);
    sentinel.generation = count;
    let entry = &mut nodes[node as usize];
    (entry.prev, entry.next) = (last, list);
    nodes[last as usize].next = node;
    if nodes.len() >= MANY && (count > 2 * LEAD || count.is_multiple_of(2)) {
        guess(nodes, list, node, count);
    }
    last == list
}

/// Takes a node that is the first of this list off it; its own links stay as they were.
#[inline(always)]
pub(crate) fn take_first<T>(nodes: &mut [Entry<T>], list: u32, node: u32) {
    let next = nodes[node as usize].next;
    nodes[list as usize].next = next;
    nodes[next as usize].prev = list;
}

#[inline(always)]
fn guess<T>(nodes: &mut [Entry<T>], list: u32, node: u32, count: u32) {
    let sentinel = &nodes[list as usize];
    let lagging = match count {
        2 => sentinel.next,
        count if count.is_multiple_of(FRESH) => walk_back(nodes, node),
        _ => sentinel.ahead,
    };
    let entry = &mut nodes[lagging as usize];
    entry.ahead = node;
    nodes[list as usize].ahead = entry.next;
}

#[cold]
fn walk_back<T>(nodes: &[Entry<T>], node: u32) -> u32 {
    (0..LEAD).fold(node, |node, _| nodes[node as usize].prev)
}

impl<T: Default> Arena<T> {
    #[inline(always)]
    pub(crate) fn node(&self, node: u32) -> &Entry<T> {
        &self.nodes[node as usize]
    }

    #[inline(always)]
    fn node_mut(&mut self, node: u32) -> &mut Entry<T> {
        &mut self.nodes[node as usize]
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self, list: u32) -> bool {
        self.node(list).next == list
    }

    #[inline(always)]
    pub(crate) fn is_sorted(&self, list: u32) -> bool {
        self.last_deadline(list) != UNSORTED
    }

    /// The last deadline of a list that is in order, or a later one that was there; `UNSORTED` for another list.
    #[inline(always)]
    pub(crate) fn last_deadline(&self, list: u32) -> u64 {
        self.node(list).deadline
    }

    /// Timers that were appended since the list was empty: at least as many as are still there.
    #[inline(always)]
    pub(crate) fn size_max(&self, list: u32) -> u32 {
        self.node(list).generation
    }

    #[inline(always)]
    pub(crate) fn has_guesses(&self, list: u32) -> bool {
        self.size_max(list) > LONG && self.nodes.len() >= MANY
    }

    /// Appends a node to a list of which nobody asks whether it is sorted or long. Whether it was empty is returned.
    #[inline(always)]
    pub(crate) fn append_plainly(&mut self, list: u32, node: u32) -> bool {
        let nodes = self.nodes.as_mut_slice();
        let last = mem::replace(&mut nodes[list as usize].prev, node);
        let entry = &mut nodes[node as usize];
        (entry.prev, entry.next) = (last, list);
        nodes[last as usize].next = node;
        last == list
    }

    /// Brings the memory of some nodes of a list, from this one on, near, and returns how many they are. This loop is all
    /// loads and no decisions, but for the end of the list, so that the processor waits for many of them at a time.
    #[inline(never)]
    fn bring_near(&self, list: u32, mut node: u32) -> u32 {
        let (mut seen, mut count) = (0, 0);
        while node != list && count < BATCH {
            let entry = self.node(node);
            if let Some(ahead) = self.nodes.get(entry.ahead as usize) {
                seen ^= ahead.next;
            }
            node = entry.next;
            count += 1;
        }
        core::hint::black_box(seen);
        count
    }

    /// Tells that this node, the first of a list, is about to be taken off. If a list with guesses was spliced to that
    /// one, it and those behind it are brought near, a batch at a time.
    #[inline(always)]
    pub(crate) fn approach(&mut self, list: u32, node: u32) {
        self.near = match self.near.checked_sub(1) {
            Some(near) => near,
            None => self.bring_batch(list, node),
        };
    }

    #[cold]
    #[inline(never)]
    fn bring_batch(&self, list: u32, node: u32) -> u32 {
        if self.bring_near(list, node) == BATCH { BATCH - 1 } else { FOR_LONG }
    }

    /// Takes everything before `node` off a list.
    pub(crate) fn cut_before(&mut self, list: u32, node: u32) {
        self.node_mut(list).next = node;
        self.node_mut(node).prev = list;
    }

    /// Joins the node's neighbours, and leaves its own links as they were. If they are one, it is returned: the
    /// sentinel of a list that has become empty – or the node itself, which was on no list.
    #[inline(always)]
    pub(crate) fn unlink(&mut self, node: usize) -> Option<u32> {
        let nodes = self.nodes.as_mut_slice();
        let Entry { prev, next, .. } = nodes[node];
        nodes[prev as usize].next = next;
        nodes[next as usize].prev = prev;
        (prev == next).then_some(prev)
    }

    /// Makes a node that is on no list any more know it.
    #[inline(always)]
    pub(crate) fn set_alone(&mut self, node: u32) {
        let entry = self.node_mut(node);
        (entry.prev, entry.next) = (node, node);
    }

    /// Whether the node is on no list.
    #[inline(always)]
    pub(crate) fn is_alone(&self, node: u32) -> bool {
        self.is_empty(node)
    }

    /// Forgets what was on a list.
    #[inline(always)]
    pub(crate) fn reset(&mut self, list: u32) {
        let sentinel = self.node_mut(list);
        (sentinel.prev, sentinel.next) = (list, list);
        (sentinel.deadline, sentinel.generation) = (0, 0);
    }

    /// Moves all nodes of one list, which is not empty, to the end of another.
    #[inline(always)]
    pub(crate) fn splice(&mut self, from: u32, to: u32) {
        if self.has_guesses(from) {
            self.near = 0;
        }
        let nodes = self.nodes.as_mut_slice();
        let sentinel = &mut nodes[from as usize];
        let (first, last) = (mem::replace(&mut sentinel.next, from), mem::replace(&mut sentinel.prev, from));
        (sentinel.deadline, sentinel.generation) = (0, 0);
        let before = mem::replace(&mut nodes[to as usize].prev, last);
        nodes[before as usize].next = first;
        nodes[first as usize].prev = before;
        nodes[last as usize].next = to;
    }

    /// Moves all nodes of one list to another, which is empty, with all that is known of them.
    pub(crate) fn move_all(&mut self, from: u32, to: u32) {
        let Entry { prev: last, next: first, deadline, generation, ahead, .. } = *self.node(from);
        let sentinel = self.node_mut(to);
        (sentinel.prev, sentinel.next) = (last, first);
        (sentinel.deadline, sentinel.generation, sentinel.ahead) = (deadline, generation, ahead);
        self.node_mut(first).prev = to;
        self.node_mut(last).next = to;
        self.reset(from);
    }

    /// Moves all nodes of one list to the front of another, of which it is not known any more whether it is in order.
    pub(crate) fn splice_before(&mut self, from: u32, to: u32) {
        if self.is_empty(from) {
            return;
        }
        let Entry { prev: last, next: first, generation: count, .. } = *self.node(from);
        let sentinel = self.node_mut(to);
        let behind = mem::replace(&mut sentinel.next, first);
        (sentinel.deadline, sentinel.generation) = (UNSORTED, sentinel.generation.saturating_add(count));
        self.node_mut(first).prev = to;
        self.node_mut(last).next = behind;
        self.node_mut(behind).prev = last;
        self.reset(from);
    }

    /// A list's timers with their nodes, in order, for readers.
    pub(crate) fn walk(&self, list: u32) -> impl Iterator<Item = (u32, &Entry<T>)> {
        let mut node = self.node(list).next;
        core::iter::from_fn(move || {
            let this = node;
            node = self.node(this).next;
            (this != list).then(|| (this, self.node(this)))
        })
    }
}

/// A walk through a list, during which the nodes that it has passed may be linked elsewhere.
pub(crate) struct Walk {
    list: u32,
    node: u32,
    /// Nodes to the next batch, or `FOR_LONG`.
    batch: u32,
}

impl Walk {
    #[inline(always)]
    pub(crate) fn new<T: Default>(arena: &Arena<T>, list: u32) -> Self {
        Self { list, node: arena.node(list).next, batch: if arena.has_guesses(list) { 0 } else { FOR_LONG } }
    }

    /// The next node and its deadline.
    #[inline(always)]
    pub(crate) fn next<T: Default>(&mut self, arena: &Arena<T>) -> Option<(u32, u64)> {
        let node = self.node;
        if node == self.list {
            return None;
        }
        if self.batch == 0 {
            self.batch = arena.bring_near(self.list, node);
        }
        self.batch -= 1;
        let entry = arena.node(node);
        self.node = entry.next;
        Some((node, entry.deadline))
    }

    /// The node that would come next, or the list at its end.
    pub(crate) fn rest(&self) -> u32 {
        self.node
    }
}
