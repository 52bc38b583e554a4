//! A table beside the wheel for periods, slack and remaining times, which few timers have.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::plan::Plan;
use crate::ticks::Resolution;

/// The place of an entry in the table, counted from 1. A place is never 0, so an `Option` of a struct with a place is
/// no larger than the struct.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct Place(NonZeroU32);

impl Place {
    /// The place of a timer that has no entry.
    pub(crate) const NONE: Self = Self(NonZeroU32::MAX);
    /// The place of a timer that has no entry and is kept: it stays when it has fired.
    pub(crate) const KEPT: Self = Self(NonZeroU32::MIN.saturating_add(u32::MAX - 2));

    /// Whether there is no entry.
    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self >= Self::KEPT
    }

    /// A place's index in the table. The indices of `NONE` and `KEPT` are out of range.
    #[inline]
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The entry of a timer that repeats, has slack, or is or was paused.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Extra {
    /// The plan, with the next deadline.
    pub(crate) plan: Plan,
    /// The time that remained to the next deadline when the timer was paused; `None` while the timer is not paused.
    pub(crate) remaining: Option<u64>,
    /// Whether the timer stays when it has fired for the last time.
    pub(crate) is_kept: bool,
}

impl Extra {
    /// Sets the next deadline and forgets the time that remained. Returns the tick at which the timer expires.
    #[cold]
    #[inline(never)]
    pub(crate) fn move_to(&mut self, deadline: u64, resolution: Resolution) -> u64 {
        self.plan.deadline = deadline;
        self.remaining = None;
        self.plan.tick(resolution)
    }
}

/// The entries of all timers that have one, by place. A place that was freed is used again.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    all: Vec<Extra>,
    /// Free places in `all`. There is always room for every place, so ending a timer never allocates.
    free: Vec<Place>,
}

impl Clone for Extras {
    /// The clone has room to free every place, too.
    fn clone(&self) -> Self {
        let mut free = Vec::with_capacity(self.all.len());
        free.extend_from_slice(&self.free);
        Self { all: self.all.clone(), free }
    }
}

impl Extras {
    /// Stores an entry and returns its place.
    pub(crate) fn try_put(&mut self, extra: Extra) -> Result<Place, TryReserveError> {
        if let Some(place) = self.free.pop() {
            self.all[place.index()] = extra;
            return Ok(place);
        }
        self.all.try_reserve(1)?;
        self.free.try_reserve(self.all.len() + 1)?;
        self.all.push(extra);
        Ok(Place(NonZeroU32::MIN.saturating_add(self.all.len() as u32 - 1)))
    }

    #[inline]
    pub(crate) fn get(&self, place: Place) -> Option<&Extra> {
        self.all.get(place.index())
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Extra> {
        self.all.get_mut(place.index())
    }

    /// Frees a place and returns its entry. `None` if there is no entry.
    #[inline]
    pub(crate) fn take(&mut self, place: Place) -> Option<Extra> {
        let extra = self.get(place).copied();
        extra.inspect(|_| self.free.push(place))
    }

    /// Gives back the memory of all places if none is in use.
    pub(crate) fn shrink_to_fit(&mut self) {
        if self.free.len() == self.all.len() {
            *self = Self::default();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.free.clear();
    }

    /// Panics unless each place is either free or `in_use`, and never both.
    pub(crate) fn audit(&self, in_use: impl Iterator<Item = Place>) {
        let mut used = alloc::vec![false; self.all.len()];
        for place in in_use.chain(self.free.iter().copied()) {
            assert!(!core::mem::replace(&mut used[place.index()], true), "the extra {place:?} has two owners");
        }
        assert!(used.iter().all(|&used| used), "an extra got lost");
        assert!(self.free.capacity() >= self.all.len(), "there is no room to free every extra");
    }
}
