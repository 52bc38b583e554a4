//! A table beside the wheel for periods, slack and remaining times, which few timers have.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;

use crate::plan::Plan;

/// The place of a timer that has no entry.
pub(crate) const NONE: u32 = u32::MAX;

/// The entry of a timer that repeats, has slack or is paused.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Extra {
    /// The plan, with the next deadline.
    pub(crate) plan: Plan,
    /// The time that remained to the next deadline when the timer was paused; `None` while it runs.
    pub(crate) remaining: Option<u64>,
}

/// Extras by place. A place that was freed is used again.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    all: Vec<Extra>,
    /// Free places in `all`. There is always room for every place, so ending a timer never allocates.
    free: Vec<u32>,
}

impl Extras {
    /// Stores an extra and returns its place.
    pub(crate) fn try_put(&mut self, extra: Extra) -> Result<u32, TryReserveError> {
        if let Some(place) = self.free.pop() {
            self.all[place as usize] = extra;
            return Ok(place);
        }
        self.all.try_reserve(1)?;
        self.free.try_reserve(self.all.len() + 1)?;
        self.all.push(extra);
        Ok((self.all.len() - 1) as u32)
    }

    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<&Extra> {
        self.all.get(place as usize)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut Extra> {
        self.all.get_mut(place as usize)
    }

    /// Frees a place, if it is not `NONE`, and returns its extra.
    #[inline]
    pub(crate) fn take(&mut self, place: u32) -> Option<Extra> {
        let extra = self.get(place).copied();
        extra.inspect(|_| self.free.push(place))
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.free.clear();
    }

    /// Panics unless each place is either free or `in_use`, and never both.
    pub(crate) fn audit(&self, in_use: impl Iterator<Item = u32>) {
        let mut used = alloc::vec![false; self.all.len()];
        for place in in_use.chain(self.free.iter().copied()) {
            assert!(!core::mem::replace(&mut used[place as usize], true), "the extra {place} has two owners");
        }
        assert!(used.iter().all(|&used| used), "an extra got lost");
        assert!(self.free.capacity() >= self.all.len(), "there is no room to free every extra");
    }
}
