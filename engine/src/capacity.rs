//! The memory of a wheel: reserving it, and giving it back.
//!
//! A wheel keeps memory for the greatest number of timers that it has held. When most of them have ended,
//! [`Wheel::shrink_to_fit`] gives back the memory behind the last timer. It cannot give back more, because each timer
//! keeps its place:
//!
//! ```text
//!   places      a · b c · · d · · · · · · · ·          · free
//!                            └──────────────┘ given back
//! ```
//!
//! A new timer takes one of the places that were freed last or, if these are taken, one of the lowest free places. So
//! most places at the end become free as their timers end.

use core::num::NonZeroU64;

use crate::room::NoRoom;
use crate::scheduler::Scheduler;
use crate::sort::Sorter;
use crate::wheel::Wheel;

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Makes an empty wheel at tick 0 with memory for `timers` timers. Inserting these allocates nothing.
    ///
    /// # Panics
    /// If [`Wheel::try_reserve`] would return an error.
    ///
    /// ```
    /// let mut wheel = cogloop_engine::Wheel::<u64>::with_capacity(5_000);
    /// assert!(wheel.capacity() >= 5_000);
    /// wheel.shrink_to_fit();
    /// assert_eq!(wheel.capacity(), 0);
    /// ```
    #[must_use]
    pub fn with_capacity(timers: usize) -> Self {
        let mut wheel = Self::with_geometry();
        wheel.try_reserve(timers).unwrap_or_else(|refused| refused.panic());
        wheel
    }

    /// The number of timers that the wheel has memory for.
    pub fn capacity(&self) -> usize {
        self.arena.capacity()
    }

    /// Reserves memory for `additional` more timers than [`Wheel::len`]. Inserting these allocates nothing.
    ///
    /// # Errors
    /// When there is no memory for these timers, or the wheel would have room for more than 2³⁰ timers. The wheel is
    /// unchanged then.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), NoRoom> {
        self.arena.try_reserve(self.len().saturating_add(additional))
    }

    /// Gives back memory that the wheel does not need: the memory of the places behind the last timer. If there is no
    /// timer and no advance is unfinished, the wheel gives back all of its memory. Keys stay valid, and stale keys stay
    /// stale. Takes O([`Wheel::capacity`]).
    ///
    /// The wheel never gives back memory on its own. Call this function when most of many timers have ended.
    pub fn shrink_to_fit(&mut self) {
        // An unfinished advance continues with the list of a slot, even if all timers of the slot were cancelled.
        self.arena.shrink_to_fit(self.target > self.now);
        self.sorter = Sorter::default();
    }
}

impl<T> Scheduler<T> {
    /// [`Scheduler::new`] with memory for `timers` one-shot timers. A timer that repeats or has slack needs an entry
    /// beside the wheel as well, which is allocated when the timer is added.
    ///
    /// # Panics
    /// If [`Wheel::try_reserve`] would return an error.
    #[must_use]
    pub fn with_capacity(resolution: NonZeroU64, timers: usize) -> Self {
        let mut scheduler = Self::new(resolution);
        scheduler.wheel = Wheel::with_capacity(timers);
        scheduler
    }

    /// The number of one-shot timers that the scheduler has memory for.
    pub fn capacity(&self) -> usize {
        self.wheel.capacity()
    }

    /// Gives back memory that the scheduler does not need; see [`Wheel::shrink_to_fit`]. The memory of the entries for
    /// periods, slack and paused timers is given back only if no timer has an entry.
    pub fn shrink_to_fit(&mut self) {
        self.wheel.shrink_to_fit();
        self.extras.shrink_to_fit();
    }
}
