//! How time passes: when time advances from one tick to a later tick, the timers with deadlines in between expire in
//! order.
//!
//! The slots of all levels are numbered in the order of time, the lowest level first. Seen from the old time, the new
//! time lies in one of the slots, the *entered* slot:
//!
//! ```text
//!   slots before the entered one    due, all of their timers
//!   the entered slot                cascades: the timers that are due expire, the others move to lower levels
//!   slots behind it                 not touched
//! ```
//!
//! As soon as the last deadline of a sorted list is due, the list moves to the expired queue as a whole, without a
//! visit to its timers. The lists of level 0 hold one deadline each and are always sorted. Any other list that is due
//! is sorted first. A timer in the entered slot moves straight to its slot as seen from the new time, across any number
//! of levels. So the caller never wakes only to move timers from level to level: one wake-up for each deadline is
//! enough.
//!
//! Timers with equal deadlines expire in the order of insertion. A timer's slot depends only on its deadline and on the
//! current tick. So timers with equal deadlines are in the same slot, in the order of insertion. Only while a slot
//! cascades in slices can they be in two slots. Then the timers that were inserted first are on a lower level, which
//! comes first. A cascade reads a slot in order, and the sort is stable.
//!
//! # In slices
//!
//! Sorting or cascading a slot of a hundred thousand timers takes milliseconds. If a slot has more timers than the call
//! may still move, [`Wheel::advance_within`] cascades the slot in slices, as if time stood at the slot's first tick:
//!
//! ```text
//!   time is held here ──┐┌── the slot's first tick
//!                       ▼▼
//!   ····················|[ the slot: c d e f g ··· ] ◄── a new timer of this stretch is still appended here
//!                                    │
//!                                    └─► lower levels: a b ···   they were empty; all deadlines here are after `now`
//! ```
//!
//! One tick before the slot begins, all ticks that the lower levels cover have passed. So these levels are empty, and
//! receive only the slot's own timers. A new timer whose deadline lies in the slot's stretch of time still belongs to
//! the slot. When the slot is empty, time advances by one tick, to the slot's first tick.

use crate::geometry;
use crate::jump::Walk;
use crate::list::{self, UNSORTED};
use crate::wheel::{UNKNOWN, Wheel};

/// The number of moves that [`Wheel::advance_within`] makes in less than a millisecond. The number was measured on a
/// machine of 2021 with a million timers, which do not fit into the machine's caches.
pub const MOVES_A_MILLISECOND: usize = 4096;

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Advances time to the tick `now` and moves every due timer to the end of the expired queue.
    /// [`Wheel::pop_expired`] takes the timers from there, by deadline, then by insertion. If `now` is earlier than the
    /// tick already reached, time stays where it is. An unfinished advance is finished in any case.
    pub fn advance(&mut self, now: u64) {
        self.advance_within(now, usize::MAX);
    }

    /// Advances time in slices: a call stops when it has visited about `moves_max` timers; 0 counts as 1. Timers that
    /// were overdue when they were set do not count, and neither do lists that expire as a whole. Returns whether time
    /// has reached `now`.
    ///
    /// When a call returns `false`, every timer whose deadline is not after [`Wheel::now`] has expired, and the wheel
    /// can be used as usual. [`Wheel::has_due`] is true until a later call has finished the advance. Every later call
    /// continues the advance, up to the latest tick that any call has asked for.
    pub fn advance_within(&mut self, now: u64, moves_max: usize) -> bool {
        if !list::is_empty(&self.arena.nodes, Self::OVERDUE) {
            self.expire(Self::OVERDUE);
        }
        let mut moves = moves_max.max(1);
        let was_unfinished = self.target > self.now;
        self.target = self.target.max(now.min(Self::LAST_TICK));
        if was_unfinished && !self.cascade_slice(&mut moves) {
            return false;
        }
        // If a sorted list's last deadline is not after `sorted_due`, the whole list is due. An unsorted list has
        // `UNSORTED` as its last deadline, which is always after `sorted_due`.
        let sorted_due = self.target.min(UNSORTED - 1);
        let mut entered = geometry::slot_of::<BITS>(self.target, self.now);
        while let Some(slot) = self.occupied.first()
            && slot <= entered
        {
            let list = slot as u32;
            if self.near_from <= self.target {
                self.merge_near(list);
            }
            let has_annex = self.annexes.has(list);
            // A list of level 0 holds one deadline, which is due. If the deadline is `u64::MAX`, the list counts as
            // unsorted and is still due as a whole.
            let is_due_whole = || list < 1 << BITS || list::last_deadline(&self.arena.nodes, list) <= sorted_due;
            if !has_annex && is_due_whole() {
                self.expire_sorted(list);
                if slot == entered {
                    break;
                }
                continue;
            }
            let size_max = list::size_max(&self.arena.nodes, list) as usize;
            if has_annex || size_max > moves {
                self.hold_before(slot);
                self.close_annex(list);
                if !self.cascade_slice(&mut moves) {
                    return false;
                }
                entered = geometry::slot_of::<BITS>(self.target, self.now);
                continue;
            }
            moves -= size_max;
            if slot < entered {
                self.expire_unsorted(list);
            } else {
                self.enter(list);
                break;
            }
        }
        self.expire_near(self.target);
        self.reach(self.target);
        true
    }

    pub(crate) fn reach(&mut self, now: u64) {
        self.now = now;
        if self.earliest <= now {
            self.earliest = UNKNOWN;
        }
    }

    /// Advances time to the tick before `slot` begins. All earlier slots are empty.
    #[inline(never)]
    fn hold_before(&mut self, slot: usize) {
        let (level, digit) = (slot >> BITS, slot & ((1 << BITS) - 1));
        let start = geometry::slot_start::<BITS>(self.now, level, digit);
        debug_assert_eq!(
            geometry::slot_of::<BITS>(start, self.now),
            slot,
            "seen from {}, it begins at {start}",
            self.now
        );
        self.reach(start - 1);
    }

    /// Cascades a part of the slot that begins with the next tick: moves timers to their slots as seen from that tick.
    /// When the slot is empty, advances time to that tick and returns `true`.
    #[inline(never)]
    fn cascade_slice(&mut self, moves: &mut usize) -> bool {
        let start = self.now + 1;
        let slot = geometry::slot_of::<BITS>(start, self.now) as u32;
        let mut walk = Walk::new(&self.arena.nodes, slot);
        while *moves > 0
            && let Some((node, deadline)) = walk.next(&self.arena.nodes)
        {
            *moves -= 1;
            self.append_seen_from(start, node, deadline);
        }
        list::cut_before(&mut self.arena.nodes, slot, walk.rest());
        if !list::is_empty(&self.arena.nodes, slot) {
            return false;
        }
        self.empty(slot);
        self.reach(start);
        self.expire_near(start);
        // The timers that are due at the slot's first tick have moved to list 0. They expire now.
        if !list::is_empty(&self.arena.nodes, 0) {
            self.expire(0);
        }
        true
    }
}
