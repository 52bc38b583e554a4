//! The node: a timer, or the sentinel of a list.

/// A timer, or the sentinel of a list, in which some fields mean the list.
///
/// Half a cache line with a value of 8 bytes. Memory that the allocator has mapped begins a quarter into a line, so the
/// order of the fields decides which of them share a line for certain: what a walk reads, and what it does not.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Node<T> {
    /// The timer's deadline. Of a list: see [`crate::list`].
    pub(crate) deadline: u64,
    pub(crate) prev: u32,
    pub(crate) next: u32,
    pub(crate) value: T,
    /// Odd while a timer lives here. Of a list: timers appended since it was last empty.
    pub(crate) generation: u32,
    /// A jump pointer, see [`crate::jump`]. Of a list: the node whose jump pointer is the next to be set.
    pub(crate) jump: u32,
}

impl<T: Default> Node<T> {
    /// An empty list: a circle of its sentinel alone.
    pub(crate) fn sentinel(list: u32) -> Self {
        Self { deadline: 0, prev: list, next: list, value: T::default(), generation: 0, jump: list }
    }

    /// A place for a timer.
    pub(crate) fn vacant() -> Self {
        Self { deadline: 0, prev: 0, next: 0, value: T::default(), generation: 0, jump: 0 }
    }
}
