//! Timers with callbacks: once, or again and again.
//!
//! ```text
//!   wheel (cogloop-io)      key = index + generation  ──►  due
//!                                  │
//!   timers: [ Empty │ Once( f ) │ Repeat( f ) │ Running │ … ]     by the key's index
//! ```
//!
//! The wheel gives no two live timers the same index, so the table of callbacks needs no search and no keys of its own. A
//! callback is taken out of the table while it runs: it may do anything to the loop, its own timer included.

use crate::core::{Core, Kind};
use crate::handle::{Firing, Handle, Once, Repeat};
use crate::memory::boxed;
use crate::options::nanoseconds;
use crate::outcome::Outcome;
use crate::slots::TimerSlot;
use crate::{Error, Interval};
use cogloop_io::{AddError, ExpiredTimer, Key, Plan};
use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Names a timer of one loop. It is a number with a generation: copy it, keep it, drop it, none of which touches the
/// timer. Once the timer has ended it names nothing, for ever, and in another loop it never named anything.
///
/// ```
/// use std::time::Duration;
///
/// let events = cogloop::Loop::<()>::simulated()?;
/// let timer = events.after(Duration::from_secs(1), |_, _| ())?;
/// let copy = timer;
/// assert!(events.cancel(copy));
/// assert!(!events.cancel(timer)); // gone, whoever asks
/// # Ok::<(), cogloop::Error>(())
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Hash)]
pub struct Timer {
    pub(crate) key: Key,
    owner: u32,
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timer({:?} of loop {})", self.key, self.owner)
    }
}

impl<S> Firing<'_, S> {
    /// The timer that fires. That of [`every`](Handle::every) can be cancelled, paused or rescheduled; one that fires once
    /// has ended already.
    pub fn timer(&self) -> Timer {
        self.handle.timer_of(self.expired.key)
    }

    /// The moment for which it was armed, rounded up to the loop's resolution.
    pub fn deadline(&self) -> Instant {
        // A deadline that has passed is not beyond the end of the clock.
        self.handle.core().instant(self.expired.deadline_ns).unwrap_or_else(|| self.handle.now())
    }

    /// How late it was when the turn began.
    pub fn late(&self) -> Duration {
        Duration::from_nanos(self.expired.late_ns)
    }

    /// How many deadlines have passed as well and will not be served; of [`Missed::Skip`](crate::Missed::Skip) only.
    pub fn missed(&self) -> u64 {
        self.expired.missed
    }
}

/// Making timers.
impl<S> Handle<S> {
    /// Calls `f` once, `delay` from now: never earlier, in a later turn even if `delay` is zero.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::new()?;
    /// let late = events.after(Duration::from_millis(2), |log: &mut Vec<_>, _| log.push("two"))?;
    /// events.after(Duration::from_millis(1), move |log: &mut Vec<_>, firing| {
    ///     log.push("one");
    ///     assert!(firing.cancel(late));
    ///     firing.after(Duration::ZERO, |log, _| log.push("the next turn"))?;
    ///     Ok::<_, cogloop::Error>(())
    /// })?;
    /// let mut log = Vec::new();
    /// events.run(&mut log)?;
    /// assert_eq!(log, ["one", "the next turn"]);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    pub fn after<R: Outcome>(
        &self,
        delay: Duration,
        f: impl FnOnce(&mut S, &Firing<'_, S>) -> R + 'static,
    ) -> Result<Timer, Error> {
        self.core().check_open()?;
        let slot = TimerSlot::Once(boxed(f)? as Once<S>);
        let added = self.core().events.borrow_mut().try_add_timer(nanoseconds(delay), Kind::Callback);
        self.keep_timer(added, slot)
    }

