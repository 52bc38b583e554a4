//! What keeps a loop going: every timer whose time runs and every descriptor, but for those that are told not to.
//!
//! A heartbeat, or a descriptor that only listens for a reload, should not keep a program alive that has nothing else to
//! do. It is served like any other as long as something else does.
//!
//! A paused timer cannot come, so it keeps no loop going either; resumed, it does.
//!
//! Whoever does not use this pays nothing for it: the exceptions are counted, not the rule.
//!
//! ```text
//!   all timers = armed │ paused │ both │ unreferenced         idle: nothing is in the first part
//!                               └ paused_unref
//! ```

use super::EventLoop;
use crate::{Key, Token};
use std::collections::TryReserveError;

impl<T: Default + Clone> EventLoop<T> {
    /// Whether nothing is left that keeps the loop going: neither timer nor descriptor, those left out that are
    /// [paused](Self::pause_timer) or [unreferenced](Self::unref_timer). With none of either kind only a wake could end a
    /// wait.
    pub fn is_idle(&self) -> bool {
        let exceptions = self.scheduler.paused() + self.unref_timers.len() - self.paused_unref;
        self.scheduler.len() == exceptions && self.table.len() == self.table.unreferenced()
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
        let is_live = self.scheduler.get(key).is_some();
        if is_live {
            self.unref_timers.try_reserve(1)?;
            let is_new = self.unref_timers.insert(key);
            self.paused_unref += usize::from(is_new && self.scheduler.is_paused(key));
        }
        Ok(is_live)
    }

    /// Takes [`unref_timer`](Self::unref_timer) back. `false` for a stale key.
    pub fn ref_timer(&mut self, key: Key) -> bool {
        if self.unref_timers.remove(&key) {
            self.paused_unref -= usize::from(self.scheduler.is_paused(key));
        }
        self.scheduler.get(key).is_some()
    }

    /// Lets the loop be idle in spite of this descriptor, until it is removed or replaced. `false` for a stale token.
    pub fn unref_descriptor(&mut self, token: Token) -> bool {
        self.table.set_referenced(token, false)
    }

    /// Takes [`unref_descriptor`](Self::unref_descriptor) back. `false` for a stale token.
    pub fn ref_descriptor(&mut self, token: Token) -> bool {
        self.table.set_referenced(token, true)
    }

    /// After a timer was paused, or before one that may be paused is so no longer.
    pub(super) fn note_paused(&mut self, key: Key, is_more: bool) {
        if self.unref_timers.is_empty() || !self.unref_timers.contains(&key) || !self.scheduler.is_paused(key) {
            return;
        }
        if is_more { self.paused_unref += 1 } else { self.paused_unref -= 1 }
    }

    /// After a timer may have gone.
    pub(super) fn forget_unref(&mut self, key: Key) {
        if !self.unref_timers.is_empty() && self.scheduler.get(key).is_none() {
            self.unref_timers.remove(&key);
        }
    }
}
