//! The node: a timer, or the sentinel of a list.

/// A timer, or the sentinel of a list. In a sentinel some fields describe the list.
///
/// A cancel reads and writes the first 24 bytes of the node, and the beginning of the value. A large block of memory,
/// which the allocator maps, begins 16 bytes after the start of a cache line. So some nodes lie on two cache lines, and
/// the order of the fields decides how often a cancel needs only one of the two. One line is enough for three of four
/// nodes of 48 bytes, as the C library has. When the generation stood behind the value, one line was enough for only
/// half of them.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Node<T> {
    /// The timer's deadline. In a sentinel: see [`crate::list`].
    pub(crate) deadline: u64,
    pub(crate) prev: u32,
    pub(crate) next: u32,
    /// Odd while the node holds a timer. In a sentinel: the number of timers appended since the list was last empty.
    pub(crate) generation: u32,
    /// A jump pointer, see [`crate::jump`]. In a sentinel: the node whose jump pointer is set next.
    pub(crate) jump: u32,
    /// The timer's value. Free nodes and sentinels have none. For a type with a niche the `Option` takes no extra
    /// memory.
    pub(crate) value: Option<T>,
}

impl<T> Node<T> {
    /// The sentinel of an empty list, which is linked to itself.
    pub(crate) fn sentinel(list: u32) -> Self {
        Self { deadline: 0, prev: list, next: list, value: None, generation: 0, jump: list }
    }

    /// A free node whose next generation is `generation + 1`.
    pub(crate) fn vacant(generation: u32) -> Self {
        Self { deadline: 0, prev: 0, next: 0, value: None, generation, jump: 0 }
    }

    /// Ends the timer, whose key is stale from now on. Returns the timer's value, and the node's next generation, which
    /// is 0 if all are used up.
    #[inline(always)]
    pub(crate) fn end(&mut self) -> (Option<T>, u32) {
        self.generation = self.generation.wrapping_add(1);
        (self.value.take(), self.generation)
    }

    /// The value of a node that holds a timer.
    #[inline(always)]
    pub(crate) fn live_value(&self) -> &T {
        self.value.as_ref().expect(LIVE)
    }
}

/// The reason why the value of a timer can be unwrapped.
pub(crate) const LIVE: &str = "a timer has a value";
