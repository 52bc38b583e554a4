//! The free list of the arena: small stacks of nodes, and a bitmap for the rest.
//!
//! ```text
//!   give_back ──► stack ──► up to four full stacks ──► bitmap
//!   take      ◄── stack ◄── the last of them       ◄── the lowest word of the bitmap
//! ```
//!
//! A freed node goes to the stack. When the stack is full, it is set aside as a whole. This takes a tenth of the
//! instructions that moving its nodes to the bitmap takes. When four full stacks are set aside, further nodes move to
//! the bitmap. A new timer gets a node from the stacks, or from the lowest word of the bitmap if the stacks are empty.
//! So a large arena that was emptied in any order is filled again from one end, and timers that are inserted one after
//! the other are neighbours in memory. If a stack held all free nodes, each new timer would be far away from the timer
//! that was inserted before it. A bit also needs less memory than the four bytes of a node's number.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::mem;

/// The length of the stack's array, one more than the greatest number of nodes that stay on the stack. So the number of
/// nodes on the stack fits a byte, and every byte is a valid index.
const RECENT: usize = 1 << u8::BITS;

/// The greatest number of full stacks that are set aside. Up to a thousand timers need no bitmap: their nodes are near
/// each other in memory, in whatever order they are taken.
const ASIDE_MAX: usize = 4;

/// The lowest `count` bits of a word; all bits if `count` is 64 or more.
fn lowest_bits(word: u64, count: usize) -> u64 {
    if count < 64 { word & ((1 << count) - 1) } else { word }
}

/// The free nodes.
#[derive(Clone, Debug)]
pub(crate) struct FreeList {
    /// The stack. Nodes are taken from here first.
    recent: [u32; RECENT],
    recent_count: u8,
    /// Full stacks. Nodes are taken from here when the stack and `word` are empty.
    aside: Vec<[u32; RECENT]>,
    /// A word of free nodes, and the node of the word's lowest bit. The word comes from the bitmap, from `add_fresh`
    /// or, with one node, from `aside`. The nodes of the word are taken when the stack is empty.
    word: u64,
    word_start: u32,
    /// A bit for each free node that is not in `recent`, `aside` or `word`.
    bits: Vec<u64>,
    /// A bit for each word of `bits` that is not 0.
    summary: Vec<u64>,
    /// All words of `summary` before this one are 0.
    lowest: usize,
    /// The number of bits set in `bits`.
    spilled: usize,
}

impl FreeList {
    pub(crate) const fn new() -> Self {
        Self {
            recent: [0; RECENT],
            recent_count: 0,
            aside: Vec::new(),
            word: 0,
            word_start: 0,
            bits: Vec::new(),
            summary: Vec::new(),
            lowest: 0,
            spilled: 0,
        }
    }

