//! The usual wheel on a slab, with the promises that this project's wheel keeps. It shows what the promises cost.
//!
//! It is [`SlabWheel`](super::slab_wheel::SlabWheel) with three additions. A handle has the number of its timer, so a
//! stale handle cancels nothing. The lists of the slots are appended to, so equal deadlines fire in the order of
//! insertion. `next_deadline` searches the first slot, so it is exact.

use slab::Slab;

use super::slab_wheel::{BITS, LEVELS, NONE, SLOTS, first_slot, place};
use crate::store::Store;

struct Entry {
    deadline: u64,
    id: u64,
    number: u64,
    prev: usize,
    next: usize,
}

#[derive(Copy, Clone)]
struct List {
    first: usize,
    last: usize,
}

const EMPTY: List = List { first: NONE, last: NONE };

pub(crate) struct StrictSlabWheel {
    now: u64,
    /// The number of timers so far.
    made: u64,
    entries: Slab<Entry>,
    slots: [[List; SLOTS]; LEVELS],
    /// A bit for each slot that is not empty.
    occupied: [u64; LEVELS],
}

impl StrictSlabWheel {
    #[inline(always)]
    fn link(&mut self, entry: usize, deadline: u64) {
        let (level, slot) = place(self.now, deadline);
        let last = std::mem::replace(&mut self.slots[level][slot].last, entry);
        if last == NONE {
            self.slots[level][slot].first = entry;
            self.occupied[level] |= 1 << slot;
        } else {
            self.entries[last].next = entry;
        }
        let this = &mut self.entries[entry];
        (this.prev, this.next) = (last, NONE);
    }

    /// Takes an entry off its list.
    #[inline(always)]
    fn unlink(&mut self, deadline: u64, prev: usize, next: usize) {
        if prev != NONE && next != NONE {
            self.entries[next].prev = prev;
            self.entries[prev].next = next;
            return;
        }
        let (level, slot) = place(self.now, deadline);
        match next {
            NONE => self.slots[level][slot].last = prev,
            next => self.entries[next].prev = prev,
        }
        match prev {
            NONE => self.slots[level][slot].first = next,
            prev => self.entries[prev].next = next,
        }
        if self.slots[level][slot].first == NONE {
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// Empties a slot and returns its first entry.
    fn take_slot(&mut self, level: usize, slot: usize) -> usize {
        self.occupied[level] &= !(1 << slot);
        std::mem::replace(&mut self.slots[level][slot], EMPTY).first
    }
}

impl Store for StrictSlabWheel {
    const NAME: &'static str = "slab-wheel-strict";
    const DELAY_MAX: u64 = (1 << (BITS * LEVELS as u32 - 1)) - 1;
    /// The slab's index, and the timer's number.
    type Handle = (usize, u64);

    fn new() -> Self {
        Self { now: 0, made: 0, entries: Slab::new(), slots: [[EMPTY; SLOTS]; LEVELS], occupied: [0; LEVELS] }
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> (usize, u64) {
        self.made += 1;
        let number = self.made;
        let entry = self.entries.insert(Entry { deadline, id, number, prev: NONE, next: NONE });
        self.link(entry, deadline);
        (entry, number)
    }

    #[inline(always)]
    fn cancel(&mut self, &mut (entry, number): &mut (usize, u64)) {
        if self.entries.get(entry).is_none_or(|found| found.number != number) {
            return;
        }
        let Entry { deadline, prev, next, .. } = self.entries.remove(entry);
        self.unlink(deadline, prev, next);
    }

    #[inline(always)]
    fn restart(&mut self, &mut (entry, number): &mut (usize, u64), deadline: u64, _id: u64) {
        let Some(this) = self.entries.get_mut(entry).filter(|found| found.number == number) else { return };
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
        let (level, slot, start) = first_slot(self.now, &self.occupied)?;
        if level == 0 {
            return Some(start);
        }
        let mut entry = self.slots[level][slot].first;
        let mut earliest = u64::MAX;
        while entry != NONE {
            earliest = earliest.min(self.entries[entry].deadline);
            entry = self.entries[entry].next;
        }
        Some(earliest)
    }
}
