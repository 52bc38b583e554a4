//! The steps in which code that LuaJIT compiles with the script adds a timer, cancels it, or takes it to serve it. One
//! step changes the wheel. Another step changes the loop's table TASKS, which has an entry for each timer. No steps
//! begin while a debug hook is set, because the hook could use the loop between two steps. A finalizer may still run
//! between two steps, and so may a hook that another thread or a signal handler sets. Lua's own Ctrl-C sets such a
//! hook, which raises.
//!
//! ```text
//!   add      arm ─────► the Lua code stores the entry in TASKS ────► arming = 0
//!                │ a turn, a listing or another timer comes between: the timer is parked (paused, with its place)
//!                └─ parked ──────────────────────────────────────► armed_in_steps: its time goes on
//!
//!   cancel   cancel ──► the Lua code empties the place in TASKS ───► emptying = 0
//!   serve    next ────►     └─ meanwhile a new timer does not get this place
//! ```
//!
//! The Lua code ends the steps by a store into the loop's block, which takes no call. See [`Places`].
//!
//! An error of a hook, or a lack of memory, may leave the steps unfinished. A timer that stays parked never fires; the
//! next parked timer replaces it. A place that stays reserved is free again after the next turn.

use super::entries::slot;
use super::memory::{Places, State, Steps};
use cogloop_io::Key;

/// The place in TASKS of the timer with this index.
fn place_of(index: u32) -> i32 {
    slot(index) as i32
}

impl Steps {
    /// Whether [`State::empties`] may be called. It must not be called while another place still has to be emptied.
    pub(crate) fn may_empty(&self) -> bool {
        self.places().is_none_or(|places| places.emptying.get() == 0)
    }

    /// Whether a new timer must not have this place.
    #[inline]
    pub(crate) fn is_reserved(&self, index: u32) -> bool {
        self.places().is_some_and(|places| places.emptying.get() == place_of(index))
    }

    /// Whether the timer is parked. The script has not received a parked timer yet, so a listing omits it.
    pub(crate) fn is_parked(&self, key: Key) -> bool {
        self.parked == Some(key)
    }

    #[inline]
    fn places(&self) -> Option<&Places> {
        // SAFETY: the pointer leads into the loop's block, which outlives the state. The Lua code does not run while
        // the reference is alive.
        self.places.map(|places| unsafe { places.as_ref() })
    }

    /// The timer that was armed last, if its entry is not in TASKS yet.
    #[inline]
    fn take_arming(&mut self) -> Option<Key> {
        let was_arming = self.places().is_some_and(|places| places.arming.replace(0) != 0);
        self.arming.take().filter(|_| was_arming)
    }

    fn set_parked(&mut self, key: Option<Key>) {
        self.parked = key;
        if let Some(places) = self.places() {
            places.parked.set(key.map_or(0, |key| place_of(key.index())));
        }
    }
}

impl State {
    /// Notes that a timer is in the wheel, and that the Lua code still has to store its entry.
    #[inline]
    pub(crate) fn arms(&mut self, key: Key) {
        self.unlinked = None;
        self.steps.arming = Some(key);
        if let Some(places) = self.steps.places() {
            places.arming.set(place_of(key.index()));
        }
    }

    /// Notes that the entry of a timer that was armed in steps is in TASKS. If the timer is parked, lets its time go
    /// on. Returns false if the timer was cancelled meanwhile.
    pub(crate) fn armed_in_steps(&mut self, key: Key) -> bool {
        if self.steps.is_parked(key) {
            self.steps.set_parked(None);
            return self.events.resume_timer(key);
        }
        self.steps.arming == Some(key) && self.steps.take_arming().is_some()
    }

    /// Notes that a timer has left the wheel, and that the Lua code still has to empty its place in TASKS.
    #[inline]
    pub(crate) fn empties(&mut self, index: u32) {
        if let Some(places) = self.steps.places() {
            places.emptying.set(place_of(index));
        }
    }

    /// Notes that the place that [`empties`](Self::empties) has reserved is empty.
    #[inline]
    pub(crate) fn emptied(&mut self) {
        if let Some(places) = self.steps.places() {
            places.emptying.set(0);
        }
    }

    /// Parks a timer whose entry is not in TASKS yet.
    #[inline]
    pub(super) fn park(&mut self) {
        if let Some(key) = self.steps.take_arming() {
            self.park_timer(key);
        }
    }

    #[cold]
    fn park_timer(&mut self, key: Key) {
        if let Some(lost) = self.steps.parked.take() {
            self.events.cancel_timer(lost);
        }
        match self.events.try_pause_timer(key) {
            Ok(_) => self.steps.set_parked(Some(key)),
            Err(_) => {
                self.steps.set_parked(None);
                self.events.cancel_timer(key);
            }
        }
    }
}
