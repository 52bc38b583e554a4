//! Jump pointers: a walk through a long list uses them to read ahead, so it does not wait for memory at every step.
//! They affect only speed.
//!
//! With a million timers, each step of a walk is a cache miss. No read can begin early, because the address of a node
//! is known only when the node before it has been loaded. Therefore, when a node is appended to a list, the node
//! [`DISTANCE`] places in front of it gets a pointer to the new node. A walk that passes the earlier node reads the
//! later node at once. This is jump-pointer prefetching (Luk and Mowry, *Compiler-Based Prefetching for Recursive Data
//! Structures*, ASPLOS 1996). At the beginning of a list, node n points to node 2n. So from its start a walk reads
//! every second node ahead.
//!
//! ```text
//!   walk ──►  1   2   3   4  …  20  21  …                 about 16 reads are under way at any time
//!             └►2 └──►4 └──►6   └──────────► 36
//! ```
//!
//! A jump pointer may be wrong after timers were cancelled. With a million timers that fire and are set again, reading
//! ahead in the expired queue halved the time (docs/wheel.md, "Lists").

use crate::node::Node;

/// The number of places that a jump pointer skips. With 8, 24 and 32 a walk was slower.
const DISTANCE: u32 = 16;

/// The number of nodes in a batch: a walk reads ahead one batch at a time.
const BATCH: u32 = 64;

/// The number of appends after which a list is long. A walk through a shorter list is faster without jump pointers.
const LONG: u32 = 8;

/// The number of nodes that fit a usual second-level cache. With fewer nodes a walk is faster without jump pointers.
const CACHED: usize = 1 << 14;

/// The number of appends after which the place where jump pointers are set goes back to [`DISTANCE`] places before the
/// list's end. Cancelled timers may have moved the place.
const RESTART: u32 = 1024;

/// Stands in place of the node at which the next batch begins, if there is no next batch.
const NEVER: u32 = u32::MAX;

/// Sets the jump pointer of an earlier node to `node`, unless all nodes fit the cache. `node` has just been appended to
/// `list`, and `count` is the number of appends since the list was last empty. While `count` is at most 2 * `DISTANCE`,
/// only an even `count` sets a pointer.
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
    let Some(earlier) = nodes.get_mut(behind as usize) else {
        // `shrink_to_fit` has given back the memory of the node whose pointer was to be set. The next pointer is set in
        // the new node.
        nodes[list as usize].jump = node;
        return;
    };
    earlier.jump = node;
    let next = earlier.next;
    // If the last timer is cancelled and replaced again and again, the place where pointers are set reaches the end of
    // the list and stays there. The place must not go back to the list's front: then setting each pointer would be a
    // cache miss, which cost 30 ns.
    if next != list {
        nodes[list as usize].jump = next;
    }
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

/// Reads a batch of a list's nodes, starting with `node`. Returns the node at which the next batch begins, or `NEVER`
/// if the list ends before. The loop does nothing but load, so the processor has many loads in flight at a time.
#[cold]
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
    if node == list { NEVER } else { node }
}

/// A walk through a list. During the walk, nodes that it has passed may be moved to other lists.
pub(crate) struct Walk {
    list: u32,
    node: u32,
    /// The node at which the next batch begins, or `NEVER`.
    batch: u32,
}

impl Walk {
    #[inline(always)]
    pub(crate) fn new<T>(nodes: &[Node<T>], list: u32) -> Self {
        let node = nodes[list as usize].next;
        Self { list, node, batch: if has_pointers(nodes, list) { node } else { NEVER } }
    }

    /// The next node and its deadline.
    #[inline(always)]
    pub(crate) fn next<T>(&mut self, nodes: &[Node<T>]) -> Option<(u32, u64)> {
        let node = self.node;
        if node == self.list {
            return None;
        }
        if node == self.batch {
            self.batch = touch_batch(nodes, self.list, node);
        }
        let this = &nodes[node as usize];
        self.node = this.next;
        Some((node, this.deadline))
    }

    /// The node that would come next; the list's own number if the walk is at the end.
    pub(crate) fn rest(&self) -> u32 {
        self.node
    }
}

