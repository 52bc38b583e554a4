//! The arena: the memory of all timers. A key names a timer's *place*, which is a node, and the place's generation
//! (`key.rs`). The arena resolves keys and knows which places are free.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::mem;

use crate::free_list::FreeList;
use crate::list;
use crate::node::Node;
use crate::room::NoRoom;

/// The greatest number of timers in a wheel. The limit makes a node's number fit 32 bits.
const TIMERS_MAX: usize = 1 << 30;

/// From this number of nodes (a megabyte) on, the arena grows by a half. A smaller arena doubles.
const MANY: usize = 1 << 15;
/// From this number of nodes (sixteen megabytes) on, the arena grows by a fifth.
const VERY_MANY: usize = 1 << 19;

/// The sentinels of all lists, and behind them the timers. The sentinels are made with the first timer: until then the
/// arena has no node and needs no memory, and every list counts as empty ([`list::is_empty`]).
#[derive(Clone, Debug)]
pub(crate) struct Arena<T> {
    pub(crate) nodes: Vec<Node<T>>,
    pub(crate) free: FreeList,
    /// The number of lists.
    lists: u32,
    /// The number of the first timer's node: `lists`, or 0 while there are no sentinels.
    first: usize,
    /// The number of places whose generations are used up.
    retired: usize,
    /// The generation with which a new place begins. It is at least the generation of each place whose memory was given
    /// back. So old keys stay stale when the arena grows again.
    unused: u32,
}

impl<T> Arena<T> {
    /// Makes an arena with `lists` empty lists and no timer.
    pub(crate) const fn new(lists: u32) -> Self {
        Self { nodes: Vec::new(), free: FreeList::new(), lists, first: 0, retired: 0, unused: 0 }
    }

    #[cold]
    #[inline(never)]
    fn try_make_sentinels(&mut self) -> Result<(), TryReserveError> {
        self.free.try_grow(self.lists as usize, 0)?;
        // Makes room for the first timers as well, so that inserting them does not move all sentinels. If memory was
        // reserved for timers before, that room is there.
        if self.nodes.capacity() <= self.lists as usize {
            self.nodes.try_reserve_exact(self.lists as usize * 7 / 5)?;
        }
        self.nodes.extend((0..self.lists).map(Node::sentinel));
        self.first = self.lists as usize;
        Ok(())
    }

