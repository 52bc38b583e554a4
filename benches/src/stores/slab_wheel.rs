//! The usual wheel on a slab: six levels of 64 slots. Each slot has a doubly linked list of slab entries.
//!
//! The timers of tokio-util and of many servers are such wheels, with more code around them. A timer's level is the
//! position of the highest digit in which its deadline differs from the current tick. When time enters a slot, the
//! slot's timers move one by one to lower levels. Timers in a slot are in no particular order.

use slab::Slab;

use crate::store::Store;

pub(super) const BITS: u32 = 6;
pub(super) const LEVELS: usize = 6;
pub(super) const SLOTS: usize = 1 << BITS;
/// Stands for no entry.
pub(super) const NONE: usize = usize::MAX;

/// Returns the level and the slot of a deadline as seen from the tick `now`.
#[inline(always)]
pub(super) fn place(now: u64, deadline: u64) -> (usize, usize) {
    let level = (((deadline ^ now) | 1).ilog2() / BITS) as usize;
    (level, (deadline >> (BITS * level as u32)) as usize % SLOTS)
}

/// Returns the level and the number of the first slot that is not empty, and the tick at which the slot begins.
#[inline(always)]
pub(super) fn first_slot(now: u64, occupied: &[u64; LEVELS]) -> Option<(usize, usize, u64)> {
    let level = occupied.iter().position(|&occupied| occupied != 0)?;
    let slot = occupied[level].trailing_zeros() as usize;
    let shift = BITS * level as u32;
    let above = now >> (shift + BITS) << (shift + BITS);
    Some((level, slot, above | (slot as u64) << shift))
}

struct Entry {
    deadline: u64,
    id: u64,
    prev: usize,
    next: usize,
}

pub(crate) struct SlabWheel {
    now: u64,
    entries: Slab<Entry>,
    /// The first entry of each slot.
    slots: [[usize; SLOTS]; LEVELS],
    /// A bit for each slot that is not empty.
    occupied: [u64; LEVELS],
}

impl SlabWheel {
    #[inline(always)]
    fn link(&mut self, entry: usize, deadline: u64) {
        let (level, slot) = place(self.now, deadline);
        let first = std::mem::replace(&mut self.slots[level][slot], entry);
        if first == NONE {
            self.occupied[level] |= 1 << slot;
        } else {
            self.entries[first].prev = entry;
        }
        let this = &mut self.entries[entry];
        (this.prev, this.next) = (NONE, first);
    }

    /// Takes an entry off its list.
    #[inline(always)]
    fn unlink(&mut self, deadline: u64, prev: usize, next: usize) {
        if next != NONE {
            self.entries[next].prev = prev;
        }
        if prev != NONE {
            self.entries[prev].next = next;
            return;
        }
        let (level, slot) = place(self.now, deadline);
        self.slots[level][slot] = next;
        if next == NONE {
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// Empties a slot and returns its first entry.
    fn take_slot(&mut self, level: usize, slot: usize) -> usize {
        self.occupied[level] &= !(1 << slot);
        std::mem::replace(&mut self.slots[level][slot], NONE)
    }
}

impl Store for SlabWheel {
    const NAME: &'static str = "slab-wheel";
    const DELAY_MAX: u64 = (1 << (BITS * LEVELS as u32 - 1)) - 1;
    const NEXT_IS_EXACT: bool = false;
    const GIVES_UP: &'static str = "stale handles, the order of equals, the exact next deadline";
    type Handle = usize;

    fn new() -> Self {
        Self { now: 0, entries: Slab::new(), slots: [[NONE; SLOTS]; LEVELS], occupied: [0; LEVELS] }
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> usize {
        let entry = self.entries.insert(Entry { deadline, id, prev: NONE, next: NONE });
        self.link(entry, deadline);
        entry
    }

    #[inline(always)]
    fn cancel(&mut self, &mut entry: &mut usize) {
        let Entry { deadline, prev, next, .. } = self.entries.remove(entry);
        self.unlink(deadline, prev, next);
    }

    #[inline(always)]
    fn restart(&mut self, &mut entry: &mut usize, deadline: u64, _id: u64) {
        let this = &mut self.entries[entry];
        let (old, prev, next) = (std::mem::replace(&mut this.deadline, deadline), this.prev, this.next);
        self.unlink(old, prev, next);
        self.link(entry, deadline);
    }

    #[inline(always)]
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        while let Some((level, slot, start)) = first_slot(self.now, &self.occupied).filter(|&(.., start)| start <= now)
        {
            self.now = start;
            let mut entry = self.take_slot(level, slot);
            while entry != NONE {
                let Entry { deadline, id, next, .. } = self.entries[entry];
                if deadline > start {
                    self.link(entry, deadline);
                } else {
                    self.entries.remove(entry);
                    if let Some(again) = fired(id) {
                        self.insert(again, id);
                    }
                }
                entry = next;
            }
        }
        self.now = now;
    }

    #[inline(always)]
    fn next_deadline(&mut self) -> Option<u64> {
        first_slot(self.now, &self.occupied).map(|(.., start)| start)
    }
}
