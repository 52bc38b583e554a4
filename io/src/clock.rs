//! Where time comes from. The loop reads a [`Clock`] and nothing else, so that a test can put its own in.
//!
//! A clock never goes back. The monotonic clock of the kernel keeps that promise whatever happens to the wall clock.

use std::cell::Cell;
use std::rc::Rc;

/// A source of time.
pub trait Clock {
    /// Nanoseconds since a moment of the clock's own choice; never less than what it said before.
    fn now_ns(&self) -> u64;
}

/// `CLOCK_MONOTONIC`: nanoseconds since about the machine's start, blind to steps of the wall clock. On Windows, the
/// performance counter since its first reading.
#[derive(Copy, Clone, Debug, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    #[inline]
    fn now_ns(&self) -> u64 {
        crate::sys::monotonic_ns()
    }
}

/// A clock that stands still until somebody moves it. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Rc<Cell<u64>>);

impl VirtualClock {
    /// A clock at 0 ns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `by_ns` pass; stops at the end of `u64`.
    pub fn advance_ns(&self, by_ns: u64) {
        self.0.set(self.0.get().saturating_add(by_ns));
    }

    /// Moves the clock to `to_ns`.
    ///
    /// # Panics
    /// When that would be a step back.
    pub fn set_ns(&self, to_ns: u64) {
        let now_ns = self.0.get();
        assert!(to_ns >= now_ns, "a clock never goes back: from {now_ns} ns to {to_ns} ns");
        self.0.set(to_ns);
    }
}

impl Clock for VirtualClock {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }
}
