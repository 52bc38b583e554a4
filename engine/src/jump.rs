//! Jump pointers: how a walk through a long list does not wait for memory at every step. Only speed depends on them.
//!
//! Among a million timers each step of a walk is a cache miss, and only the node before could name the next one. So, while
//! a list grows, an earlier node is told which node comes [`DISTANCE`] places after it, and a walk that passes there
//! touches that one's memory at once: jump-pointer prefetching (Luk and Mowry, *Compiler-Based Prefetching for Recursive
//! Data Structures*, ASPLOS 1996). At the beginning of a list the nth node's pointer leads to the 2nth, so that a walk gets
//! up to its pace in five steps.
//!
//! ```text
//!   walk ──►  1   2   3   4  …  20  21  …                 32 reads or so are under way at any time
//!             └►2 └──►4 └──►6   └──────────► 36
//! ```
//!
//! A jump pointer may be wrong by now, when timers were cancelled. With a million timers these reads take a third off the
//! time in which a timer expires (docs/wheel.md, "Lists").

use crate::node::Node;

/// Places by which a jump pointer leads. With 8, 24 and 32 a walk was slower.
const DISTANCE: u32 = 16;

/// Nodes that are touched at a time.
const BATCH: u32 = 64;

/// Appends after which a list is long. A walk through a shorter one is better off without jump pointers.
const LONG: u32 = 8;

/// Nodes that fit a usual second-level cache. Below, a walk is better off without jump pointers, too.
const CACHED: usize = 1 << 14;

/// Appends after which the pointers of a list start anew from its end, in case that the chain was lost.
const RESTART: u32 = 1024;

/// No batch has to be touched for so many nodes: in effect, ever.
const NEVER: u32 = u32::MAX;

/// Sets the jump pointer of an earlier node to `node`, which has just become the last of `list`, its `count`th.
#[inline(always)]
pub(crate) fn appended<T>(nodes: &mut [Node<T>], list: u32, node: u32, count: u32) {
    if nodes.len() >= CACHED && (count > 2 * DISTANCE || count.is_multiple_of(2)) {
        set_pointer(nodes, list, node, count);
    }
}

#[inline(always)]
fn set_pointer<T>(nodes: &mut [Node<T>], list: u32, node: u32, count: u32) {
    let sentinel = &nodes[list as usize];
    let behind = match count {
        2 => sentinel.next,
        count if count.is_multiple_of(RESTART) => walk_back(nodes, node),
        _ => sentinel.jump,
    };
    let earlier = &mut nodes[behind as usize];
    earlier.jump = node;
    nodes[list as usize].jump = earlier.next;
}

#[cold]
fn walk_back<T>(nodes: &[Node<T>], node: u32) -> u32 {
    (0..DISTANCE).fold(node, |node, _| nodes[node as usize].prev)
}

/// Whether a list's nodes have jump pointers.
#[inline(always)]
fn has_pointers<T>(nodes: &[Node<T>], list: u32) -> bool {
    nodes[list as usize].generation > LONG && nodes.len() >= CACHED
}

/// Touches a batch of nodes of a list, from this one on, and returns how many they are. The loop is all loads and no
/// decisions, but for the end of the list, so that the processor waits for many of them at a time.
#[inline(never)]
fn touch_batch<T>(nodes: &[Node<T>], list: u32, mut node: u32) -> u32 {
    let (mut seen, mut count) = (0, 0);
    while node != list && count < BATCH {
        let this = &nodes[node as usize];
        if let Some(later) = nodes.get(this.jump as usize) {
            seen ^= later.next;
        }
        node = this.next;
        count += 1;
    }
    core::hint::black_box(seen);
    count
}

/// A walk through a list, during which the nodes that it has passed may be linked elsewhere.
pub(crate) struct Walk {
    list: u32,
    node: u32,
    /// Nodes to the next batch, or `NEVER`.
    batch: u32,
}

impl Walk {
    #[inline(always)]
    pub(crate) fn new<T>(nodes: &[Node<T>], list: u32) -> Self {
        let sentinel = &nodes[list as usize];
        let batch = if sentinel.generation > LONG && nodes.len() >= CACHED { 0 } else { NEVER };
        Self { list, node: sentinel.next, batch }
    }

    /// The next node and its deadline.
    #[inline(always)]
    pub(crate) fn next<T>(&mut self, nodes: &[Node<T>]) -> Option<(u32, u64)> {
        let node = self.node;
        if node == self.list {
            return None;
        }
        if self.batch == 0 {
            self.batch = touch_batch(nodes, self.list, node);
        }
        self.batch -= 1;
        let this = &nodes[node as usize];
        self.node = this.next;
        Some((node, this.deadline))
    }

    /// The node that would come next, or the list at its end.
    pub(crate) fn rest(&self) -> u32 {
        self.node
    }
}

/// What is known about a queue whose nodes are taken off one by one at its front.
#[derive(Debug)]
pub(crate) struct Front {
    /// Nodes that will be taken off before the next batch has to be touched, or `NEVER`.
    left: u32,
}

impl Front {
    pub(crate) const EMPTY: Self = Self { left: NEVER };

    /// A list is about to be spliced to the queue.
    #[inline(always)]
    pub(crate) fn spliced<T>(&mut self, nodes: &[Node<T>], from: u32) {
        if has_pointers(nodes, from) {
            self.left = 0;
        }
    }

    /// `node`, the first of the queue, is about to be taken off. If a list with jump pointers was spliced to the queue, the
    /// node and those behind it are touched, a batch at a time.
    #[inline(always)]
    pub(crate) fn approach<T>(&mut self, nodes: &[Node<T>], list: u32, node: u32) {
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => touch_next(nodes, list, node),
        };
    }
}

#[cold]
#[inline(never)]
fn touch_next<T>(nodes: &[Node<T>], list: u32, node: u32) -> u32 {
    if touch_batch(nodes, list, node) == BATCH { BATCH - 1 } else { NEVER }
}
