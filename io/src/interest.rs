//! A set of directions of a descriptor. Such a set has either the directions that are observed (interest) or those that
//! are ready (readiness).

use std::fmt;
use std::ops::{BitAnd, BitOr};

/// A set of directions: any of read, write and priority.
#[derive(Copy, Clone, Default, Eq, PartialEq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// No direction. A descriptor with this interest stays registered and gets no event.
    pub const NONE: Self = Self(0);
    /// Reading would return data, a connection, or the end of the stream.
    pub const READ: Self = Self(1);
    /// Writing would take data, or fail at once.
    pub const WRITE: Self = Self(2);
    /// Read and write.
    pub const BOTH: Self = Self(3);
    /// There is urgent data: `POLLPRI`, for example TCP's out-of-band byte. A hang-up and an error are reported as
    /// reading and writing, and as this direction only if no other direction is observed.
    pub const PRIORITY: Self = Self(4);
    /// Every direction.
    pub const ALL: Self = Self(7);

    /// The set as an integer: read 1, write 2, priority 4.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set whose [`bits`](Self::bits) are `bits`; `None` if any other bit is set.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits <= Self::ALL.0 { Some(Self(bits)) } else { None }
    }

    /// Whether every direction of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This set without the directions of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Adds the directions of `other`.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Removes the directions of `other`.
    pub fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

impl BitOr for Interest {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Interest {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(Self::READ, "READ"), (Self::WRITE, "WRITE"), (Self::PRIORITY, "PRIORITY")];
        let mut separator = "";
        for (_, name) in names.into_iter().filter(|(direction, _)| self.contains(*direction)) {
            write!(f, "{separator}{name}")?;
            separator = "|";
        }
        if self.is_empty() { f.write_str("NONE") } else { Ok(()) }
    }
}