/// The state of reading ahead in the expired queue, whose nodes are taken off one by one at the front.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    /// At the node with this number, counted from 1 at the queue's front, the next batch begins. A number greater than
    /// `BATCH` means that there is no next batch.
    ///
    /// The state is a count and not a node, because a node may be cancelled before it is first in the queue. If nodes
    /// are cancelled, the next batch is read a few nodes late.
    left: u32,
}

impl Front {
    pub(crate) const EMPTY: Self = Self { left: NEVER };

    /// Notes that a list will be spliced to the queue `to`. Call this before the splice. Reading ahead begins at the
    /// queue's front, unless it is under way.
    #[inline(always)]
    pub(crate) fn spliced<T>(&mut self, nodes: &[Node<T>], from: u32, to: u32) {
        if has_pointers(nodes, from) && (self.left > BATCH || nodes[to as usize].next == to) {
            self.left = 1;
        }
    }

    /// Reads ahead, if a list with jump pointers was spliced to the queue. `node` is the first node of the queue. One
    /// call in [`BATCH`] reads `node` and the nodes behind it. Call this before `node` is taken off.
    #[inline(always)]
    pub(crate) fn approach<T>(&mut self, nodes: &[Node<T>], list: u32, node: u32) {
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            let next = touch_batch(nodes, list, node);
            self.left = if next == NEVER { NEVER } else { BATCH };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list;
    use alloc::vec;
    use alloc::vec::Vec;

    /// The numbers, from 1, of those steps of a walk through a new list that wait for memory. A wait lasts until all
    /// reads that have begun are done. So a step waits if the read of its node had not begun before the last wait.
    /// Everything else takes no time.
    fn waits(timers: u32) -> Vec<u32> {
        let mut nodes: Vec<Node<()>> = (0..=CACHED as u32 + timers).map(|_| Node::vacant(0)).collect();
        nodes[0] = Node::sentinel(0);
        (1..=timers).for_each(|node| _ = list::append(&mut nodes, 0, node, 0));
        let (mut is_read, mut waits, mut begun) = (vec![false; nodes.len()], Vec::new(), Vec::new());
        let mut node = nodes[0].next;
        for step in 1..=timers {
            if !is_read[node as usize] {
                waits.push(step);
                begun.drain(..).for_each(|read: u32| is_read[read as usize] = true);
            }
            begun.push(nodes[node as usize].jump);
            node = nodes[node as usize].next;
        }
        waits
    }

    #[test]
    fn about_half_of_the_first_steps_of_a_walk_wait_and_then_every_sixteenth() {
        let waits = waits(1000);
        let (first, later) = waits.split_at(waits.partition_point(|&step| step <= 2 * DISTANCE));
        let expected: Vec<u32> = (1..=2 * DISTANCE).filter(|&step| step == 2 || step % 2 == 1).collect();
        assert_eq!(first, expected, "of 32 steps, 17 wait");
        let gaps: Vec<u32> = later.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|&gap| gap == DISTANCE) && gaps.len() == 59, "{gaps:?}");
    }

    /// Takes all nodes off a queue, and with every fourth one also cancels the node behind it. The 65th node, at which
    /// the second batch would begin, is cancelled in this way.
    #[test]
    fn reading_ahead_goes_on_when_the_first_node_of_the_next_batch_is_cancelled() {
        let (from, queue, timers) = (0, 1, 4 * BATCH);
        let mut nodes: Vec<Node<()>> = (0..=CACHED as u32 + timers).map(|_| Node::vacant(0)).collect();
        [from, queue].into_iter().for_each(|list| nodes[list as usize] = Node::sentinel(list));
        (2..timers + 2).for_each(|node| _ = list::append(&mut nodes, from, node, 0));
        let mut front = Front::EMPTY;
        list::splice(&mut nodes, from, queue, &mut front);
        let mut steps_before_reads = Vec::new();
        for step in 0.. {
            let node = nodes[queue as usize].next;
            if node == queue {
                break;
            }
            if front.left == 1 {
                steps_before_reads.push(step);
            }
            front.approach(&nodes, queue, node);
            let behind = nodes[node as usize].next;
            if step % 4 == 3 && behind != queue {
                list::unlink(&mut nodes, behind as usize);
            }
            list::take_first(&mut nodes, queue, node);
        }
        assert_eq!(steps_before_reads, [0, BATCH, 2 * BATCH, 3 * BATCH]);
    }
}
