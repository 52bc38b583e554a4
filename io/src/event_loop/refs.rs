//! What keeps a loop going: every timer whose time runs and every descriptor, except those that are unreferenced.
//!
//! A heartbeat, or a descriptor that only listens for a reload, should not keep a program alive that has nothing else to
//! do. As long as something else keeps the loop going, it is served like any other.
//!
//! A paused timer cannot expire, so it does not keep the loop going until it is resumed.

use super::EventLoop;
use crate::{Key, Token};
use std::collections::TryReserveError;

impl<T: Default + Clone> EventLoop<T> {
    /// Whether nothing is left that keeps the loop going: neither timer nor descriptor, those left out that are
    /// [paused](Self::pause_timer) or [unreferenced](Self::unref_timer). With none of either kind only a wake could end a
    /// wait.
    pub fn is_idle(&self) -> bool {
        !self.timers.keep_going() && !self.observed.table().keeps_going()
    }

    /// Lets the loop be idle in spite of this timer, for as long as its key is good. `false` for a stale key.
    ///
    /// # Panics
    /// When there is no memory to note it; [`try_unref_timer`](Self::try_unref_timer) says so by an error.
    pub fn unref_timer(&mut self, key: Key) -> bool {
        self.try_unref_timer(key).unwrap_or_else(|_| panic!("not enough memory to unreference a timer"))
    }

    /// [`unref_timer`](Self::unref_timer), for programs that go on when memory runs out.
    ///
    /// # Errors
    /// When there is no memory to note it; the timer keeps the loop going then.
    pub fn try_unref_timer(&mut self, key: Key) -> Result<bool, TryReserveError> {
        self.timers.try_unreference(key)
    }

    /// Takes [`unref_timer`](Self::unref_timer) back. `false` for a stale key.
    pub fn ref_timer(&mut self, key: Key) -> bool {
        self.timers.reference(key)
    }

    /// Lets the loop be idle in spite of this descriptor, until it is removed or replaced. `false` for a stale token.
    pub fn unref_descriptor(&mut self, token: Token) -> bool {
        self.observed.set_referenced(token, false)
    }

    /// Takes [`unref_descriptor`](Self::unref_descriptor) back. `false` for a stale token.
    pub fn ref_descriptor(&mut self, token: Token) -> bool {
        self.observed.set_referenced(token, true)
    }
}
