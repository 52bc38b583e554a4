//! Idle callbacks: background work in small pieces, for turns without other work.

use crate::Error;
use crate::handle::{Handle, OnIdle};
use crate::idles::Idles;
use crate::memory;
use crate::names::sealed::Name;
use crate::outcome::Outcome;
use crate::slab::SlabKey;
use std::fmt;
use std::ops::ControlFlow;

/// Names an idle callback of one loop, as a [`Timer`](crate::Timer) names a timer.
///
/// ```
/// let events = cogloop::Loop::<()>::new()?;
/// let idle = events.idle(|_, _| ())?;
/// assert!(events.cancel(idle) && !events.cancel(idle));
/// # Ok::<(), cogloop::Error>(())
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Idle {
    key: SlabKey,
    owner: u32,
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Idle({:?} of loop {})", self.key, self.owner)
    }
}

impl Name for Idle {
    fn cancel<S>(self, handle: &Handle<S>) -> bool {
        if self.owner != handle.core().id {
            return false;
        }
        // The callback is dropped after the borrow.
        let removed = handle.idles().borrow_mut().callbacks.remove(self.key);
        removed.is_some()
    }
}

impl<S> Handle<S> {
    /// Calls `f` whenever a turn has found nothing else to do, until `f` returns `Break` or the idle callback is
    /// cancelled. While there is an idle callback, the loop does not wait. So let each call do a small piece of the
    /// work, and let the last call return `Break`. An idle callback that never ends cannot stop virtual time: see
    /// [`Loop::simulated`](crate::Loop::simulated).
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::ops::ControlFlow;
    ///
    /// let mut events = Loop::new()?;
    /// let mut numbers = 1..=100;
    /// events.idle(move |sum: &mut u32, _| match numbers.next() {
    ///     Some(number) => { *sum += number; ControlFlow::Continue(()) }
    ///     None => ControlFlow::Break(()),
    /// })?;
    /// let mut sum = 0;
    /// events.run(&mut sum)?;
    /// assert_eq!(sum, 5050);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Memory`].
    pub fn idle<R: Outcome>(&self, f: impl FnMut(&mut S, &Handle<S>) -> R + 'static) -> Result<Idle, Error> {
        self.core().check_open()?;
        let callback: OnIdle<S> = memory::boxed(f)?;
        self.idles().borrow_mut().try_reserve()?;
        let key = self.idles().borrow_mut().callbacks.insert(Some(callback));
        Ok(Idle { key, owner: self.core().id })
    }

    /// Calls each idle callback once.
    pub(crate) fn serve_idle(&self, state: &mut S) -> Result<(), Error> {
        {
            // Callbacks that are added meanwhile are called in the next turn.
            let Idles { callbacks, round } = &mut *self.idles().borrow_mut();
            round.clear();
            round.extend(callbacks.keys());
        }
        while !self.core().is_stopped.get() {
            let Some(key) = self.idles().borrow_mut().round.pop() else { break };
            let place = self.idles().borrow_mut().callbacks.get_mut(key).and_then(Option::take);
            let Some(mut callback) = place else { continue };
            let ending = Ending(self, Idle { key, owner: self.core().id });
            if self.spanned("idle", || callback.call(state, self))? == ControlFlow::Continue(()) {
                std::mem::forget(ending);
                let mut callback = Some(callback);
                if let Some(place) = self.idles().borrow_mut().callbacks.get_mut(key) {
                    *place = callback.take();
                }
            }
        }
        Ok(())
    }
}

/// Ends the callback that has returned `Break` or an error, or has panicked.
struct Ending<'a, S>(&'a Handle<S>, Idle);

impl<S> Drop for Ending<'_, S> {
    fn drop(&mut self) {
        self.0.cancel(self.1);
    }
}
