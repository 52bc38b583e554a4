//! What a scheduler returns for a timer that fires.

use core::ops::{Deref, DerefMut};

use crate::key::Key;

/// A timer that fires.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Fired<T> {
    /// The timer's key. It stays valid if the timer repeats or is kept
    /// ([`Scheduler::try_add_kept`](crate::Scheduler::try_add_kept)), and is stale if the timer has ended.
    pub key: Key,
    /// The deadline for which the timer fires, rounded up to the resolution.
    pub deadline: u64,
    /// The time from the deadline to the `now` of the last [`Scheduler::advance`](crate::Scheduler::advance).
    pub late: u64,
    /// The number of later deadlines that have passed as well and will not be served.
    pub missed: u64,
    /// The value that the timer was added with.
    pub value: T,
}

/// The value of a timer that fires, as [`Scheduler::pop_mut`](crate::Scheduler::pop_mut) returns it. Both variants
/// dereference to the value.
#[derive(Debug)]
pub enum FiredValue<'a, T> {
    /// The timer has ended, and its value has left the scheduler.
    Ended(T),
    /// The timer repeats and is armed again, or it is kept and stopped. Its value stays in the scheduler.
    Repeats(&'a mut T),
}

impl<T> Deref for FiredValue<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Ended(value) => value,
            Self::Repeats(value) => value,
        }
    }
}

impl<T> DerefMut for FiredValue<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Ended(value) => value,
            Self::Repeats(value) => value,
        }
    }
}