    /// Calls `f` once, at `when`; in the next turn if that has passed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::new()?;
    /// let when = events.now() + Duration::from_millis(1);
    /// events.at(when, move |_, firing| assert!(firing.now() >= when))?;
    /// events.run(&mut ())?;
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    pub fn at<R: Outcome>(
        &self,
        when: Instant,
        f: impl FnOnce(&mut S, &Firing<'_, S>) -> R + 'static,
    ) -> Result<Timer, Error> {
        self.core().check_open()?;
        let deadline_ns = self.core().ns_of(when);
        let slot = TimerSlot::Once(boxed(f)? as Once<S>);
        let added = self.core().events.borrow_mut().try_add_timer_at(deadline_ns, Kind::Callback);
        self.keep_timer(added, slot)
    }

    /// Calls `f` every so often, until it is cancelled or `f` breaks off, on a schedule that does not drift.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::simulated()?;
    /// let pulse = events.every(Duration::from_secs(10), |pulses: &mut u32, _| *pulses += 1)?;
    /// events.after(Duration::from_secs(3605), move |_, firing| assert!(firing.cancel(pulse)))?;
    /// let mut pulses = 0;
    /// events.run(&mut pulses)?; // an hour of virtual time, and a little
    /// assert_eq!(pulses, 360);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ZeroPeriod`], [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    pub fn every<R: Outcome>(
        &self,
        interval: impl Into<Interval>,
        f: impl FnMut(&mut S, &Firing<'_, S>) -> R + 'static,
    ) -> Result<Timer, Error> {
        let interval = interval.into();
        let period_ns = interval.period_ns()?;
        self.core().check_open()?;
        let first_ns = self.core().ns_after(interval.first.unwrap_or(interval.period));
        let plan = Plan::every(first_ns, period_ns, interval.missed).with_slack(nanoseconds(interval.slack));
        let slot = TimerSlot::Repeat(boxed(f)? as Repeat<S>);
        let added = self.core().events.borrow_mut().try_add_planned(plan, Kind::Callback);
        self.keep_timer(added, slot)
    }
}

/// What names, callbacks and the wheel have to do with each other.
impl<S> Handle<S> {
    pub(crate) fn timer_of(&self, key: Key) -> Timer {
        Timer { key, owner: self.core().id }
    }

    pub(crate) fn knows(&self, timer: Timer) -> bool {
        timer.owner == self.core().id
    }

    /// Gives a timer that was added its callback; where there is no room for that, it is gone again.
    fn keep_timer(&self, added: Result<Key, AddError>, slot: TimerSlot<Once<S>, Repeat<S>>) -> Result<Timer, Error> {
        let key = added.map_err(Error::refused)?;
        if let Err(refused) = self.timers().borrow_mut().try_grow(key.index()) {
            self.core().events.borrow_mut().cancel_timer(key);
            return Err(refused.into());
        }
        self.put_timer(key, slot);
        Ok(self.timer_of(key))
    }

    fn put_timer(&self, key: Key, slot: TimerSlot<Once<S>, Repeat<S>>) {
        if let Some(place) = self.timers().borrow_mut().get_mut(key.index()) {
            *place = slot;
        }
    }

    pub(crate) fn take_timer(&self, key: Key) -> TimerSlot<Once<S>, Repeat<S>> {
        self.timers().borrow_mut().take(key.index())
    }

    /// Calls what the timer is for.
    pub(crate) fn fire(&self, state: &mut S, expired: ExpiredTimer<Kind>) -> Result<(), Error> {
        if expired.value == Kind::Sleep {
            Core::wake_sleeper(self.core(), expired.key);
            return Ok(());
        }
        let firing = Firing { handle: self, expired };
        match self.take_timer(expired.key) {
            TimerSlot::Once(f) => f.call_once(state, &firing).map(drop),
            TimerSlot::Repeat(mut f) => {
                self.put_timer(expired.key, TimerSlot::Running);
                let ending = Ending(&firing);
                let verdict = f.call(state, &firing)?;
                if verdict == ControlFlow::Continue(()) {
                    std::mem::forget(ending);
                    self.put_back(expired.key, f);
                }
                Ok(())
            }
            TimerSlot::Running | TimerSlot::Empty => Ok(()),
        }
    }

    /// After its callback has run: the timer may have been cancelled by it, and its place be another one's.
    fn put_back(&self, key: Key, f: Repeat<S>) {
        if self.core().is_live(key) {
            self.put_timer(key, TimerSlot::Repeat(f));
        }
    }
}

/// Ends the timer whose callback runs: it has broken off, failed or panicked.
struct Ending<'a, S>(&'a Firing<'a, S>);

impl<S> Drop for Ending<'_, S> {
    fn drop(&mut self) {
        self.0.cancel(self.0.timer());
    }
}
