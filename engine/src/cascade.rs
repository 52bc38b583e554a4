//! Expiring a list and cascading a slot: the slot's timers that are due expire, and the others move to lower levels.
//!
//! A slot on level 1 that is sparse cascades in a way of its own: the order and length of the lists on level 0 are not
//! recorded. This takes a fifth fewer instructions. A crowded slot does not cascade but is sorted: see `near.rs`.

use crate::geometry;
use crate::jump::Walk;
use crate::list;
use crate::merge;
use crate::wheel::Wheel;

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// The size below which a slot of level 1 is sparse. A sparse slot cascades to short lists of level 0. A list whose
    /// order and length are not recorded has no jump pointers, and walks through short lists are faster without them.
    const SPARSE: u32 = 48 << BITS;

    /// Moves all timers of a list, which is not empty, to the expired queue.
    pub(crate) fn expire(&mut self, list: u32) {
        if list::is_sorted(&self.arena.nodes, list) {
            self.expire_sorted(list);
        } else {
            self.expire_unsorted(list);
        }
    }

    /// Moves the timers of a sorted list to the expired queue, without visiting them.
    #[inline(always)]
    pub(crate) fn expire_sorted(&mut self, list: u32) {
        list::splice(&mut self.arena.nodes, list, Self::EXPIRED, &mut self.front);
        self.unmark(list);
    }

    /// Sorts the timers of a list and moves them to the expired queue.
    #[inline(never)]
    pub(crate) fn expire_unsorted(&mut self, list: u32) {
        if !self.has_room_to_sort(list) {
            merge::sort_in_place(&mut self.arena.nodes, list);
            return self.expire_sorted(list);
        }
        self.collect(list);
        self.empty(list);
        self.expire_collected();
    }

    /// Splits the slot in which `now` lies. Timers that are due expire; the others move to their slots as seen from
    /// `now`.
    #[inline(always)]
    pub(crate) fn cascade(&mut self, slot: u32) {
        if !self.has_room_to_sort(slot) {
            self.cascade_in_place(slot)
        } else if slot < 2 << BITS && list::size_max(&self.arena.nodes, slot) < Self::SPARSE {
            self.cascade_to_level_0(slot)
        } else {
            self.cascade_plainly(slot)
        }
    }

    /// Cascades a slot of level 1. The timers that are not due move to level 0. The lists of level 0 hold one deadline
    /// each, so the order and the length of these lists need not be recorded.
    #[inline(never)]
    fn cascade_to_level_0(&mut self, slot: u32) {
        let mut walk = Walk::new(&self.arena.nodes, slot);
        self.empty(slot);
        let nodes = self.arena.nodes.as_mut_slice();
        while let Some((node, deadline)) = walk.next(nodes) {
            if deadline <= self.now {
                self.sorter.push(deadline, node);
                continue;
            }
            let slot = deadline as u32 & ((1 << BITS) - 1);
            if list::append_uncounted(nodes, slot, node) {
                self.occupied.insert(slot as usize);
            }
        }
        self.expire_collected();
    }

    #[inline(always)]
    fn cascade_plainly(&mut self, slot: u32) {
        let mut walk = Walk::new(&self.arena.nodes, slot);
        self.empty(slot);
        let (now, nodes) = (self.now, self.arena.nodes.as_mut_slice());
        while let Some((node, deadline)) = walk.next(nodes) {
            if deadline <= now {
                self.sorter.push(deadline, node);
                continue;
            }
            let slot = geometry::slot_of::<BITS>(deadline, now);
            if list::append(nodes, slot as u32, node, deadline) {
                self.occupied.insert(slot);
            }
        }
        self.expire_collected();
    }

    /// Cascades a slot without memory for the sorter: sorts it in place first, so that timers that are due come in
    /// order.
    #[cold]
    #[inline(never)]
    fn cascade_in_place(&mut self, slot: u32) {
        merge::sort_in_place(&mut self.arena.nodes, slot);
        let mut walk = Walk::new(&self.arena.nodes, slot);
        self.empty(slot);
        while let Some((node, deadline)) = walk.next(&self.arena.nodes) {
            if deadline <= self.now {
                list::append_uncounted(&mut self.arena.nodes, Self::EXPIRED, node);
            } else {
                self.append_seen_from(self.now, node, deadline);
            }
        }
    }

    /// Makes room in the sorter for the timers of a list. Returns whether there is room for all of them.
    #[inline(always)]
    pub(crate) fn has_room_to_sort(&mut self, list: u32) -> bool {
        // The count of a list of level 0 may be wrong. Such a list has to be sorted only if its deadline is `u64::MAX`,
        // which makes any list count as unsorted.
        let count_max = if list < 1 << BITS { usize::MAX } else { list::size_max(&self.arena.nodes, list) as usize };
        count_max <= self.sorter.room() || self.sorter.try_reserve(count_max.min(self.len())).is_ok()
    }

    /// Moves the timers of a list to the sorter.
    pub(crate) fn collect(&mut self, list: u32) {
        let nodes = self.arena.nodes.as_slice();
        let mut walk = Walk::new(nodes, list);
        while let Some((node, deadline)) = walk.next(nodes) {
            self.sorter.push(deadline, node);
        }
    }

    /// Moves the timers in the sorter to the expired queue, in order.
    pub(crate) fn expire_collected(&mut self) {
        let nodes = self.arena.nodes.as_mut_slice();
        self.sorter.drain(|node, _| {
            list::append_uncounted(nodes, Self::EXPIRED, node);
        });
    }
}
