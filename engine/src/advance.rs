//! How time passes: what falls due between one tick and a later one, in order, with one visit to each timer.
//!
//! The slots are numbered through all levels so that their order is the order of time. Seen from the old time, the new
//! time lies in one of them, the *entered* slot:
//!
//! ```text
//!   slots before the entered one    due, all of their timers
//!   the entered slot                split: some are due, the rest falls to lower levels
//!   slots behind it                 not touched
//! ```
//!
//! A slot that knows itself sorted – those of level 0, which hold one deadline each, do – moves to the expired list
//! whole, without a look at its timers, as soon as its last deadline has come. Any other that is due is sorted first. Of
//! the slot that is entered, what is due expires, and the rest falls straight to where it stands as seen from the new
//! time, however many levels lower: a timer that is alone in its stretch of time is touched once and wakes the caller
//! once.
//!
//! Equal deadlines keep the order of insertion: where a timer stands depends on its deadline and on now, so two of the
//! same deadline are always in the same slot, the earlier inserted first; falling and splitting read a slot in order,
//! and the sort is by position where deadlines are equal.
//!
//! # In slices
//!
//! Sorting or splitting a slot of a hundred thousand timers takes milliseconds. [`Wheel::advance_within`] does not start
//! on a slot that is larger than what is left of its budget, but lets it fall to lower levels, slice by slice, as if
//! time stood at the slot's first tick:
//!
//! ```text
//!   time is held here ──┐┌── the slot's first tick
//!                       ▼▼
//!   ····················|[ the slot: c d e f g ··· ] ◄── an insert still comes here, behind its equals
//!                                    │
//!                                    └─► lower levels: a b ···   empty before, and all of it after time `now`
//! ```
//!
//! Held one tick before, `now` sees every lower level as over, so nothing else stands or comes there; and a deadline in
//! the slot's stretch still belongs to the slot. When the slot is empty, time takes the one step to its first tick.

use crate::geometry;
use crate::lists::{UNSORTED, Walk};
use crate::wheel::{UNKNOWN, Wheel};

/// Moves that [`Wheel::advance_within`] makes in less than a millisecond, on a machine of 2021 whose caches hold none of
/// a million timers.
pub const MOVES_A_MILLISECOND: usize = 4096;

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Lets time pass until the tick `now` and moves every timer whose deadline has come to the expired queue, where
    /// [`Wheel::pop_expired`] finds it: behind those that an earlier call moved there, and among themselves in the
    /// order of deadlines, then of insertion. An earlier `now` than the one reached counts as the one reached.
    pub fn advance(&mut self, now: u64) {
        self.advance_within(now, usize::MAX);
    }

    /// [`Wheel::advance`] in slices: stops when it has touched about `moves_max` timers, at least one, and returns
    /// whether it has come to its end. Timers set in the past are counted as one.
    ///
    /// If it has not, [`Wheel::now`] lies before `now`, and the timers whose deadline is not after [`Wheel::now`] have
    /// expired. Everything can be done then that can be done at other times. [`Wheel::has_due`] is true, and any
    /// advance goes on, at least to the latest tick that was asked for.
    pub fn advance_within(&mut self, now: u64, moves_max: usize) -> bool {
        if !self.arena.is_empty(Self::OVERDUE) {
            self.expire(Self::OVERDUE);
        }
        let mut moves = moves_max.max(1);
        let was_unfinished = self.target > self.now;
        self.target = self.target.max(now.min(Self::LAST_TICK));
        if was_unfinished && !self.fall(&mut moves) {
            return false;
        }
        // A list that ends by then and is sorted is due whole. `UNSORTED` itself is never in time.
        let sorted_due = self.target.min(UNSORTED - 1);
        let mut entered = geometry::home::<BITS>(self.target, self.now);
        while let Some(slot) = self.occupied.first()
            && slot <= entered
        {
            let list = slot as u32;
            let has_annex = self.has_annex(list);
            if !has_annex && self.arena.last_deadline(list) <= sorted_due {
                self.expire_sorted(list);
                continue;
            }
            let size_max = self.arena.size_max(list) as usize;
            if has_annex || size_max > moves {
                self.hold_before(slot);
                self.unfold(list);
                if !self.fall(&mut moves) {
                    return false;
                }
                entered = geometry::home::<BITS>(self.target, self.now);
                continue;
            }
            moves -= size_max;
            if slot < entered {
                self.expire_unsorted(list);
            } else {
                self.reach(self.target);
                self.enter(list);
                break;
            }
        }
        self.reach(self.target);
        true
    }

    fn reach(&mut self, now: u64) {
        self.now = now;
        if self.earliest <= now {
            self.earliest = UNKNOWN;
        }
    }

    /// Lets time come to the tick before `slot` begins. All that stood in earlier slots has gone.
    #[inline(never)]
    fn hold_before(&mut self, slot: usize) {
        let (level, digit) = (slot >> BITS, slot & ((1 << BITS) - 1));
        self.reach(geometry::slot_start::<BITS>(self.now, level, digit) - 1);
    }

    /// Lets timers of the slot that begins with the next tick fall to where they stand as seen from there, and lets time
    /// come to that tick when none is left. Whether that is so is returned.
    #[inline(never)]
    fn fall(&mut self, moves: &mut usize) -> bool {
        let start = self.now + 1;
        let slot = geometry::home::<BITS>(start, self.now) as u32;
        let mut walk = Walk::new(&self.arena, slot);
        while *moves > 0
            && let Some((node, deadline)) = walk.next(&self.arena)
        {
            *moves -= 1;
            self.append_seen_from(start, node, deadline);
        }
        self.arena.cut_before(slot, walk.rest());
        if !self.arena.is_empty(slot) {
            return false;
        }
        self.forget(slot);
        self.reach(start);
        // What is due at the first tick itself.
        if !self.arena.is_empty(0) {
            self.expire(0);
        }
        true
    }
}
