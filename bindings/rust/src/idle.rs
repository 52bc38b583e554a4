//! Idle callbacks: for work in small pieces, done whenever there is nothing better to do.

use crate::Error;
use crate::handle::{Handle, OnIdle};
use crate::idles::Idles;
use crate::memory;
use crate::outcome::Outcome;
use crate::places::PlaceKey;
use std::fmt;
use std::ops::ControlFlow;

/// Names an idle callback of one loop, as a [`Timer`](crate::Timer) names a timer.
///
/// ```
/// let events = cogloop::Loop::<()>::new()?;
/// let idle = events.idle(|_, _| ())?;
/// assert!(events.cancel_idle(idle) && !events.cancel_idle(idle));
/// # Ok::<(), cogloop::Error>(())
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Hash)]
pub struct Idle {
    key: PlaceKey,
    owner: u32,
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Idle({:?} of loop {})", self.key, self.owner)
    }
}

impl<S> Handle<S> {
    /// Calls `f` whenever a turn has found nothing else to do, until it breaks off or is cancelled. The loop does not
    /// wait as long as there is one, so let each call do a little, and the last one break off. On virtual time, one that
    /// never ends lets 10,000 turns pass at one moment, and after that a little time with each: see
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

    /// Ends an idle callback. `false` if it has ended already, or belongs to another loop.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::new()?;
    /// let idle = events.idle(|rounds: &mut u32, _| *rounds += 1)?;
    /// events.after(Duration::from_millis(1), move |_, firing| assert!(firing.cancel_idle(idle)))?;
    /// let mut rounds = 0;
    /// events.run(&mut rounds)?;
    /// assert!(rounds > 0);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn cancel_idle(&self, idle: Idle) -> bool {
        if idle.owner != self.core().id {
            return false;
        }
        // Dropped after the borrow.
        let removed = self.idles().borrow_mut().callbacks.remove(idle.key);
        removed.is_some()
    }

    /// Calls each of them once.
    pub(crate) fn serve_idle(&self, state: &mut S) -> Result<(), Error> {
        {
            // Those that are added meanwhile have the next turn.
            let Idles { callbacks, round } = &mut *self.idles().borrow_mut();
            round.clear();
            round.extend(callbacks.keys());
        }
        while !self.core().is_stopped.get() {
            let Some(key) = self.idles().borrow_mut().round.pop() else { break };
            let place = self.idles().borrow_mut().callbacks.get_mut(key).and_then(Option::take);
            let Some(mut callback) = place else { continue };
            let ending = Ending(self, Idle { key, owner: self.core().id });
            if callback.call(state, self)? == ControlFlow::Continue(()) {
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

/// Ends the callback that runs: it has broken off, failed or panicked.
struct Ending<'a, S>(&'a Handle<S>, Idle);

impl<S> Drop for Ending<'_, S> {
    fn drop(&mut self) {
        self.0.cancel_idle(self.1);
    }
}
