//! The callbacks in the tables. They are boxed by [`boxed`](crate::memory::boxed), so that running out of memory is an
//! error.

use crate::outcome::{Outcome, Verdict};
use std::ops::ControlFlow;

/// A callback that is called once. Its arguments are the user's state and a value of this crate.
pub(crate) trait CallOnce<S, A: ?Sized> {
    fn call_once(self: Box<Self>, state: &mut S, what: &A) -> Verdict;
}

impl<S, A: ?Sized, R: Outcome, F: FnOnce(&mut S, &A) -> R> CallOnce<S, A> for [F; 1] {
    fn call_once(self: Box<Self>, state: &mut S, what: &A) -> Verdict {
        let [f] = *self;
        f(state, what).verdict()
    }
}

/// A callback that can be called any number of times.
pub(crate) trait Call<S, A: ?Sized> {
    fn call(&mut self, state: &mut S, what: &A) -> Verdict;
}

impl<S, A: ?Sized, R: Outcome, F: FnMut(&mut S, &A) -> R> Call<S, A> for [F; 1] {
    fn call(&mut self, state: &mut S, what: &A) -> Verdict {
        let [f] = self;
        f(state, what).verdict()
    }
}

/// The callback of a one-shot or periodic timer. Both kinds are boxed as the same type, which takes two words. So a
/// callback is moved out of its table and back in registers. The caller has to know whether the timer is periodic.
pub(crate) trait OnTimer<S, A: ?Sized> {
    fn call_once(self: Box<Self>, state: &mut S, what: &A) -> Verdict;
    fn call(&mut self, state: &mut S, what: &A) -> Verdict;
}

/// The callback of a one-shot timer.
pub(crate) struct Once<F>(pub(crate) F);

/// The callback of a periodic timer.
pub(crate) struct Repeat<F>(pub(crate) F);

/// Stands in for a callback while the callback runs. The type has no size, so a box of it needs no memory.
pub(crate) struct Running;

impl<S, A: ?Sized, R: Outcome, F: FnOnce(&mut S, &A) -> R> OnTimer<S, A> for [Once<F>; 1] {
    fn call_once(self: Box<Self>, state: &mut S, what: &A) -> Verdict {
        let [Once(f)] = *self;
        f(state, what).verdict()
    }

    fn call(&mut self, _: &mut S, _: &A) -> Verdict {
        Ok(ControlFlow::Break(()))
    }
}

impl<S, A: ?Sized, R: Outcome, F: FnMut(&mut S, &A) -> R> OnTimer<S, A> for [Repeat<F>; 1] {
    fn call_once(mut self: Box<Self>, state: &mut S, what: &A) -> Verdict {
        self.call(state, what)
    }

    fn call(&mut self, state: &mut S, what: &A) -> Verdict {
        let [Repeat(f)] = self;
        f(state, what).verdict()
    }
}

impl<S, A: ?Sized> OnTimer<S, A> for Running {
    fn call_once(self: Box<Self>, _: &mut S, _: &A) -> Verdict {
        Ok(ControlFlow::Continue(()))
    }

    fn call(&mut self, _: &mut S, _: &A) -> Verdict {
        Ok(ControlFlow::Continue(()))
    }
}
