//! How time passes: what falls due between one tick and a later one, in order, with one visit to each timer.
//!
//! Let `top` be the highest digit in which the two ticks differ. Then
//!
//! ```text
//!   level < top   all of it lies before the new time: due            lower levels first,
//!   level = top   slots before the new digit: due                    slots in order:
//!                 the slot of the new digit: entered – split it      that is the order of time
//!   level > top   not touched
//! ```
//!
//! A slot on level 0 holds one deadline and moves to the expired queue whole, without a look at its timers; so does a
//! slot that knows itself sorted. Any other that is due is sorted first. Of the slot that is entered, what is due
//! expires, and the rest falls straight to the level where it stands as seen from the new time, however many levels
//! lower: a timer that is alone in its stretch of time is touched once and wakes the caller once.
//!
//! Equal deadlines keep the order of insertion: where a timer stands depends on its deadline and on now, so two of the
//! same deadline are always in the same slot, the earlier inserted first; falling and splitting read a slot in order,
//! and the sort is by position where deadlines are equal.

use core::mem;

use crate::arena::Ref;
use crate::geometry;
use crate::key::Key;
use crate::slot::Slot;
use crate::wheel::{Expired, Wheel};

/// A timer that is due, on its way through the sort: by deadline, then by position in its slot.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct Due {
    deadline: u64,
    position: u32,
    index: u32,
    stamp: u32,
}

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Lets time pass until the tick `now` and moves every timer whose deadline has come to the expired queue, where
    /// [`Wheel::pop_expired`] finds it: behind those that an earlier call moved there, and among themselves in the
    /// order of deadlines, then of insertion. An earlier `now` than the one reached counts as the one reached.
    pub fn advance(&mut self, now: u64) {
        self.expire_overdue();
        let now = now.min(Self::LAST_TICK);
        if now <= self.now {
            return;
        }
        let top = geometry::level::<BITS>(self.now ^ now);
        self.now = now;
        let below_top = self.levels_occupied & ((1 << top) - 1);
        for level in Bits(u64::from(below_top)) {
            self.expire_slots(level, u64::MAX);
        }
        let entered = geometry::slot::<BITS>(now, top);
        self.expire_slots(top, (1 << entered) - 1);
        if self.occupied[top] & 1 << entered != 0 {
            self.enter(top, entered);
        }
    }

    /// Takes the next expired timer out of the wheel; `None` when all that [`Wheel::advance`] moved is gone.
    #[inline]
    pub fn pop_expired(&mut self) -> Option<Expired<T>> {
        let key = self.unqueue_expired()?;
        let (deadline, _, value) = self.arena.remove(key)?;
        Some(Expired { key, deadline, value })
    }

    /// Takes the next expired timer from the expired queue and leaves it in the wheel, disarmed: its key is good for
    /// [`Wheel::get`] and [`Wheel::reschedule`], and must be given to [`Wheel::cancel`] in the end.
    #[inline]
    pub fn next_expired(&mut self) -> Option<Key> {
        let key = self.unqueue_expired()?;
        self.make_stale(key);
        Some(key)
    }

    /// Takes the first current reference from the expired queue. The caller makes its timer disarmed, or none.
    #[inline]
    fn unqueue_expired(&mut self) -> Option<Key> {
        loop {
            let r = self.pool.pop(&mut self.expired)?;
            if let Some(key) = self.arena.current_key(r) {
                self.due -= 1;
                return Some(key);
            }
        }
    }

    /// Whether a timer is due: expired and not popped yet, or bound to expire at the next [`Wheel::advance`], whatever
    /// its argument.
    #[inline]
    pub fn has_due(&self) -> bool {
        self.due != 0
    }

    /// The earliest deadline of all timers, exactly; [`Wheel::now`] if one is due already; `None` if there is none.
    ///
    /// The cost is that of reading two words, unless the earliest timer was cancelled or has expired: then its slot is
    /// searched, once. Slots whose timers were inserted in the order of their deadlines, as those of equal delay are,
    /// know their first timer without a search.
    #[inline]
    pub fn next_deadline(&mut self) -> Option<u64> {
        if self.due != 0 {
            return Some(self.now);
        }
        if self.levels_occupied == 0 {
            return None;
        }
        let level = self.levels_occupied.trailing_zeros() as usize;
        let slot = self.occupied[level].trailing_zeros() as usize;
        Some(self.slots[level * Self::SLOTS + slot].earliest(&mut self.pool, &self.arena))
    }

    /// Expires the occupied slots of `level` that are in `mask`, in order.
    fn expire_slots(&mut self, level: usize, mask: u64) {
        for slot in Bits(self.occupied[level] & mask) {
            let due = self.take_slot(level, slot);
            self.expire(due);
        }
    }

    fn expire_overdue(&mut self) {
        if self.overdue.live != 0 {
            let mut overdue = mem::replace(&mut self.overdue, Slot::EMPTY);
            overdue.live = 0; // `due` has counted them already
            self.expire(overdue);
        }
    }

    fn take_slot(&mut self, level: usize, slot: usize) -> Slot {
        self.vacate(level, slot);
        mem::replace(&mut self.slots[level * Self::SLOTS + slot], Slot::EMPTY)
    }

    /// Moves all timers of `slot` to the expired queue.
    #[inline]
    fn expire(&mut self, mut slot: Slot) {
        self.due += slot.live;
        if slot.sorted {
            self.pool.append(&mut self.expired, slot.queue);
            return;
        }
        while let Some(batch) = self.pool.pop_chunk(&mut slot.queue) {
            for &r in batch.refs() {
                if let Some(deadline) = self.arena.current(r) {
                    self.collect(r, deadline);
                }
            }
        }
        self.expire_collected();
    }

    /// Splits the slot in which the new time lies: what is due expires, the rest falls.
    fn enter(&mut self, level: usize, slot: usize) {
        let mut slot = self.take_slot(level, slot);
        if level == 0 {
            return self.expire(slot);
        }
        while let Some(batch) = self.pool.pop_chunk(&mut slot.queue) {
            for &r in batch.refs() {
                match self.arena.current(r) {
                    Some(deadline) if deadline <= self.now => {
                        self.due += 1;
                        self.collect(r, deadline);
                    }
                    Some(deadline) => self.link(r, deadline),
                    None => {}
                }
            }
        }
        self.expire_collected();
    }

    fn collect(&mut self, r: Ref, deadline: u64) {
        let position = self.scratch.len() as u32;
        self.scratch.push(Due { deadline, position, index: r.index, stamp: r.stamp });
    }

    fn expire_collected(&mut self) {
        self.scratch.sort_unstable();
        for due in self.scratch.drain(..) {
            self.pool.push(&mut self.expired, Ref { index: due.index, stamp: due.stamp });
        }
    }
}

/// The numbers of the bits that are set in a word, lowest first.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}
