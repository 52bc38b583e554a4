//! The set of slots that are not empty: a bit for each slot, and a summary with a bit for each word of those bits.

/// The number of words; the summary has one bit for each.
const WORDS: usize = 64;

/// A set of numbers below [`Occupied::SLOTS_MAX`].
#[derive(Clone, Debug)]
pub(crate) struct Occupied {
    words: [u64; WORDS],
    /// A bit for each word that is not 0.
    summary: u64,
}

impl Occupied {
    pub(crate) const SLOTS_MAX: usize = WORDS * u64::BITS as usize;

    pub(crate) const NONE: Self = Self { words: [0; WORDS], summary: 0 };

    #[inline]
    pub(crate) fn insert(&mut self, slot: usize) {
        let word = slot / 64 % WORDS;
        self.words[word] |= 1 << (slot % 64);
        self.summary |= 1 << word;
    }

    #[inline]
    pub(crate) fn remove(&mut self, slot: usize) {
        let word = slot / 64 % WORDS;
        self.words[word] &= !(1 << (slot % 64));
        if self.words[word] == 0 {
            self.summary &= !(1 << word);
        }
    }

    /// The smallest number in the set.
    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        if self.summary == 0 {
            return None;
        }
        Some(self.first_in(self.summary))
    }

    /// The smallest number in those words of the set whose bits are set in `words`. At least one bit is set.
    #[inline(always)]
    fn first_in(&self, words: u64) -> usize {
        let word = words.trailing_zeros() as usize;
        word * 64 + self.words[word].trailing_zeros() as usize
    }

    /// The smallest number in the set that is at least `slot`.
    #[inline]
    pub(crate) fn first_from(&self, slot: usize) -> Option<usize> {
        let word = slot / 64 % WORDS;
        let here = self.words[word] & u64::MAX << (slot % 64);
        if here != 0 {
            return Some(word * 64 + here.trailing_zeros() as usize);
        }
        let behind = self.summary & u64::MAX.checked_shl(word as u32 + 1).unwrap_or(0);
        (behind != 0).then(|| self.first_in(behind))
    }

    pub(crate) fn contains(&self, slot: usize) -> bool {
        self.words[slot / 64 % WORDS] & 1 << (slot % 64) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_the_smallest_wherever_it_is() {
        let mut set = Occupied::NONE;
        for slot in [4095, 2048, 64, 63, 0] {
            set.insert(slot);
            assert_eq!(set.first(), Some(slot));
            assert_eq!([0, slot].map(|from| set.first_from(from)), [Some(slot); 2]);
        }
        for (from, first) in [(1, 63), (63, 63), (64, 64), (65, 2048), (2049, 4095), (4095, 4095)] {
            assert_eq!(set.first_from(from), Some(first), "from {from}");
        }
        for (slot, next) in [(0, Some(63)), (63, Some(64)), (2048, Some(64)), (64, Some(4095)), (4095, None)] {
            set.remove(slot);
            assert!(!set.contains(slot));
            assert_eq!(set.first(), next);
        }
    }
}
