//! The set of unreferenced timers, which do not keep the loop going. The set also counts its paused timers. Here a
//! stopped timer is a paused one, too.
//!
//! ```text
//!                   not paused             paused
//!                 ┌──────────────────────┬────────────────────────┐
//!   referenced    │ keeps the loop going │                        │
//!                 ├──────────────────────┼────────────────────────┤
//!   unreferenced  │ in the set           │ in the set and counted │
//!                 └──────────────────────┴────────────────────────┘
//! ```
//!
//! A program without unreferenced timers pays nothing for this, because the set holds only the exceptions.

use crate::Key;
use cogloop_engine::Scheduler;
use std::collections::{HashSet, TryReserveError};

/// The live unreferenced timers. They do not keep the loop going, even when they are armed.
#[derive(Default)]
pub(crate) struct Unreferenced {
    keys: HashSet<Key>,
    // The number of paused timers in the set.
    paused: usize,
}

impl Unreferenced {
    /// The number of timers in the set that are not paused.
    #[inline]
    pub(crate) fn armed(&self) -> usize {
        self.keys.len() - self.paused
    }

    /// Adds a live timer.
    ///
    /// # Errors
    /// When there is no memory; nothing has changed then.
    pub(crate) fn try_add(&mut self, key: Key, is_paused: bool) -> Result<(), TryReserveError> {
        self.keys.try_reserve(1)?;
        self.paused += usize::from(self.keys.insert(key) && is_paused);
        Ok(())
    }

    /// Removes a timer, if it is in the set.
    pub(crate) fn remove(&mut self, key: Key, is_paused: bool) {
        if !self.keys.is_empty() && self.keys.remove(&key) {
            self.paused -= usize::from(is_paused);
        }
    }

    /// Records that a timer was paused.
    pub(crate) fn pause(&mut self, key: Key) {
        self.paused += usize::from(self.contains(key));
    }

    /// Records that a paused timer was resumed.
    pub(crate) fn resume(&mut self, key: Key) {
        self.paused -= usize::from(self.contains(key));
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn contains(&self, key: Key) -> bool {
        !self.keys.is_empty() && self.keys.contains(&key)
    }

    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.paused = 0;
    }

    /// Panics when a timer in the set has ended, or when the count of the paused ones is wrong.
    pub(crate) fn audit<T: Clone>(&self, scheduler: &Scheduler<T>) {
        for &key in &self.keys {
            assert!(scheduler.get(key).is_some(), "{key:?} has ended and counts as unreferenced");
        }
        let paused = self.keys.iter().filter(|&&key| scheduler.is_paused(key)).count();
        assert_eq!(self.paused, paused, "unreferenced timers that are paused");
    }
}
