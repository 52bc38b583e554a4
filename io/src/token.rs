//! The token of an observed descriptor: an index into the loop's table, and a generation that makes each reuse a new
//! token.

use std::num::NonZeroU32;

/// Names an observed descriptor from [`add_descriptor`](crate::EventLoop::add_descriptor) until it is removed or
/// replaced.
///
/// A stale token does not resolve, even if the descriptor's number and the index are in use again. The generations of
/// an index start again from the first one after 2³² uses.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Token {
    index: u32,
    generation: NonZeroU32,
}

impl Token {
    pub(crate) const fn new(index: u32, generation: NonZeroU32) -> Self {
        Self { index, generation }
    }

    /// The index into the loop's table. Indices are small and reused, so a caller can index a table of its own by them.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// The generation: how often the index has been used.
    #[must_use]
    pub const fn generation(self) -> NonZeroU32 {
        self.generation
    }

    /// Generation and index in one integer, for a kernel that returns 64 bits of the caller's data with each event.
    /// Never 0.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation.get() as u64) << 32 | self.index as u64
    }

    /// The token whose [`to_bits`](Self::to_bits) is `bits`; `None` if there is no such token.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        match NonZeroU32::new((bits >> 32) as u32) {
            Some(generation) => Some(Self { index: bits as u32, generation }),
            None => None,
        }
    }
}
