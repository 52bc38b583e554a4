//! The timers that do not keep the loop going although they are not paused, and those that are paused as well.
//!
//! ```text
//!              not paused       paused
//!            ┌───────────────┬───────────────┐
//!  referenced│ keep it going │               │
//!            ├───────────────┼───────────────┤
//!  un-       │               │ counted here, │
//!  referenced│ in the set    │ in the set    │
//!            └───────────────┴───────────────┘
//! ```
//!
//! A program that leaves no timer unreferenced pays nothing for this: the exceptions are counted, not the rule.

use crate::Key;
use cogloop_engine::Scheduler;
use std::collections::{HashSet, TryReserveError};

/// Live timers that do not keep the loop going.
#[derive(Default)]
pub(crate) struct Unreferenced {
    keys: HashSet<Key>,
    // How many of those are paused.
    paused: usize,
}

impl Unreferenced {
    /// How many there are that are not paused.
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

    /// Takes a timer out, if it is in.
    pub(crate) fn remove(&mut self, key: Key, is_paused: bool) {
        if !self.keys.is_empty() && self.keys.remove(&key) {
            self.paused -= usize::from(is_paused);
        }
    }

    /// A timer was paused.
    pub(crate) fn pause(&mut self, key: Key) {
        self.paused += usize::from(self.contains(key));
    }

    /// A timer that was paused is so no longer.
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

    /// Panics when a timer in the set is gone, or when the number of the paused ones is wrong.
    pub(crate) fn audit<T: Default + Clone>(&self, scheduler: &Scheduler<T>) {
        for &key in &self.keys {
            assert!(scheduler.get(key).is_some(), "{key:?} is gone and counts as unreferenced");
        }
        let paused = self.keys.iter().filter(|&&key| scheduler.is_paused(key)).count();
        assert_eq!(self.paused, paused, "unreferenced timers that are paused");
    }
}
