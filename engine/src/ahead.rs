//! Work done ahead of its time: what a crowded slot costs when time enters it, paid before, while there is nothing to do.
//!
//! When time enters a slot of ten thousand timers, they fall to lower levels, and what is due among them, or right behind
//! them, waits for that: a third of a millisecond. Who would sleep otherwise can let them fall before, a few at a time,
//! to an *annex*: lists that stand for the slots of the next lower level, as they will be when time enters the slot.
//!
//! ```text
//!   level 2    ····[ the slot, opened: y z ]····    an insert still comes here, behind its equals
//!                      │  prepare()
//!                      ▼
//!   annex      [ 0: a ][ 1: b c ][ 2: ][ 3: d ] ··· all of it in the slot's stretch of time
//!                 │         │               │
//!                 │         ▼               ▼       when time comes to the slot: whole lists, no visits
//!   level 1       │    [ 1: b c ]      [ 3: d ] ···
//!                 └─► the slot again, which falls as ever: a y z
//! ```
//!
//! The slot keeps its place in the order of time: it is noted as occupied while there is anything in its annex. What is
//! in the annex was set earlier than what stands in the slot behind it, so equal deadlines stay in order.

use crate::geometry;
use crate::lists::{self, Walk};
use crate::wheel::{UNKNOWN, Wheel};

/// No slot is open.
pub(crate) const NONE: u32 = u32::MAX;

/// The lowest level whose slots can be opened: to fall from the first to level 0 is quick.
pub(crate) const LOWEST_LEVEL: u32 = 2;
/// As many levels from there on have an annex. With ticks of a microsecond, slots further up span more than an hour.
pub(crate) const LEVELS: usize = 2;

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    const LOWEST: usize = LOWEST_LEVEL as usize;
    /// So many timers in a slot are worth an annex, and so many more in one that has one are worth a visit.
    const WORTH_OPENING: u32 = 4 << BITS;
    const WORTH_A_VISIT: u32 = 1 << BITS >> 2;

    /// Does some work that an [`advance`](Wheel::advance) would have to do later, if there is such work: about
    /// `moves_max` timers of a slot that is to be entered are brought down. Returns how many they were.
    ///
    /// It is for who would sleep otherwise, and changes nothing else that can be seen.
    pub fn prepare(&mut self, moves_max: usize) -> usize {
        if self.target > self.now {
            return 0;
        }
        let levels = Self::LOWEST..LEVELS.min(Self::LOWEST + self.opened.len());
        levels.map(|level| self.prepare_level(level, moves_max)).find(|&moves| moves > 0).unwrap_or(0)
    }

    #[inline]
    fn prepare_level(&mut self, level: usize, moves_max: usize) -> usize {
        let (slot, enough) = match self.opened[level - Self::LOWEST] {
            NONE => match self.occupied.first_from(level << BITS) {
                Some(slot) if slot >> BITS == level && self.is_near(level, slot) => (slot as u32, Self::WORTH_OPENING),
                _ => return 0,
            },
            open => (open, Self::WORTH_A_VISIT),
        };
        if self.arena.size_max(slot) < enough { 0 } else { self.bring_down(slot, level, moves_max) }
    }

    /// Whether a slot begins within half of its length: most timers are cancelled, and what was cancelled before then was
    /// not brought down for nothing.
    fn is_near(&self, level: usize, slot: usize) -> bool {
        let start = geometry::slot_start::<BITS>(self.now, level, slot & ((1 << BITS) - 1));
        start - self.now <= 1 << (level as u32 * BITS - 1)
    }

    #[inline(never)]
    fn bring_down(&mut self, slot: u32, level: usize, moves_max: usize) -> usize {
        self.opened[level - Self::LOWEST] = slot;
        let annex = Self::annex(level);
        let shift = (level as u32 - 1) * BITS;
        let mut walk = Walk::new(&self.arena, slot);
        let mut moves = 0;
        while moves < moves_max
            && let Some((node, deadline)) = walk.next(&self.arena)
        {
            let digit = (deadline >> shift) as u32 & ((1 << BITS) - 1);
            lists::append(&mut self.arena.nodes, annex + digit, node, deadline);
            moves += 1;
        }
        self.arena.cut_before(slot, walk.rest());
        if self.arena.is_empty(slot) {
            self.arena.reset(slot);
        }
        moves
    }

    /// The first list of a level's annex.
    fn annex(level: usize) -> u32 {
        Self::ANNEX + ((level - Self::LOWEST) << BITS) as u32
    }

    /// Whether a slot is open.
    #[inline(always)]
    pub(crate) fn has_annex(&self, slot: u32) -> bool {
        slot >= LOWEST_LEVEL << BITS && self.opened.contains(&slot)
    }

    /// The lists of the annex that a slot has, if it is open.
    pub(crate) fn annex_of(&self, slot: u32) -> Option<core::ops::Range<u32>> {
        let level = (slot >> BITS) as usize;
        let opened = self.opened.get(level.wrapping_sub(Self::LOWEST))?;
        (*opened == slot).then(|| Self::annex(level)..Self::annex(level) + (1 << BITS))
    }

    /// Brings what is in a slot's annex, if it has one, to where it stands when time enters the slot. Time is held one
    /// tick before that, and all lower levels are empty.
    #[cold]
    #[inline(never)]
    pub(crate) fn unfold(&mut self, slot: u32) {
        let Some(annex) = self.annex_of(slot) else { return };
        let level = slot >> BITS;
        self.opened[level as usize - Self::LOWEST] = NONE;
        // The first stretch of the slot lies on lower levels: it falls with the rest of the slot, before which it came.
        self.arena.splice_before(annex.start, slot);
        for (list, home) in annex.zip((level - 1) << BITS..).skip(1) {
            if !self.arena.is_empty(list) {
                self.arena.move_all(list, home);
                self.occupied.insert(home as usize);
            }
        }
    }

    /// Takes note that a slot on a level that can have an annex, or a list of an annex, has become empty.
    #[cold]
    pub(crate) fn note_empty_far(&mut self, list: u32) {
        let slot = match list.checked_sub(Self::ANNEX) {
            Some(place) => self.opened[(place >> BITS) as usize],
            None => list,
        };
        let Some(mut annex) = self.annex_of(slot) else { return self.note_empty(slot) };
        if self.arena.is_empty(slot) && annex.all(|list| self.arena.is_empty(list)) {
            self.opened[(slot >> BITS) as usize - Self::LOWEST] = NONE;
            self.note_empty(slot);
        }
    }

    /// The earliest deadline in a slot and its annex.
    #[cold]
    #[inline(never)]
    pub(crate) fn find_earliest_far(&self, slot: u32) -> u64 {
        let annexed = self.annex_of(slot).into_iter().flatten().find(|&list| !self.arena.is_empty(list));
        let others = (!self.arena.is_empty(slot)).then_some(slot);
        annexed.into_iter().chain(others).map(|list| self.find_earliest(list)).min().unwrap_or(UNKNOWN)
    }

    /// Panics unless a timer on a list of an annex belongs there.
    pub(crate) fn audit_annex(&self, list: u32, deadline: u64) {
        let place = list - Self::ANNEX;
        let level = Self::LOWEST as u32 + (place >> BITS);
        let slot = geometry::home::<BITS>(deadline, self.now) as u32;
        assert_eq!(self.opened[(place >> BITS) as usize], slot, "the open slot, for {deadline} in its annex");
        let digit = (deadline >> ((level - 1) * BITS)) as u32 & ((1 << BITS) - 1);
        assert_eq!(digit, place & ((1 << BITS) - 1), "the list of {deadline} in its annex");
    }
}
