//! The numbers of the lists. A list's number is that of the node that is its sentinel.
//!
//! ```text
//!   a small geometry    [ slots of all levels ][ expired ][ overdue ][ annexes ]
//!   the default         [ slots of 3 levels ][ slots of the other levels ][ annexes ]
//!                         near lists           far lists
//! ```
//!
//! With three levels at the most, all lists are near. `arena.rs` explains near and far lists.

use crate::annex::Annexes;
use crate::wheel::Wheel;

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// The number of slots of all levels. The lists with smaller numbers are the slots.
    pub(crate) const SLOTS: usize = LEVELS << BITS;
    /// The number of lists. The nodes with smaller numbers are their sentinels; the other nodes are timers.
    pub(crate) const LISTS: u32 = Self::ANNEX + Annexes::<BITS>::LISTS;
    /// The first list of the annexes; `annex.rs` explains them.
    pub(crate) const ANNEX: u32 = Self::SLOTS as u32 + if Self::HAS_FAR_LISTS { 0 } else { 2 };

    /// The number of the near lists: the slots of three levels. `arena.rs` explains near and far lists. With ticks of a
    /// microsecond, three levels reach 16 s.
    pub(crate) const NEAR: u32 = if Self::HAS_FAR_LISTS { 3 << BITS } else { Self::LISTS };
    /// The slots with smaller numbers are near.
    pub(crate) const NEAR_SLOTS: u32 = if Self::HAS_FAR_LISTS { Self::NEAR } else { Self::SLOTS as u32 };
    /// Whether the slots of the levels from 3 on, and the annexes, are far lists. The free list can move timers only by
    /// whole words of its bitmap.
    const HAS_FAR_LISTS: bool = LEVELS > 3 && BITS >= 6;

    /// The list that `pop_expired` takes from. On each level above 0 the slot 0 is never used: a deadline after now has
    /// a greater digit than now has. So the two lists that are no slots have the numbers of such slots, and are near.
    pub(crate) const EXPIRED: u32 = if Self::HAS_FAR_LISTS { 1 << BITS } else { Self::SLOTS as u32 };
    /// The list of timers whose deadline had passed when they were set. They expire at the next `advance`.
    pub(crate) const OVERDUE: u32 = if Self::HAS_FAR_LISTS { 2 << BITS } else { Self::EXPIRED + 1 };

    /// Whether a list is a slot.
    pub(crate) fn is_slot(list: u32) -> bool {
        list < Self::SLOTS as u32 && list != Self::EXPIRED && list != Self::OVERDUE
    }
}
