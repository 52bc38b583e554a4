//! A mutex that reports to a thread sanitizer when a thread acquires or releases it. The library is not instrumented,
//! so the sanitizer does not see the lock itself; see `sys::sanitizer`.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sys::sanitizer;

pub(super) struct Lock<T> {
    mutex: Mutex<T>,
}

/// Keeps the lock locked. The fields are dropped in their order, so the sanitizer is told before the unlocking.
pub(super) struct Locked<'a, T> {
    released: Released<'a, T>,
    guard: MutexGuard<'a, T>,
}

/// When this value is dropped, it tells the sanitizer that this thread releases the mutex. The address identifies the
/// mutex.
struct Released<'a, T>(&'a Mutex<T>);

impl<T> Drop for Released<'_, T> {
    fn drop(&mut self) {
        sanitizer::released(self.0);
    }
}

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        sanitizer::look();
        Self { mutex: Mutex::new(value) }
    }

    pub(super) fn lock(&self) -> Locked<'_, T> {
        Locked::new(&self.mutex, self.mutex.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<'a, T> Locked<'a, T> {
    fn new(mutex: &'a Mutex<T>, guard: MutexGuard<'a, T>) -> Self {
        sanitizer::acquired(mutex);
        Self { released: Released(mutex), guard }
    }

    /// Unlocks, waits until `condition` is notified, and locks again.
    pub(super) fn wait(self, condition: &Condvar) -> Self {
        let Self { released, guard } = self;
        let mutex = released.0;
        drop(released);
        Self::new(mutex, condition.wait(guard).unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`wait`](Self::wait), but at most for `limit`. Also returns whether the time has passed.
    pub(super) fn wait_timeout(self, condition: &Condvar, limit: Duration) -> (Self, bool) {
        let Self { released, guard } = self;
        let mutex = released.0;
        drop(released);
        let (guard, result) = condition.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner);
        (Self::new(mutex, guard), result.timed_out())
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
