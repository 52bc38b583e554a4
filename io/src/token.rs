//! The name of an observed descriptor: a slot of the loop's table and the generation that makes a reused slot a new name.

use std::num::NonZeroU32;

/// An observed descriptor, from [`add_descriptor`](crate::EventLoop::add_descriptor) until it is removed or replaced.
///
/// A stale token resolves to nothing, even when descriptor number and slot are in use again.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Token {
    index: u32,
    generation: NonZeroU32,
}

impl Token {
    pub(crate) const fn new(index: u32, generation: NonZeroU32) -> Self {
        Self { index, generation }
    }

    /// The slot. Small integers, reused: good for indexing a table beside the loop's.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Which life of the slot this is.
    #[must_use]
    pub const fn generation(self) -> NonZeroU32 {
        self.generation
    }

    /// Generation and index in one integer, for a kernel that carries 64 bits. Never 0.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation.get() as u64) << 32 | self.index as u64
    }

    /// The token of such an integer; `None` for one that no token has.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        match NonZeroU32::new((bits >> 32) as u32) {
            Some(generation) => Some(Self { index: bits as u32, generation }),
            None => None,
        }
    }
}
