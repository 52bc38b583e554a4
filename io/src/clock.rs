//! The source of time. The loop reads only a [`Clock`], so a test can supply its own.
//!
//! A clock never goes back. The kernel's monotonic clock keeps that promise when the wall clock is set.

use std::cell::Cell;
use std::rc::Rc;

/// A source of time.
pub trait Clock {
    /// Nanoseconds since an arbitrary moment; never less than the last reading.
    fn now_ns(&self) -> u64;
}

/// `CLOCK_MONOTONIC`: nanoseconds since about the machine's start. Setting the wall clock does not change it. On
/// Windows the clock is the performance counter, and counts nanoseconds since the process first read it.
#[derive(Copy, Clone, Debug, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    #[inline]
    fn now_ns(&self) -> u64 {
        crate::sys::monotonic_ns()
    }
}

/// A clock that stands still until it is moved by a call. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Rc<Cell<u64>>);

impl VirtualClock {
    /// A clock at 0 ns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward by `by_ns`; it stops at [`u64::MAX`].
    pub fn advance_ns(&self, by_ns: u64) {
        self.0.set(self.0.get().saturating_add(by_ns));
    }

    /// Moves the clock to `to_ns`.
    ///
    /// # Panics
    /// If `to_ns` is before the clock's time.
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
