//! Adding and cancelling a timer in steps, for code that LuaJIT compiles with the script. No steps begin while a debug
//! hook is set, because the hook could use the loop between two of them. A finalizer may still run between two steps,
//! and so may a hook that another thread or a signal handler sets. Lua's own Ctrl-C sets such a hook, which raises.
//!
//! ```text
//!   add      arm ─────► the Lua code stores the entry in TASKS ────► linked
//!                │ a turn, a listing or another timer comes between: the timer is parked, paused and with its place
//!                └─ parked ──────────────────────────────────────► linked: its time goes on
//!
//!   cancel   cancel ──► the Lua code empties the place in TASKS ───► emptied
//!                └─ a new timer does not get this place
//! ```
//!
//! An error of a hook, or a lack of memory, may leave the steps unfinished. A timer that stays parked never fires; the
//! next parked timer replaces it. A place that stays reserved is free again after the next turn.

use super::memory::{State, Steps};
use cogloop_io::Key;

impl Steps {
    /// Whether [`State::empties`] may be called: no cancelling is unfinished.
    pub(crate) fn may_empty(&self) -> bool {
        self.emptying.is_none()
    }

    /// Whether a new timer must not have this place.
    #[inline]
    pub(crate) fn is_reserved(&self, index: u32) -> bool {
        self.emptying == Some(index)
    }

    /// Whether the timer is parked. The script has not received a parked timer yet, so a listing omits it.
    pub(crate) fn is_parked(&self, key: Key) -> bool {
        self.parked == Some(key)
    }
}

impl State {
    /// Call when a timer was armed in steps.
    #[inline]
    pub(crate) fn arms(&mut self, key: Key) {
        self.unlinked = None;
        self.steps.arming = Some(key);
    }

    /// Call when the entry of a timer that was armed in steps is in TASKS. Returns false if the timer was cancelled
    /// meanwhile.
    #[inline]
    pub(crate) fn armed_in_steps(&mut self, key: Key) -> bool {
        if self.steps.arming == Some(key) {
            self.steps.arming = None;
            return true;
        }
        self.steps.parked.take_if(|parked| *parked == key).is_some_and(|key| self.events.resume_timer(key))
    }

    /// Call when a timer was cancelled in steps.
    #[inline]
    pub(crate) fn empties(&mut self, index: u32) {
        self.steps.emptying = Some(index);
    }

    /// Call when the place in TASKS of a timer that was cancelled in steps is empty.
    #[inline]
    pub(crate) fn emptied(&mut self) {
        self.steps.emptying = None;
    }

    /// Parks a timer whose entry is not in TASKS yet.
    #[inline]
    pub(super) fn park(&mut self) {
        if let Some(key) = self.steps.arming.take() {
            self.park_timer(key);
        }
    }

    #[cold]
    fn park_timer(&mut self, key: Key) {
        if let Some(lost) = self.steps.parked.take() {
            self.events.cancel_timer(lost);
        }
        match self.events.try_pause_timer(key) {
            Ok(_) => self.steps.parked = Some(key),
            Err(_) => drop(self.events.cancel_timer(key)),
        }
    }
}
