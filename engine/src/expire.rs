//! How timers expire: out of their slots, in order, to the expired queue, and from there to the caller.

use core::ops::RangeInclusive;

use crate::lists::Walk;
use crate::peek::PeekExpired;
use crate::wheel::{Expired, UNKNOWN, Wheel};

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Takes the next expired timer out of the wheel; `None` when all that [`Wheel::advance`] moved is gone.
    #[inline(always)]
    pub fn pop_expired(&mut self) -> Option<Expired<T>> {
        self.peek_expired().map(PeekExpired::remove)
    }

    /// Whether a timer is due: expired and not popped yet, or bound to expire at the next [`Wheel::advance`], whatever
    /// its argument; true as well while an advance is unfinished.
    #[inline]
    pub fn has_due(&self) -> bool {
        !self.arena.is_empty(Self::EXPIRED) || !self.arena.is_empty(Self::OVERDUE) || self.target > self.now
    }

    /// The earliest deadline of all timers, exactly; [`Wheel::now`] if one is due already or an advance is unfinished;
    /// `None` if there is none.
    ///
    /// The cost is that of reading a few words, unless the earliest timer was cancelled or has expired: then its slot is
    /// searched, once. Slots whose timers were inserted in the order of their deadlines, as those of equal delay are,
    /// know their first timer without a search.
    #[inline]
    pub fn next_deadline(&mut self) -> Option<u64> {
        if self.has_due() {
            return Some(self.now);
        }
        if self.earliest == UNKNOWN {
            let slot = self.occupied.first()? as u32;
            self.earliest = if self.has_annex(slot) { self.find_earliest_far(slot) } else { self.find_earliest(slot) };
        }
        Some(self.earliest)
    }

    #[inline]
    pub(crate) fn find_earliest(&self, slot: u32) -> u64 {
        if self.arena.is_sorted(slot) {
            return self.arena.node(self.arena.node(slot).next).deadline;
        }
        self.search(slot)
    }

    #[inline(never)]
    fn search(&self, slot: u32) -> u64 {
        let mut walk = Walk::new(&self.arena, slot);
        core::iter::from_fn(|| walk.next(&self.arena)).map(|(_, deadline)| deadline).min().unwrap_or(UNKNOWN)
    }

    /// Moves all timers of a list, which is not empty, to the expired queue.
    pub(crate) fn expire(&mut self, list: u32) {
        if self.arena.is_sorted(list) {
            self.expire_sorted(list);
        } else {
            self.expire_unsorted(list);
        }
    }

    /// Moves the timers of a list that is in order, without a look at them.
    #[inline(always)]
    pub(crate) fn expire_sorted(&mut self, list: u32) {
        self.arena.splice(list, Self::EXPIRED);
        self.note_empty(list);
    }

    /// Moves the timers of a list in order.
    #[inline(never)]
    pub(crate) fn expire_unsorted(&mut self, list: u32) {
        if !self.can_collect(list) {
            self.arena.sort_in_place(list);
            return self.expire_sorted(list);
        }
        self.collect(list);
        self.expire_collected();
    }

    /// Whether there is memory to sort what is on a list.
    #[inline(always)]
    fn can_collect(&mut self, list: u32) -> bool {
        // The lists of level 0 are not counted when timers fall to them; one of them comes here at the end of time.
        let count_max = if list < 1 << BITS { usize::MAX } else { self.arena.size_max(list) as usize };
        count_max <= self.sorter.room() || self.sorter.try_reserve(count_max.min(self.len())).is_ok()
    }

    /// As many timers of a slot as it pays to sort at once: four and more for each list of the next level, and no more
    /// than a second-level cache holds, since they are visited twice.
    const CROWD: RangeInclusive<u32> = 4 << BITS..=1 << 13;

    /// Below so many timers in a slot of level 1 the lists of level 0 to which they fall are short, and walks through them
    /// better off without guesses.
    const SPARSE: u32 = 48 << BITS;

    /// Splits the slot in which `now` lies: what is due expires, the rest falls.
    #[inline(never)]
    pub(crate) fn enter(&mut self, slot: u32) {
        if !self.can_collect(slot) {
            return self.enter_without_memory(slot);
        }
        if slot < 2 << BITS && self.arena.size_max(slot) < Self::SPARSE {
            return self.enter_low(slot);
        }
        if Self::CROWD.contains(&self.arena.size_max(slot)) && !self.arena.is_sorted(slot) {
            return self.enter_sorted(slot);
        }
        let mut walk = Walk::new(&self.arena, slot);
        self.forget(slot);
        while let Some((node, deadline)) = walk.next(&self.arena) {
            if deadline <= self.now {
                self.sorter.push(deadline, node);
            } else {
                self.append_seen_from(self.now, node, deadline);
            }
        }
        self.expire_collected();
    }

    /// The same, for a slot of level 1: from there timers fall to level 0, whose lists hold one deadline each, so that
    /// nothing has to be known about them.
    #[inline(never)]
    fn enter_low(&mut self, slot: u32) {
        let mut walk = Walk::new(&self.arena, slot);
        self.forget(slot);
        while let Some((node, deadline)) = walk.next(&self.arena) {
            if deadline <= self.now {
                self.sorter.push(deadline, node);
                continue;
            }
            let slot = deadline as u32 & ((1 << BITS) - 1);
            if self.arena.append_plainly(slot, node) {
                self.occupied.insert(slot as usize);
            }
        }
        self.expire_collected();
    }

    /// The same, when there is no memory to collect what is due.
    #[cold]
    #[inline(never)]
    fn enter_without_memory(&mut self, slot: u32) {
        self.arena.sort_in_place(slot);
        let mut walk = Walk::new(&self.arena, slot);
        self.forget(slot);
        while let Some((node, deadline)) = walk.next(&self.arena) {
            if deadline <= self.now {
                self.arena.append_plainly(Self::EXPIRED, node);
            } else {
                self.append_seen_from(self.now, node, deadline);
            }
        }
    }

    /// The same, in the order of deadlines, so that the lists to which timers fall are sorted.
    #[inline(never)]
    fn enter_sorted(&mut self, slot: u32) {
        self.collect(slot);
        let mut sorter = core::mem::take(&mut self.sorter);
        sorter.drain(|node, deadline| {
            if deadline <= self.now {
                self.arena.append_plainly(Self::EXPIRED, node);
            } else {
                self.append_seen_from(self.now, node, deadline);
            }
        });
        self.sorter = sorter;
    }

    /// Takes the timers of a list off it, to be sorted.
    fn collect(&mut self, list: u32) {
        let mut walk = Walk::new(&self.arena, list);
        while let Some((node, deadline)) = walk.next(&self.arena) {
            self.sorter.push(deadline, node);
        }
        self.forget(list);
    }

    fn expire_collected(&mut self) {
        self.sorter.drain(|node, _| {
            self.arena.append_plainly(Self::EXPIRED, node);
        });
    }
}
