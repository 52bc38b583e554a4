//! Functions that free a `ctx`: each is called once, when the library has let go of it.
//!
//! ```text
//!   the last call of a one-shot, of a child's watch ──► after that callback
//!   cancel, remove ──► at once, or after the callback if it comes from its own
//!   cog_loop_free, the end of the thread ──► at once, or after the callback of the one that is being served
//! ```
//!
//! Few timers have one, so they stand in a table beside the wheel, and a loop without any pays for one test a call.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use cogloop_io::memory::ByIndex;
use cogloop_io::{Key, Token};

use super::CogPostFn;
use super::answer::{Failure, or_no_memory};

/// A function that is due, and its argument.
#[derive(Copy, Clone, Debug)]
#[must_use = "the ctx is freed when it is called"]
pub(super) struct End {
    pub(super) run: CogPostFn,
    pub(super) ctx: *mut c_void,
}

impl End {
    /// Nothing of the loop may be borrowed.
    pub(super) fn call(self) {
        // SAFETY: the user gave both for this.
        unsafe { (self.run)(self.ctx) }
    }
}

/// What is served at this moment.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Serving {
    Nothing,
    Timer(Key),
    Watch(Token),
}

pub(super) struct Ends {
    /// Whether there ever was one.
    are_used: Cell<bool>,
    of_timers: RefCell<ByIndex<Option<(Key, CogPostFn)>>>,
    serving: Cell<Serving>,
    /// Of the timer or watch that is served, which has ended in its own callback.
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

    /// The function of a timer that has ended.
    pub(super) fn take_timers(&self, key: Key, ctx: *mut c_void) -> Option<End> {
        let mut of_timers = self.of_timers.borrow_mut();
        let (_, run) = of_timers.get_mut(key.index())?.take_if(|(of, _)| *of == key)?;
        Some(End { run, ctx })
    }

    /// Every timer that has one; none has any afterwards.
    pub(super) fn drain_timers(&self) -> impl Iterator<Item = (Key, CogPostFn)> {
        let indices = self.of_timers.borrow().indices();
        indices.filter_map(|index| self.of_timers.borrow_mut().take(index))
    }

    /// A watch has one, which stands in its own place.
    pub(super) fn note_watch(&self) {
        self.are_used.set(true);
    }

    pub(super) fn begin(&self, serving: Serving) {
        self.serving.set(serving);
    }

    /// After a callback: what has ended in it.
    pub(super) fn finish(&self) -> Option<End> {
        self.serving.set(Serving::Nothing);
        self.deferred.take()
    }

    /// Returns what can be called now; the function of what is being served waits for its callback to return.
    pub(super) fn or_defer(&self, of: Serving, end: Option<End>) -> Option<End> {
        if end.is_some() && self.serving.get() == of {
            self.deferred.set(end);
            return None;
        }
        end
    }
}
