//! The order in which timers of one list expire.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::mem;

/// Fewer than this, doubled for each byte, are sorted faster by comparison.
const MANY: usize = 16;

/// Timers to be put in the order of their deadlines, and of their arrival where those are equal; the room is kept.
///
/// Many timers are dealt out by one byte of their deadlines after the other, the lowest first, each time without changing
/// the order of equals: a slot's deadlines differ in a few bytes. Others are compared, and so are many when there is no
/// memory to deal them out.
#[derive(Debug, Default)]
pub(crate) struct Sorter {
    /// Deadline, arrival and node, from the highest bits to the lowest.
    items: Vec<u128>,
    spare: Vec<u128>,
    /// The bits of deadlines that are not the same in all.
    differing: u64,
}

impl Sorter {
    /// For how many there is room, when none is there yet.
    #[inline(always)]
    pub(crate) fn room(&self) -> usize {
        self.items.capacity()
    }

    /// Makes room for so many, of which none is there yet. In powers of two, so that lists that grow by a few timers do not
    /// ask again and again.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        self.items.try_reserve(count.next_power_of_two())
    }

    /// Adds one for which there is room.
    #[inline(always)]
    pub(crate) fn push(&mut self, deadline: u64, node: u32) {
        let first = self.items.first().map_or(deadline, |&item| deadline_of(item));
        self.differing |= deadline ^ first;
        self.items.push(u128::from(deadline) << 64 | (self.items.len() as u128) << 32 | u128::from(node));
    }

    /// Gives `each` the nodes in order; none is left.
    #[inline]
    pub(crate) fn drain(&mut self, mut each: impl FnMut(u32, u64)) {
        let bytes = (u64::BITS - self.differing.leading_zeros()).div_ceil(8);
        if self.items.len() >= MANY << bytes && self.try_reserve_spare().is_ok() {
            (0..bytes).for_each(|byte| self.deal(8 * byte));
        } else {
            self.items.sort_unstable();
        }
        self.items.drain(..).for_each(|item| each(item as u32, deadline_of(item)));
        self.differing = 0;
    }

    fn try_reserve_spare(&mut self) -> Result<(), TryReserveError> {
        self.spare.try_reserve(self.items.len().saturating_sub(self.spare.len()))
    }

    /// Sorts by the byte that begins with this bit; equals keep their order.
    #[inline(never)]
    fn deal(&mut self, shift: u32) {
        let digit = |item: u128| (deadline_of(item) >> shift) as usize % 256;
        let mut places = [0_u32; 256];
        for &item in &self.items {
            places[digit(item)] += 1;
        }
        let mut start = 0;
        for place in &mut places {
            start += mem::replace(place, start);
        }
        // There is room, in the next call too: what is spare then is as long as this.
        self.spare.resize(self.items.len(), 0);
        for &item in &self.items {
            let place = &mut places[digit(item)];
            self.spare[*place as usize] = item;
            *place += 1;
        }
        mem::swap(&mut self.items, &mut self.spare);
    }
}

fn deadline_of(item: u128) -> u64 {
    (item >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_deadline_then_arrival_however_many_and_however_far_apart() {
        let mut sorter = Sorter::default();
        for count in [0, 1, 2, 5, 31, 32, 33, 64, 300, if cfg!(miri) { 600 } else { 5000 }] {
            for span in [1, 2, 256, 65_536, 1 << 20, 1 << 40, u64::MAX] {
                let deadline = |node: u32| u64::from(node).wrapping_mul(0x9e37_79b9_7f4a_7c15) % span;
                (0..count).for_each(|node| sorter.push(deadline(node), node));
                let mut sorted = Vec::new();
                sorter.drain(|node, _| sorted.push(node));
                let mut expected: Vec<u32> = (0..count).collect();
                expected.sort_by_key(|&node| deadline(node));
                assert_eq!(sorted, expected, "{count} in {span}");
            }
        }
    }
}
