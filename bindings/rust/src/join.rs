//! The result of a task, or of a closure of `with`, and the waker of the future that waits for it.

use crate::Error;
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub(crate) enum Join<T> {
    Waiting(Option<Waker>),
    Done(T),
    Cancelled,
}

impl<T> Join<T> {
    pub(crate) fn poll(join: &RefCell<Self>, cx: &Context<'_>) -> Poll<Result<T, Error>> {
        let waker = cx.waker().clone();
        let mut place = join.borrow_mut();
        match &mut *place {
            Self::Waiting(known) => {
                let old = known.replace(waker);
                // The old waker is dropped after the borrow.
                drop(place);
                drop(old);
                Poll::Pending
            }
            Self::Cancelled => Poll::Ready(Err(Error::Cancelled)),
            Self::Done(_) => match std::mem::replace(&mut *place, Self::Cancelled) {
                Self::Done(output) => Poll::Ready(Ok(output)),
                _ => Poll::Ready(Err(Error::Cancelled)),
            },
        }
    }

    /// Sets the result and wakes the future that waits for it. Has no effect on a `Join` that has ended.
    pub(crate) fn end(join: &RefCell<Self>, end: Self) {
        let mut place = join.borrow_mut();
        if let Self::Waiting(waker) = &mut *place {
            let waker = waker.take();
            *place = end;
            drop(place);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// The writing end of a `Join`. If it is dropped without a result, the `Join` ends as `Cancelled`.
pub(crate) struct Finish<T>(pub(crate) Rc<RefCell<Join<T>>>);

impl<T> Finish<T> {
    pub(crate) fn set(&self, end: Join<T>) {
        Join::end(&self.0, end);
    }
}

impl<T> Drop for Finish<T> {
    fn drop(&mut self) {
        self.set(Join::Cancelled);
    }
}
