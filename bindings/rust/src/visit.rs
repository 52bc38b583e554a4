//! A *visit*: a future's closure that gets the loop's state, in the next turn.
//!
//! ```text
//!   with ──► Asked { f, join } ◄── queue of visits ──► calls `f` with the state; `join` gets the result
//!                  ▲
//!   the future is dropped: `f` is taken out and dropped, and the visit has nothing to call
//! ```

use crate::core::Core;
use crate::handle::{Handle, Visit};
use crate::join::Join;
use crate::{Error, memory};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::rc::Rc;

/// A closure that a future has passed to `with`.
struct Asked<T, F> {
    /// `None` when the closure was called, or its future was dropped.
    f: Cell<Option<F>>,
    join: RefCell<Join<T>>,
    /// Whether the future was dropped while the visit is still in the queue. `Core` counts such visits.
    is_gone: Cell<bool>,
    core: Rc<Core>,
}

/// The future's end. Dropping it drops a closure that was not called yet.
struct Asking<T, F>(Rc<Asked<T, F>>);

impl<T, F> Drop for Asking<T, F> {
    fn drop(&mut self) {
        let Some(f) = self.0.f.take() else { return };
        self.0.is_gone.set(true);
        let gone = &self.0.core.visits_gone;
        gone.set(gone.get() + 1);
        drop(f);
    }
}

/// The loop's end. If this value is dropped before the call, the future gets [`Error::Cancelled`].
struct Answering<T, F>(Rc<Asked<T, F>>);

impl<T, F> Drop for Answering<T, F> {
    fn drop(&mut self) {
        let not_called = self.0.f.take();
        if self.0.is_gone.get() {
            let gone = &self.0.core.visits_gone;
            gone.set(gone.get() - 1);
        }
        Join::end(&self.0.join, Join::Cancelled);
        drop(not_called);
    }
}

impl<S> Handle<S> {
    /// For a future: calls `f` with the loop's state, and returns the result of `f`. The call comes in the next turn,
    /// between two callbacks. If the future is dropped earlier, `f` is dropped, too, and is not called.
    ///
    /// ```
    /// let mut events = cogloop::Loop::new()?;
    /// let handle = events.handle();
    /// events.spawn(async move {
    ///     let length = handle.with(|names: &mut Vec<&str>, _| names.len()).await?;
    ///     assert_eq!(length, 2);
    ///     Ok::<_, cogloop::Error>(())
    /// })?.detach();
    /// events.run(&mut vec!["one", "two"])?;
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the loop was cleared before the call, or `f` panicked; [`Error::Memory`],
    /// [`Error::Closed`].
    pub async fn with<T: 'static>(&self, f: impl FnOnce(&mut S, &Handle<S>) -> T + 'static) -> Result<T, Error> {
        self.core().check_open()?;
        let asked = Asked {
            f: Cell::new(Some(f)),
            join: RefCell::new(Join::Waiting(None)),
            is_gone: Cell::new(false),
            core: Rc::clone(self.core()),
        };
        let asking = Asking(memory::rc(asked)?);
        let answering = Answering(Rc::clone(&asking.0));
        let visit: Visit<S> = memory::boxed(move |state: &mut S, handle: &Handle<S>| {
            // `Break` says that there was nothing to call.
            let Some(f) = answering.0.f.take() else { return ControlFlow::Break(()) };
            Join::end(&answering.0.join, Join::Done(f(state, handle)));
            ControlFlow::Continue(())
        })?;
        self.visits().borrow_mut().try_reserve(1)?;
        self.visits().borrow_mut().push_back(visit);
        poll_fn(|cx| Join::poll(&asking.0.join, cx)).await
    }
}
