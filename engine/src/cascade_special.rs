//! Slots that cascade in a way of their own. What comes out is the same; how long it takes, and the memory for it, is not.
//!
//! | the slot | what is done | what for |
//! |---|---|---|
//! | on level 1, sparse | its timers are appended to level 0 without notes about order and length | a fifth of the instructions |
//! | a crowd, unsorted | sorted before it falls | the lists to which it falls are sorted, and expire without a look |
//! | any, when memory runs out | sorted in place | a wheel works on without memory |

use core::mem;
use core::ops::RangeInclusive;

use crate::jump::Walk;
use crate::list;
use crate::merge;
use crate::wheel::Wheel;

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// As many timers of a slot as it pays to sort at once: four and more for each list of the next level, and no more
    /// than a second-level cache holds, since they are visited twice.
    const CROWD: RangeInclusive<u32> = 4 << BITS..=1 << 13;

    /// Below so many timers in a slot of level 1 the lists of level 0 to which they fall are short, and walks through them
    /// better off without jump pointers.
    const SPARSE: u32 = 48 << BITS;

    /// Lets a slot cascade, in its own way if it has one.
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

    /// Of level 1: from there timers fall to level 0, whose lists hold one deadline each, so that nothing has to be known
    /// about them.
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

    /// In the order of deadlines, so that the lists to which timers fall are sorted.
    #[inline(never)]
    fn cascade_sorted(&mut self, slot: u32) {
        self.collect(slot);
        let mut sorter = mem::take(&mut self.sorter);
        sorter.drain(|node, deadline| self.cascade_one(node, deadline));
        self.sorter = sorter;
    }

    /// Without memory to collect what is due.
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

    /// Of a slot that is read in order: what is due goes to the expired queue at once.
    #[inline(always)]
    fn cascade_one(&mut self, node: u32, deadline: u64) {
        if deadline <= self.now {
            list::append_uncounted(&mut self.arena.nodes, Self::EXPIRED, node);
        } else {
            self.append_seen_from(self.now, node, deadline);
        }
    }
}