    /// The number of timers.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() - self.first - self.free.len() - self.retired
    }

    /// Takes a node for a new timer. The caller passes the node to `insert` or `insert_unlinked` next.
    #[inline(always)]
    pub(crate) fn take_node(&mut self) -> Result<u32, NoRoom> {
        match self.free.take() {
            Some(node) => Ok(node),
            None => self.push(),
        }
    }

    /// Appends a new timer to a list. Returns its generation, and whether the list was empty.
    #[inline(always)]
    pub(crate) fn insert(&mut self, list: u32, node: u32, deadline: u64, value: T) -> (u32, bool) {
        let nodes = self.nodes.as_mut_slice();
        let this = &mut nodes[node as usize];
        this.generation += 1;
        this.deadline = deadline;
        this.value = Some(value);
        let generation = this.generation;
        (generation, list::append(nodes, list, node, deadline))
    }

    /// Makes a new timer that is on no list. Returns its generation.
    pub(crate) fn insert_unlinked(&mut self, node: u32, value: T) -> u32 {
        let this = &mut self.nodes[node as usize];
        this.generation += 1;
        this.value = Some(value);
        let generation = this.generation;
        list::set_unlinked(&mut self.nodes, node);
        generation
    }

    /// Adds free nodes and takes the first of them. Later calls of `take_node` take the others without growing.
    #[inline(never)]
    fn push(&mut self) -> Result<u32, NoRoom> {
        if self.nodes.is_empty() {
            self.try_make_sentinels()?;
        }
        let node = self.nodes.len();
        let timers_left = TIMERS_MAX - (node - self.first);
        if timers_left == 0 {
            return Err(NoRoom::Full);
        }
        if node == self.nodes.capacity() {
            self.try_grow()?;
        }
        let count = (self.nodes.capacity() - node).min(timers_left).min(FreeList::FRESH_MAX);
        self.free.try_grow(node + count, node + count - self.first)?;
        let unused = self.unused;
        self.nodes.extend((0..count).map(|_| Node::vacant(unused)));
        self.free.add_fresh(node as u32 + 1, count - 1);
        Ok(node as u32)
    }

    /// Reserves memory for more nodes.
    ///
    /// Doubling a large arena would leave up to half of it empty, so the step gets smaller as the arena grows. Even
    /// smaller steps would copy the arena too often, unless the allocator moves large blocks by remapping their pages.
    /// If the allocator refuses a step, the step is halved, so that the last free memory can be used.
    fn try_grow(&mut self) -> Result<(), TryReserveError> {
        let node = self.nodes.len();
        let mut step = match node {
            ..MANY => node,
            MANY..VERY_MANY => node / 2,
            _ => node / 5,
        };
        loop {
            match self.nodes.try_reserve_exact(step) {
                Err(_) if step > FreeList::FRESH_MAX => step /= 2,
                answer => return answer,
            }
        }
    }

    /// The number of timers that there is memory for.
    pub(crate) fn capacity(&self) -> usize {
        self.nodes.capacity().saturating_sub(self.lists as usize + self.retired).min(TIMERS_MAX)
    }

    /// Reserves memory for `timers` timers in all.
    pub(crate) fn try_reserve(&mut self, timers: usize) -> Result<(), NoRoom> {
        if timers > TIMERS_MAX {
            return Err(NoRoom::Full);
        }
        let nodes = self.lists as usize + self.retired + timers;
        self.free.try_grow(nodes, timers + self.retired)?;
        self.nodes.try_reserve_exact(nodes.saturating_sub(self.nodes.len()))?;
        Ok(())
    }

    /// Gives back the memory of all places behind the last place that is live or retired. If no place is live or
    /// retired, the memory of the sentinels is given back as well, unless `keeps_sentinels` is set. While some place is
    /// retired, free places that were never taken are kept too, because both kinds have the generation 0.
    pub(crate) fn shrink_to_fit(&mut self, keeps_sentinels: bool) {
        let is_kept = |node: &Node<T>| node.generation % 2 == 1 || node.generation == 0 && self.retired > 0;
        let timers = self.nodes[self.first..].iter().rposition(is_kept).map_or(0, |last| last + 1);
        let nodes = if timers > 0 || keeps_sentinels { self.first + timers } else { 0 };
        let given_back = self.nodes[self.first + timers..].iter().map(|node| node.generation);
        self.unused = given_back.fold(self.unused, u32::max);
        self.nodes.truncate(nodes);
        self.nodes.shrink_to_fit();
        self.free.truncate(nodes);
        if nodes == 0 {
            self.first = 0;
        }
    }

    /// The timer's node, if it has this generation.
    #[inline(always)]
    pub(crate) fn get(&self, node: usize, generation: u32) -> Option<&Node<T>> {
        self.nodes.get(node).filter(|this| this.generation == generation)
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, node: usize, generation: u32) -> Option<&mut Node<T>> {
        self.nodes.get_mut(node).filter(|this| this.generation == generation)
    }

    /// Frees the node of a timer that has ended. `generation` is the generation that [`Node::end`] has returned.
    ///
    /// A node whose generations are used up is retired and never taken again. That is one node for every 2³¹ timers.
    #[inline(always)]
    pub(crate) fn free(&mut self, node: u32, generation: u32) {
        if generation == 0 {
            self.retired += 1;
        } else {
            self.free.give_back(node);
        }
    }

    /// All timers with the numbers of their nodes, in the order of the numbers.
    pub(crate) fn timers(&self) -> impl Iterator<Item = (u32, &Node<T>)> {
        let nodes = self.nodes.get(self.first..).unwrap_or_default();
        (self.first as u32..).zip(nodes).filter(|(_, node)| node.generation % 2 == 1)
    }

    /// Panics unless every node is either live, or in the free list exactly once, or retired.
    pub(crate) fn audit(&self) {
        self.free.audit(self.nodes.len());
        let mut known_free = alloc::vec![false; self.nodes.len()];
        for node in self.free.iter() {
            assert!(self.nodes[node as usize].generation % 2 != 1, "node {node} is free and live");
            assert!(!mem::replace(&mut known_free[node as usize], true), "node {node} is free twice");
        }
        for (node, this) in self.nodes.iter().enumerate().skip(self.first) {
            let accounted = this.generation % 2 == 1 || known_free[node] || this.generation == 0;
            assert!(accounted, "node {node} got lost in generation {}", this.generation);
        }
        assert_eq!(self.timers().count(), self.len(), "timers counted, and the count kept");
    }

    /// Sets the generation of a free node. Tests use this to try what happens when all generations are used up.
    #[cfg(test)]
    pub(crate) fn wear(&mut self, node: u32, generation: u32) {
        assert!(self.nodes[node as usize].generation % 2 != 1 && generation % 2 != 1);
        self.nodes[node as usize].generation = generation;
    }
}
