//! Special cascades for some slots. They have the same result as a plain cascade, but take less time or less memory.
//!
//! | the slot | what is done | why |
//! |---|---|---|
//! | on level 1, sparse | its timers go to level 0, where the order and length of the lists are not recorded | a fifth fewer instructions |
//! | any other, 1,024 to 8,192 timers, unsorted | it is sorted before it cascades | the lists of the lower level become sorted, so a list can expire as a whole |
//! | any, when memory runs out | it is sorted in place | the wheel keeps working when no more memory can be allocated |

use core::mem;
use core::ops::RangeInclusive;

use crate::jump::Walk;
use crate::list;
use crate::merge;
use crate::wheel::Wheel;

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// The sizes of slots that are sorted before they cascade. The lower bound is four timers for each list of the
    /// level below. The upper bound is a number of timers that fits a second-level cache: each timer is visited twice,
    /// and the second visit should find the timer in the cache.
    const CROWD: RangeInclusive<u32> = 4 << BITS..=1 << 13;

    /// The size below which a slot of level 1 is sparse. A sparse slot cascades to short lists of level 0. A list whose
    /// order and length are not recorded has no jump pointers, and walks through short lists are faster without jump
    /// pointers.
    const SPARSE: u32 = 48 << BITS;

    /// Cascades a slot in the special way that the table above names for it, or else in the plain way.
    #[inline(never)]
    pub(crate) fn cascade(&mut self, slot: u32) {
        if !self.has_room_to_sort(slot) {
            return self.cascade_in_place(slot);
        }
        let size_max = list::size_max(&self.arena.nodes, slot);
        if slot < 2 << BITS && size_max < Self::SPARSE {
            self.cascade_to_level_0(slot)
        } else if Self::CROWD.contains(&size_max) && !list::is_sorted(&self.arena.nodes, slot) {
            self.cascade_sorted(slot)
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

    /// Cascades a slot in the order of deadlines, so that the lists below become sorted.
    #[inline(never)]
    fn cascade_sorted(&mut self, slot: u32) {
        self.collect(slot);
        let mut sorter = mem::take(&mut self.sorter);
        sorter.drain(|node, deadline| self.cascade_one(node, deadline));
        self.sorter = sorter;
    }

    /// Cascades a slot without memory for the sorter.
    #[cold]
    #[inline(never)]
    fn cascade_in_place(&mut self, slot: u32) {
        merge::sort_in_place(&mut self.arena.nodes, slot);
        let mut walk = Walk::new(&self.arena.nodes, slot);
        self.empty(slot);
        while let Some((node, deadline)) = walk.next(&self.arena.nodes) {
            self.cascade_one(node, deadline);
        }
    }

    /// Moves one timer of a slot that is read in the order of deadlines. A timer that is due goes to the expired queue
    /// at once.
    #[inline(always)]
    fn cascade_one(&mut self, node: u32, deadline: u64) {
        if deadline <= self.now {
            list::append_uncounted(&mut self.arena.nodes, Self::EXPIRED, node);
        } else {
            self.append_seen_from(self.now, node, deadline);
        }
    }
}
