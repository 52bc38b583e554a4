//! Keys, by which callers of the wheel name timers.

use core::fmt;
use core::num::NonZeroU32;

/// The name of one timer in one wheel or scheduler: the timer's place and the place's generation.
///
/// The generation changes each time the place is taken or freed, and is odd while the place is taken. So a key that is
/// kept after its timer has ended never resolves again. A place whose generations are used up is retired: it is not
/// taken again.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Key {
    index: u32,
    generation: NonZeroU32,
}

impl Key {
    pub(crate) fn new(index: u32, generation: u32) -> Self {
        debug_assert!(generation % 2 == 1, "a live generation is odd, not {generation}");
        // `| 1` does not change an odd number. It shows the compiler that the number is not zero.
        Self { index, generation: NonZeroU32::MIN | generation }
    }

    /// The timer's place, counted from 0. Places are dense and are used again. No two live timers share a place, so the
    /// caller can use it as the index in a table of its own.
    pub fn index(self) -> u32 {
        self.index
    }

    pub(crate) fn generation(self) -> u32 {
        self.generation.get()
    }

    /// The key as one integer, never 0: the generation in the upper 32 bits, the index in the lower.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation.get()) << 32 | u64::from(self.index)
    }

    /// The key whose [`Key::to_bits`] is `bits`; `None` if there is no such key.
    pub fn from_bits(bits: u64) -> Option<Self> {
        let generation = (bits >> 32) as u32;
        (generation % 2 == 1).then(|| Self::new(bits as u32, generation))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}.{})", self.index, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_go_there_and_back_and_foreign_bits_make_no_key() {
        for (index, generation) in [(0, 1), (7, 3), (u32::MAX, u32::MAX)] {
            let key = Key::new(index, generation);
            assert_ne!(key.to_bits(), 0);
            assert_eq!(Key::from_bits(key.to_bits()), Some(key));
        }
        assert_eq!(Key::from_bits(0), None);
        assert_eq!(Key::from_bits(2 << 32), None, "an even generation is a free place");
    }

    #[test]
    fn an_optional_key_costs_no_more_than_a_key() {
        assert_eq!(size_of::<Option<Key>>(), 8);
    }
}
