//! Sorting the timers of one list.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::mem;

/// Fewer timers than this number are sorted faster by comparison than by radix. The number doubles with each byte that
/// the radix sort has to visit.
const MANY: usize = 16;

/// Sorts timers by deadline, and by arrival where deadlines are equal. A sorter keeps its memory for the next use.
///
/// Many timers are sorted by radix, one byte of the deadline at a time, the lowest byte first. That is fast, because
/// the deadlines of a slot differ in a few bytes only. Few timers are sorted by comparison. So are many timers if there
/// is no memory for the radix sort.
#[derive(Debug, Default)]
pub(crate) struct Sorter {
    /// An item for each timer. From the highest bits to the lowest it holds the deadline, the arrival and the node.
    items: Vec<u128>,
    spare: Vec<u128>,
    /// The bits in which the deadlines differ.
    differing: u64,
    /// The number of timers that were ever sorted. Tests use it to see how much work that was.
    #[cfg(test)]
    pub(crate) sorted: usize,
}

impl Clone for Sorter {
    /// Between two uses a sorter is empty; the clone has no memory yet.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Sorter {
    /// The number of timers that an empty sorter has room for.
    #[inline(always)]
    pub(crate) fn room(&self) -> usize {
        self.items.capacity()
    }

    /// Makes room for `count` timers in an empty sorter. `count` is rounded up to a power of two, so that a list that
    /// is a few timers longer than the last list does not cause another allocation.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        self.items.try_reserve(count.next_power_of_two())
    }

    /// Adds a timer. There must be room for it.
    #[inline(always)]
    pub(crate) fn push(&mut self, deadline: u64, node: u32) {
        let first = self.items.first().map_or(deadline, |&item| deadline_of(item));
        self.differing |= deadline ^ first;
        self.items.push(u128::from(deadline) << 64 | (self.items.len() as u128) << 32 | u128::from(node));
    }

    /// Passes all timers to `each` in order. The sorter is empty afterwards.
    #[inline]
    pub(crate) fn drain(&mut self, mut each: impl FnMut(u32, u64)) {
        #[cfg(test)]
        {
            self.sorted += self.items.len();
        }
        let bytes = (u64::BITS - self.differing.leading_zeros()).div_ceil(8);
        if self.items.len() >= MANY << bytes && self.try_reserve_spare().is_ok() {
            (0..bytes).for_each(|byte| self.sort_by_byte(8 * byte));
        } else {
            self.items.sort_unstable();
        }
        self.items.drain(..).for_each(|item| each(item as u32, deadline_of(item)));
        self.differing = 0;
    }

    /// Makes `spare` as large as `items`. The two are swapped at each byte, so a smaller one would have to grow later.
    fn try_reserve_spare(&mut self) -> Result<(), TryReserveError> {
        self.spare.try_reserve(self.items.capacity().saturating_sub(self.spare.len()))
    }

    /// Sorts by the byte of the deadline whose lowest bit is `shift`. Items with equal bytes keep their order.
    #[inline(never)]
    fn sort_by_byte(&mut self, shift: u32) {
        let digit = |item: u128| (deadline_of(item) >> shift) as usize % 256;
        let mut places = [0_u32; 256];
        for &item in &self.items {
            places[digit(item)] += 1;
        }
        let mut start = 0;
        for place in &mut places {
            start += mem::replace(place, start);
        }
        // This call never allocates. For the first byte, `drain` has reserved the memory. For each later byte, `spare`
        // is the former `items`, which has the same length.
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
        // With the few timers that Miri can sort in time, the radix sort visits up to two bytes; elsewhere all eight.
        let counts: &[u32] = if cfg!(miri) { &[0, 1, 5, 33, 64] } else { &[0, 1, 2, 5, 31, 32, 33, 64, 300, 5000] };
        for &count in counts {
            for span in [1, 2, 256, 65_536, 1 << 20, 1 << 40, u64::MAX] {
                let deadline = |node: u32| u64::from(node).wrapping_mul(0x9e37_79b9_7f4a_7c15) % span;
                (0..count).for_each(|node| sorter.push(deadline(node), node));
                let mut sorted = Vec::new();
                sorter.drain(|node, _| sorted.push(node));
                let mut expected: Vec<u32> = (0..count).collect();
                expected.sort_by_key(|&node| deadline(node));
                assert_eq!(sorted, expected, "{count} timers with deadlines below {span}");
            }
        }
    }
}