    /// The number of free nodes.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.recent_count) + RECENT * self.aside.len() + self.word.count_ones() as usize + self.spilled
    }

    /// Makes room for `nodes` nodes in all, of which up to `timers` are free at a time. So freeing a node never
    /// allocates.
    pub(crate) fn try_grow(&mut self, nodes: usize, timers: usize) -> Result<(), TryReserveError> {
        let aside = (timers / RECENT).clamp(self.aside.len(), ASIDE_MAX);
        self.aside.try_reserve_exact(aside - self.aside.len())?;
        let words = nodes.div_ceil(64).max(self.bits.len());
        let summaries = words.div_ceil(64);
        self.bits.try_reserve(words - self.bits.len())?;
        self.summary.try_reserve(summaries - self.summary.len())?;
        self.bits.resize(words, 0);
        self.summary.resize(summaries, 0);
        Ok(())
    }

    /// One more than the number of nodes that can be added at once.
    pub(crate) const FRESH_MAX: usize = u64::BITS as usize;

    /// Adds consecutive nodes, fewer than [`FreeList::FRESH_MAX`]. No other node may be free.
    pub(crate) fn add_fresh(&mut self, first: u32, count: usize) {
        (self.word, self.word_start) = ((1 << count) - 1, first);
    }

    #[inline(always)]
    pub(crate) fn take(&mut self) -> Option<u32> {
        if let Some(node) = self.take_of_stack() {
            return Some(node);
        }
        if self.word == 0 && !self.refill() {
            return None;
        }
        Some(self.take_of_word())
    }

    /// Takes a node from the stack or from `word`. Returns `None` if both are empty, even if there are other free
    /// nodes.
    #[inline(always)]
    pub(crate) fn take_at_hand(&mut self) -> Option<u32> {
        if let Some(node) = self.take_of_stack() {
            return Some(node);
        }
        (self.word != 0).then(|| self.take_of_word())
    }

    #[inline(always)]
    fn take_of_stack(&mut self) -> Option<u32> {
        self.recent_count = self.recent_count.checked_sub(1)?;
        Some(self.recent[usize::from(self.recent_count)])
    }

    /// Takes the lowest node of the word, which is not 0.
    #[inline(always)]
    fn take_of_word(&mut self) -> u32 {
        let bit = self.word.trailing_zeros();
        self.word &= self.word - 1;
        self.word_start + bit
    }

    #[inline(always)]
    pub(crate) fn give_back(&mut self, node: u32) {
        self.recent[usize::from(self.recent_count)] = node;
        match self.recent_count.checked_add(1) {
            Some(count) => self.recent_count = count,
            None => self.spill(),
        }
    }

    /// Does what [`Self::give_back`] does, unless the node would fill the stack. Then returns `false` and changes
    /// nothing.
    #[inline(always)]
    pub(crate) fn give_back_if_room(&mut self, node: u32) -> bool {
        let Some(count) = self.recent_count.checked_add(1) else { return false };
        self.recent[usize::from(self.recent_count)] = node;
        self.recent_count = count;
        true
    }

    /// Empties the stack, which is full.
    #[inline(never)]
    fn spill(&mut self) {
        // The vector has the capacity that `try_grow` has reserved, and never grows here.
        if self.aside.len() < self.aside.capacity().min(ASIDE_MAX) {
            self.aside.push(self.recent);
        } else {
            self.move_to_bitmap(self.recent);
        }
        self.recent_count = 0;
    }

    fn move_to_bitmap(&mut self, nodes: [u32; RECENT]) {
        let mut lowest = self.lowest;
        for node in nodes {
            let word = node as usize / 64;
            let bits = &mut self.bits[word];
            let was_empty = mem::replace(bits, *bits | 1 << (node % 64)) == 0;
            if was_empty {
                self.summary[word / 64] |= 1 << (word % 64);
                lowest = lowest.min(word / 64);
            }
        }
        self.lowest = lowest;
        self.spilled += RECENT;
    }

    /// Fills the stack and `word` from a stack that was set aside, or else `word` from the bitmap. The stack and `word`
    /// are empty before. Returns whether there is a free node.
    #[inline(never)]
    fn refill(&mut self) -> bool {
        if let Some(aside) = self.aside.pop() {
            self.recent = aside;
            self.recent_count = u8::MAX;
            // The full stack has one node more than `recent_count` can count. `word` takes that node.
            (self.word, self.word_start) = (1, aside[RECENT - 1]);
            return true;
        }
        if self.spilled == 0 {
            return false;
        }
        while self.summary[self.lowest] == 0 {
            self.lowest += 1;
        }
        let summary = &mut self.summary[self.lowest];
        let word = self.lowest * 64 + summary.trailing_zeros() as usize;
        *summary &= *summary - 1;
        self.word = mem::take(&mut self.bits[word]);
        self.word_start = word as u32 * 64;
        self.spilled -= self.word.count_ones() as usize;
        true
    }

    /// Forgets all nodes from number `nodes` on, and gives back the memory for them.
    pub(crate) fn truncate(&mut self, nodes: usize) {
        while let Some(aside) = self.aside.pop() {
            self.move_to_bitmap(aside);
        }
        let is_kept = |node: u32| (node as usize) < nodes;
        let stack = self.recent;
        let count = usize::from(mem::take(&mut self.recent_count));
        for &node in stack[..count].iter().filter(|&&node| is_kept(node)) {
            self.recent[usize::from(self.recent_count)] = node;
            self.recent_count += 1;
        }
        self.word = lowest_bits(self.word, nodes.saturating_sub(self.word_start as usize));
        self.bits.truncate(nodes.div_ceil(64));
        if let Some(last) = self.bits.last_mut() {
            *last = lowest_bits(*last, nodes - (nodes - 1) / 64 * 64);
        }
        self.summary.truncate(self.bits.len().div_ceil(64));
        for (summary, words) in self.summary.iter_mut().zip(self.bits.chunks(64)) {
            *summary = (0..).zip(words).fold(0, |summary, (bit, &word)| summary | u64::from(word != 0) << bit);
        }
        self.lowest = 0;
        self.spilled = self.bits.iter().map(|word| word.count_ones() as usize).sum();
        self.bits.shrink_to_fit();
        self.summary.shrink_to_fit();
        self.aside.shrink_to_fit();
    }

    /// All free nodes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        let words = (0..).step_by(64).zip(self.bits.iter().copied()).chain([(self.word_start, self.word)]);
        let bits = words.flat_map(|(start, mut word)| {
            core::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                word &= word.wrapping_sub(1);
                (bit < 64).then_some(start + bit)
            })
        });
        let stacks = self.recent[..usize::from(self.recent_count)].iter().chain(self.aside.as_flattened());
        stacks.copied().chain(bits)
    }

    /// Panics unless the counts and summaries are right and the bitmap has room for `nodes` nodes.
    pub(crate) fn audit(&self, nodes: usize) {
        assert!(self.bits.len() * 64 >= nodes, "freeing the last node would find no bit for it");
        for (word, &bits) in self.bits.iter().enumerate() {
            let noted = self.summary[word / 64] >> (word % 64) & 1 == 1;
            assert_eq!(noted, bits != 0, "the summary of word {word}");
            assert!(bits == 0 || word / 64 >= self.lowest, "word {word} is below the lowest");
        }
        assert_eq!(self.len(), self.iter().count(), "free nodes counted, and the count kept");
    }
}
