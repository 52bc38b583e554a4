//! What some timers of the scheduler have beyond a deadline and a value, in a table beside the wheel.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;

use crate::plan::Plan;

/// The place of a timer that has nothing here.
pub(crate) const NONE: u32 = u32::MAX;

/// What a timer has beyond a deadline and a value.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Extra {
    /// The plan, with the deadline that comes next.
    pub(crate) plan: Plan,
    /// What was left to the next deadline, while the timer is paused.
    pub(crate) remaining: Option<u64>,
}

/// Extras by place. A place that is given back is used again.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    all: Vec<Extra>,
    /// Places in `all`. It has room for each of them, so that a timer can end without memory.
    free: Vec<u32>,
}

impl Extras {
    /// Puts an extra in, and says where.
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

    /// Frees a place, unless it is `NONE`.
    #[inline]
    pub(crate) fn take(&mut self, place: u32) -> Option<Extra> {
        let extra = self.get(place).copied();
        extra.inspect(|_| self.free.push(place))
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.free.clear();
    }

    /// Panics unless each place is free, or one of those `in_use`, and never both.
    pub(crate) fn audit(&self, in_use: impl Iterator<Item = u32>) {
        let mut used = alloc::vec![false; self.all.len()];
        for place in in_use.chain(self.free.iter().copied()) {
            assert!(!core::mem::replace(&mut used[place as usize], true), "the extra {place} has two owners");
        }
        assert!(used.iter().all(|&used| used), "an extra got lost");
        assert!(self.free.capacity() >= self.all.len(), "there is no room to free every extra");
    }
}
