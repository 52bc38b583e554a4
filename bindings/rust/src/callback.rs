//! Callbacks as the tables hold them: boxed by [`boxed`](crate::memory::boxed), so that running out of memory is an error.

use crate::outcome::{Outcome, Verdict};
use std::ops::ControlFlow;

/// A callback that is called once, with the user's state and something of ours.
pub(crate) trait CallOnce<S, A: ?Sized> {
    fn call_once(self: Box<Self>, state: &mut S, what: &A) -> Verdict;
}

impl<S, A: ?Sized, R: Outcome, F: FnOnce(&mut S, &A) -> R> CallOnce<S, A> for [F; 1] {
    fn call_once(self: Box<Self>, state: &mut S, what: &A) -> Verdict {
        let [f] = *self;
        f(state, what).verdict()
    }
}

/// A callback that is called again and again.
pub(crate) trait Call<S, A: ?Sized> {
    fn call(&mut self, state: &mut S, what: &A) -> Verdict;
}

impl<S, A: ?Sized, R: Outcome, F: FnMut(&mut S, &A) -> R> Call<S, A> for [F; 1] {
    fn call(&mut self, state: &mut S, what: &A) -> Verdict {
        let [f] = self;
        f(state, what).verdict()
    }
}

/// A callback of a timer, of either kind: one type for both is two words long, and its table is read and written without
/// a detour through memory. Whether it repeats is for the caller to know.
pub(crate) trait OnTimer<S, A: ?Sized> {
    fn call_once(self: Box<Self>, state: &mut S, what: &A) -> Verdict;
    fn call(&mut self, state: &mut S, what: &A) -> Verdict;
}

/// That of a timer that fires once.
pub(crate) struct Once<F>(pub(crate) F);

/// That of one that repeats.
pub(crate) struct Repeat<F>(pub(crate) F);

/// In the place of a callback that runs; a box of it takes no memory.
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
