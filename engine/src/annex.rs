//! The table of annexes: which slot has an annex, and which lists form it. An annex holds timers of a crowded slot,
//! already divided into lists as the level below will need them. `cascade_early.rs` explains annexes.

use core::ops::Range;

/// The number that stands for no slot.
const NONE: u32 = u32::MAX;

/// The lowest level whose slots can have an annex. Cascading from level 1 to level 0 is fast without one.
pub(crate) const LOWEST_LEVEL: usize = 2;
/// The number of levels whose slots can have an annex. With ticks of a microsecond, the slots of higher levels span
/// more than an hour, so time rarely enters such a slot.
pub(crate) const LEVELS: usize = 2;

/// The annexes: `2^BITS` lists for each of `LEVELS` levels. The lists of a level belong to one slot of the level at a
/// time.
#[derive(Clone, Debug)]
pub(crate) struct Annexes<const BITS: u32> {
    /// The slot to which the annex of a level belongs, or `NONE`.
    open: [u32; LEVELS],
    /// The first list of the first annex.
    first: u32,
}

impl<const BITS: u32> Annexes<BITS> {
    pub(crate) const LISTS: u32 = (LEVELS as u32) << BITS;

    pub(crate) const fn new(first: u32) -> Self {
        Self { open: [NONE; LEVELS], first }
    }

    /// The slot that has the annex of a level.
    pub(crate) fn slot_on(&self, level: usize) -> Option<u32> {
        Some(self.open[level - LOWEST_LEVEL]).filter(|&slot| slot != NONE)
    }

    /// The slot to which a list of an annex belongs; `None` for a list that is in no annex, which has a smaller number.
    pub(crate) fn slot_of(&self, list: u32) -> Option<u32> {
        let place = list.checked_sub(self.first)?;
        Some(self.open[(place >> BITS) as usize])
    }

    /// Whether a slot has an annex.
    #[inline(always)]
    pub(crate) fn has(&self, slot: u32) -> bool {
        slot >= (LOWEST_LEVEL as u32) << BITS && self.open.contains(&slot)
    }

    /// The lists of the annex that a slot has.
    pub(crate) fn of(&self, slot: u32) -> Option<Range<u32>> {
        let level = (slot >> BITS) as usize;
        let open = self.open.get(level.wrapping_sub(LOWEST_LEVEL))?;
        (*open == slot).then(|| self.lists(level))
    }

    /// Gives a slot the annex of its level and returns the lists.
    pub(crate) fn open(&mut self, slot: u32) -> Range<u32> {
        let level = (slot >> BITS) as usize;
        self.open[level - LOWEST_LEVEL] = slot;
        self.lists(level)
    }

    pub(crate) fn close(&mut self, slot: u32) {
        self.open[(slot >> BITS) as usize - LOWEST_LEVEL] = NONE;
    }

    fn lists(&self, level: usize) -> Range<u32> {
        let first = self.first + (((level - LOWEST_LEVEL) as u32) << BITS);
        first..first + (1 << BITS)
    }

    /// What a list in an annex stands for: the level of the annex's slot, and the digit (`geometry.rs`) that all
    /// deadlines on the list have on the level below.
    pub(crate) fn place_of(&self, list: u32) -> (usize, u32) {
        let place = list - self.first;
        (LOWEST_LEVEL + (place >> BITS) as usize, place & ((1 << BITS) - 1))
    }
}
