//! What keeps a loop going: every descriptor, and every timer that is neither paused nor stopped, except those that are
//! unreferenced.
//!
//! Some timers and descriptors should not keep a program alive by themselves, such as a heartbeat, or a descriptor that
//! only listens for a reload. As long as something else keeps the loop going, unreferenced ones are served like the
//! others.
//!
//! A paused or stopped timer cannot expire, so it does not keep the loop going until it is armed again.

use super::EventLoop;
use crate::{Key, Token};
use std::collections::TryReserveError;

impl<T: Clone> EventLoop<T> {
    /// Whether nothing keeps the loop going: every timer is [paused](Self::pause_timer), [stopped](Self::stop_timer) or
    /// [unreferenced](Self::unref_timer), and every descriptor is unreferenced. If there are no timers and no
    /// descriptors at all, only a wake could end a wait.
    pub fn is_idle(&self) -> bool {
        !self.timers.keep_going() && !self.observed.table().keeps_going()
    }

    /// Lets the loop be idle although this timer is armed. The timer stays unreferenced as long as its key is valid.
    /// Returns `false` for a stale key.
    ///
    /// # Panics
    /// When there is no memory. [`try_unref_timer`](Self::try_unref_timer) returns an error instead.
    pub fn unref_timer(&mut self, key: Key) -> bool {
        self.try_unref_timer(key).unwrap_or_else(|_| panic!("not enough memory to unreference a timer"))
    }

    /// [`unref_timer`](Self::unref_timer) for programs that go on when memory runs out.
    ///
    /// # Errors
    /// When there is no memory; the timer keeps the loop going then.
    pub fn try_unref_timer(&mut self, key: Key) -> Result<bool, TryReserveError> {
        self.timers.try_unreference(key)
    }

    /// Undoes [`unref_timer`](Self::unref_timer). Returns `false` for a stale key.
    pub fn ref_timer(&mut self, key: Key) -> bool {
        self.timers.reference(key)
    }

    /// Lets the loop be idle although this descriptor is observed. The descriptor stays unreferenced until it is
    /// removed or replaced. Returns `false` for a stale token.
    pub fn unref_descriptor(&mut self, token: Token) -> bool {
        self.observed.set_referenced(token, false)
    }

    /// Undoes [`unref_descriptor`](Self::unref_descriptor). Returns `false` for a stale token.
    pub fn ref_descriptor(&mut self, token: Token) -> bool {
        self.observed.set_referenced(token, true)
    }
}
