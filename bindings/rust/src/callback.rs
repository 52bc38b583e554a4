//! Callbacks as the tables hold them: boxed by [`boxed`](crate::memory::boxed), so that running out of memory is an error.

use crate::outcome::{Outcome, Verdict};

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
