//! The next deadline: the tick at which the caller has to advance the wheel again.

use crate::geometry;
use crate::jump::Walk;
use crate::list;
use crate::wheel::{NEVER, UNKNOWN, Wheel};

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Whether a timer is due: it has expired and was not popped yet, or it expires at the next [`Wheel::advance`] even
    /// if that call does not move time. The result is also true while an advance is unfinished.
    #[inline]
    pub fn has_due(&self) -> bool {
        let nodes = &self.arena.nodes;
        !list::is_empty(nodes, Self::EXPIRED) || !list::is_empty(nodes, Self::OVERDUE) || self.target > self.now
    }

    /// The exact earliest deadline of all armed timers. If a timer is due already or an advance is unfinished, the
    /// result is [`Wheel::now`]. Otherwise it is `None` if no timer is armed.
    ///
    /// The call usually reads a few words. If the earliest timer was cancelled or has expired, the first occupied slot
    /// is searched once, or sorted if it is crowded. Timers that are added to a sorted slot later are searched, until
    /// they are a crowd as well. A slot whose timers were inserted in the order of their deadlines
    /// needs no search. Timers with equal delays are inserted in that order.
    #[inline]
    pub fn next_deadline(&mut self) -> Option<u64> {
        if self.has_due() {
            return Some(self.now);
        }
        if self.earliest == UNKNOWN {
            if self.near_from != NEVER {
                return self.find_beside_near();
            }
            let slot = self.occupied.first()? as u32;
            self.earliest = self.earliest_in_slot(slot);
        }
        Some(self.earliest)
    }

    /// Searches the earliest deadline while the near list (`near.rs`) is in use. A slot is searched only if it may have
    /// an earlier one.
    #[cold]
    #[inline(never)]
    fn find_beside_near(&mut self) -> Option<u64> {
        let near = self.first_near();
        let last_slot = near.map_or(Self::SLOTS, |near| geometry::slot_of::<BITS>(near, self.now));
        let slot = self.occupied.first().filter(|&slot| slot <= last_slot);
        let in_slot = slot.map(|slot| self.earliest_in_slot(slot as u32));
        self.earliest = in_slot.into_iter().chain(near).min()?;
        Some(self.earliest)
    }

    /// The earliest deadline in a slot, which is occupied.
    #[inline]
    fn earliest_in_slot(&mut self, slot: u32) -> u64 {
        if self.annexes.has(slot) { self.earliest_with_annex(slot) } else { self.earliest_in(slot) }
    }

    #[cold]
    #[inline(never)]
    fn earliest_with_annex(&mut self, slot: u32) -> u64 {
        let nodes = &self.arena.nodes;
        let annexed = self.annexes.of(slot).into_iter().flatten().find(|&list| !list::is_empty(nodes, list));
        let in_slot = (!list::is_empty(nodes, slot)).then_some(slot);
        annexed.into_iter().chain(in_slot).map(|list| self.earliest_in(list)).min().unwrap_or(UNKNOWN)
    }

    /// The earliest deadline on a list, which is not empty.
    #[inline]
    fn earliest_in(&mut self, list: u32) -> u64 {
        if !list::is_sorted(&self.arena.nodes, list) {
            return self.search(list);
        }
        let nodes = &self.arena.nodes;
        nodes[nodes[list as usize].next as usize].deadline
    }

    #[inline(never)]
    fn search(&mut self, list: u32) -> u64 {
        if list < Self::EXPIRED && self.is_crowded(list) {
            if let Some(first) = self.make_near_early(list) {
                return first;
            }
            self.sort(list);
            let nodes = &self.arena.nodes;
            return nodes[nodes[list as usize].next as usize].deadline;
        }
        let nodes = &self.arena.nodes;
        let mut walk = Walk::new(nodes, list);
        core::iter::from_fn(|| walk.next(nodes)).map(|(_, deadline)| deadline).min().unwrap_or(UNKNOWN)
    }
}
