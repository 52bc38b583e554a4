//! The arena: where timers live, which key still means which of them, and which are free. How they are linked to lists
//! is in `lists.rs`.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::mem;

use crate::lists;
use crate::places::Places;
use crate::room::NoRoom;

/// Timers that a wheel can hold at a time, so that a node's number has 32 bits.
const TIMERS_MAX: usize = 1 << 30;

/// Nodes from which on the arena does not double any more when it grows, and not by a half: a megabyte, and sixteen.
const MANY: usize = 1 << 15;
const VERY_MANY: usize = 1 << 19;

/// A node: a timer, or the sentinel of a list, in which some fields mean the list.
///
/// Half a cache line with a value of 8 bytes. Memory that the allocator has mapped begins a quarter into a line, so the
/// order of the fields says which share one for certain: what is read on the way through a list, and what is not.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry<T> {
    /// Of a list: the last deadline that was appended, if each was the latest since the list was empty; `UNSORTED` if
    /// not.
    pub(crate) deadline: u64,
    pub(crate) prev: u32,
    pub(crate) next: u32,
    pub(crate) value: T,
    /// Odd while the place is taken. Of a list: timers appended since it was empty.
    pub(crate) generation: u32,
    /// A guess at the node some places later in the list. Of a list: the node whose guess is the next to be made.
    pub(crate) ahead: u32,
}

/// Timers, and before them the sentinels of lists, by node.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    pub(crate) nodes: Vec<Entry<T>>,
    free: Places,
    lists: u32,
    /// Places whose generations are used up.
    retired: usize,
    /// Nodes that will be taken off the expired queue before the next have to be brought near.
    pub(crate) near: u32,
}

impl<T: Default> Arena<T> {
    /// So many empty lists, and no timer.
    pub(crate) fn try_new(lists: u32) -> Result<Self, TryReserveError> {
        let sentinel =
            |node| Entry { deadline: 0, prev: node, next: node, value: T::default(), generation: 0, ahead: node };
        let mut free = Places::new();
        free.try_grow(lists as usize)?;
        // With room for a few timers, so that the first do not move all sentinels: that costs more than they do.
        let mut nodes = Vec::new();
        nodes.try_reserve_exact(lists as usize * 7 / 5)?;
        nodes.extend((0..lists).map(sentinel));
        Ok(Self { nodes, free, lists, retired: 0, near: lists::FOR_LONG })
    }

    /// Timers.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() - self.lists as usize - self.free.len() - self.retired
    }

    /// A place for a new timer, which `insert` must be given next.
    #[inline(always)]
    pub(crate) fn take_place(&mut self) -> Result<u32, NoRoom> {
        match self.free.take() {
            Some(place) => Ok(place),
            None => self.push(),
        }
    }

    /// Appends a new timer to a list. Its generation is returned, and whether the list was empty.
    #[inline(always)]
    pub(crate) fn insert(&mut self, list: u32, node: u32, deadline: u64, value: T) -> (u32, bool) {
        let nodes = self.nodes.as_mut_slice();
        let entry = &mut nodes[node as usize];
        entry.generation += 1;
        entry.deadline = deadline;
        entry.value = value;
        let generation = entry.generation;
        (generation, lists::append(nodes, list, node, deadline))
    }

    /// Makes places, which are free, and returns the first: the others are taken without a call.
    #[inline(never)]
    fn push(&mut self) -> Result<u32, NoRoom> {
        let node = self.nodes.len();
        let timers_left = TIMERS_MAX - (node - self.lists as usize);
        if timers_left == 0 {
            return Err(NoRoom::Full);
        }
        if node == self.nodes.capacity() {
            self.try_grow()?;
        }
        let count = (self.nodes.capacity() - node).min(timers_left).min(Places::FRESH_MAX);
        self.free.try_grow(node + count)?;
        let free = |_| Entry { deadline: 0, prev: 0, next: 0, value: T::default(), generation: 0, ahead: 0 };
        self.nodes.extend((0..count).map(free));
        self.free.add_fresh(node as u32 + 1, count - 1);
        Ok(node as u32)
    }

    /// Makes room for more nodes.
    ///
    /// Memory is to follow the timers: the more there are, the smaller the step, since doubling would leave up to half of
    /// it empty. Smaller ones copy too often where the allocator does not move large blocks by the page table. A step that
    /// the allocator refuses is halved, so that the last of the memory can be used.
    fn try_grow(&mut self) -> Result<(), TryReserveError> {
        let node = self.nodes.len();
        let mut step = match node {
            ..MANY => node,
            MANY..VERY_MANY => node / 2,
            _ => node / 5,
        };
        loop {
            match self.nodes.try_reserve_exact(step) {
                Err(_) if step > Places::FRESH_MAX => step /= 2,
                answer => return answer,
            }
        }
    }

    /// The timer's entry, if the node has this generation.
    #[inline(always)]
    pub(crate) fn get(&self, node: usize, generation: u32) -> Option<&Entry<T>> {
        self.nodes.get(node).filter(|entry| entry.generation == generation)
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, node: usize, generation: u32) -> Option<&mut Entry<T>> {
        self.nodes.get_mut(node).filter(|entry| entry.generation == generation)
    }

    /// Frees a timer's place and returns its generation, deadline and value.
    ///
    /// A place whose generations are used up is retired: it is never taken again, which costs one entry in 2³¹ timers.
    #[inline(always)]
    pub(crate) fn remove(&mut self, node: usize) -> (u32, u64, T) {
        let entry = &mut self.nodes[node];
        let removed = (entry.generation, entry.deadline, mem::take(&mut entry.value));
        entry.generation = entry.generation.wrapping_add(1);
        if entry.generation == 0 {
            self.retired += 1;
        } else {
            self.free.give_back(node as u32);
        }
        removed
    }

    /// The nodes of all timers, in the order of their places, with their entries.
    pub(crate) fn timers(&self) -> impl Iterator<Item = (u32, &Entry<T>)> {
        (0..).zip(&self.nodes).skip(self.lists as usize).filter(|(_, entry)| entry.generation % 2 == 1)
    }

    /// Panics unless every place is either live, or free and known as free once, or retired.
    pub(crate) fn audit(&self) {
        self.free.audit(self.nodes.len());
        let mut known_free = alloc::vec![false; self.nodes.len()];
        for node in self.free.iter() {
            assert!(self.nodes[node as usize].generation % 2 != 1, "node {node} is free and live");
            assert!(!mem::replace(&mut known_free[node as usize], true), "node {node} is free twice");
        }
        for (node, entry) in self.nodes.iter().enumerate().skip(self.lists as usize) {
            let accounted = entry.generation % 2 == 1 || known_free[node] || entry.generation == 0;
            assert!(accounted, "node {node} got lost in generation {}", entry.generation);
        }
        assert_eq!(self.timers().count(), self.len(), "timers counted, and the count kept");
    }

    /// For tests of what happens after 2³² uses: sets the generation of a place that is free.
    #[cfg(test)]
    pub(crate) fn wear(&mut self, node: u32, generation: u32) {
        assert!(self.nodes[node as usize].generation % 2 != 1 && generation % 2 != 1);
        self.nodes[node as usize].generation = generation;
    }
}
