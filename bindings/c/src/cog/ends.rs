//! *End functions*, which free a `ctx`. Each is called once, after the library's last use of the `ctx`.
//!
//! ```text
//!   a timer or watch ends by              its end function is called
//!   its last callback                     after that callback
//!   cancel, remove                        at once; if its own callback is running, after that callback
//!   cog_loop_free, the thread's end       at once; if its own callback is running, after that callback
//! ```
//!
//! Few timers have an end function. So the functions are in a table beside the wheel. A loop without end functions pays
//! for one test in each call.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use cogloop_io::memory::ByIndex;
use cogloop_io::{Key, Token};

use super::CogPostFn;
use super::answer::{Failure, or_no_memory};
use crate::must_return::must_return;

/// An end function that has to be called, and its argument.
#[derive(Copy, Clone, Debug)]
#[must_use = "the ctx is freed only when the end function is called"]
pub(super) struct End {
    pub(super) run: CogPostFn,
    pub(super) ctx: *mut c_void,
}

impl End {
    /// Calls the function. The loop must not be borrowed, because the function may use the loop.
    pub(super) fn call(self) {
        // SAFETY: the user gave the function and its ctx for this call.
        must_return("an end function", || unsafe { (self.run)(self.ctx) });
    }
}

/// The timer or watch whose callback is running.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Serving {
    Nothing,
    Timer(Key),
    Watch(Token),
}

pub(super) struct Ends {
    /// Whether an end function was ever set.
    are_used: Cell<bool>,
    of_timers: RefCell<ByIndex<Option<(Key, CogPostFn)>>>,
    serving: Cell<Serving>,
    /// The end function of a timer or watch that has ended in its own callback. It is kept while that callback is still
    /// running.
    deferred: Cell<Option<End>>,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            are_used: Cell::new(false),
            of_timers: RefCell::default(),
            serving: Cell::new(Serving::Nothing),
            deferred: Cell::new(None),
        }
    }
}

impl Ends {
    #[inline(always)]
    pub(super) fn are_used(&self) -> bool {
        self.are_used.get()
    }

    pub(super) fn set_timer(&self, key: Key, run: Option<CogPostFn>) -> Result<(), Failure> {
        let mut of_timers = self.of_timers.borrow_mut();
        if let Some(run) = run {
            or_no_memory("timer", of_timers.try_grow(key.index()))?;
            of_timers.replace(key.index(), Some((key, run)));
            self.are_used.set(true);
        } else if of_timers.get(key.index()).is_some_and(|place| place.is_some_and(|(of, _)| of == key)) {
            of_timers.take(key.index());
        }
        Ok(())
    }

    /// Takes the end function of a timer that has ended.
    pub(super) fn take_timers(&self, key: Key, ctx: *mut c_void) -> Option<End> {
        let mut of_timers = self.of_timers.borrow_mut();
        let (_, run) = of_timers.get_mut(key.index())?.take_if(|(of, _)| *of == key)?;
        Some(End { run, ctx })
    }

    /// Takes the end functions of all timers.
    pub(super) fn drain_timers(&self) -> impl Iterator<Item = (Key, CogPostFn)> {
        let indices = self.of_timers.borrow().indices();
        indices.filter_map(|index| self.of_timers.borrow_mut().take(index))
    }

    /// Call when an end function is set for a watch. The watch's own entry stores the function.
    pub(super) fn note_watch(&self) {
        self.are_used.set(true);
    }

    pub(super) fn begin(&self, serving: Serving) {
        self.serving.set(serving);
    }

    /// Call after a callback. Returns the end function that was deferred meanwhile.
    pub(super) fn finish(&self) -> Option<End> {
        self.serving.set(Serving::Nothing);
        self.deferred.take()
    }

    /// Returns the end function if it can be called now. While the callback of `of` runs, the function is deferred
    /// until the callback has returned.
    pub(super) fn or_defer(&self, of: Serving, end: Option<End>) -> Option<End> {
        if end.is_some() && self.serving.get() == of {
            self.deferred.set(end);
            return None;
        }
        end
    }
}
