//! Timers with callbacks, one-shot and periodic.
//!
//! ```text
//!   wheel (cogloop-io)      key = index + generation  ──►  due
//!                                  │
//!   timers: [ none │ f │ running │ f │ … ]     by the key's index
//! ```
//!
//! No two live timers have the same index, so the table of callbacks needs no search and no keys of its own. A callback
//! is taken out of the table while it runs. So it may do anything to the loop and to its own timer.

use crate::callback::{Once, Repeat, Running};
use crate::core::{Core, Kind};
use crate::handle::{Firing, Handle, TimerCallback};
use crate::memory::boxed;
use crate::options::nanoseconds;
use crate::outcome::Outcome;
use crate::timeline::Of;
use crate::{Error, Interval};
use cogloop_io::{AddError, ExpiredTimer, Key, Plan};
use std::fmt;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::panic::Location;
use std::time::{Duration, Instant};

/// Names a timer of one loop: a number with a generation. Copying or dropping the name does not affect the timer. After
/// the timer has ended, the name is stale for ever; in another loop it is never valid.
///
/// ```
/// use std::time::Duration;
///
/// let events = cogloop::Loop::<()>::simulated()?;
/// let timer = events.after(Duration::from_secs(1), |_, _| ())?;
/// let copy = timer;
/// assert!(events.cancel(copy));
/// assert!(!events.cancel(timer)); // it has ended
/// # Ok::<(), cogloop::Error>(())
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Timer {
    /// The bits of the key, with the generation in the lower half. They are one integer, so that a timer is passed in
    /// registers.
    bits: NonZeroU64,
    owner: u32,
}

impl Timer {
    #[inline]
    fn new(key: Key, owner: u32) -> Self {
        // A generation is odd, so `| 1` changes nothing. It shows the compiler that the value is not zero.
        Self { bits: NonZeroU64::MIN | key.to_bits().rotate_left(32), owner }
    }

    #[inline]
    fn key(self) -> Option<Key> {
        Key::from_bits(self.bits.get().rotate_left(32))
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timer({:?} of loop {})", self.key(), self.owner)
    }
}

impl<S> Firing<'_, S> {
    /// The timer that fires. A timer of [`every`](Handle::every) can be cancelled, paused or rescheduled here. A timer
    /// that fires once has already ended.
    pub fn timer(&self) -> Timer {
        self.handle.timer_of(self.expired.key)
    }

    /// The deadline, rounded up to the loop's resolution.
    pub fn deadline(&self) -> Instant {
        self.handle.core().past_instant(self.expired.deadline_ns)
    }

    /// The lateness when the turn's wait ended, before the turn's first callback.
    pub fn late(&self) -> Duration {
        Duration::from_nanos(self.expired.late_ns)
    }

    /// The number of later deadlines that have also passed and are skipped. Always 0 unless the policy is
    /// [`Missed::Skip`](crate::Missed::Skip).
    pub fn missed(&self) -> u64 {
        self.expired.missed
    }
}

/// Making timers.
impl<S> Handle<S> {
    /// Calls `f` once, `delay` from now and never earlier. With a `delay` of zero it is called in the next turn.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::simulated()?;
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
    #[track_caller]
    pub fn after<R: Outcome>(
        &self,
        delay: Duration,
        f: impl FnOnce(&mut S, &Firing<'_, S>) -> R + 'static,
    ) -> Result<Timer, Error> {
        self.arm_once(nanoseconds(delay), boxed(Once(f))?)
    }

    /// Calls `f` once, at `when`, or in the next turn if that time has passed.
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
    #[track_caller]
    pub fn at<R: Outcome>(
        &self,
        when: Instant,
        f: impl FnOnce(&mut S, &Firing<'_, S>) -> R + 'static,
    ) -> Result<Timer, Error> {
        self.arm_once_at(self.core().ns_of(when), boxed(Once(f))?)
    }

    /// Calls `f` at each deadline of an interval, until the timer is cancelled or `f` returns `Break`. The schedule
    /// does not drift.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::simulated()?;
    /// let pulse = events.every(Duration::from_secs(10), |pulses: &mut u32, _| *pulses += 1)?;
    /// events.after(Duration::from_secs(3605), move |_, firing| assert!(firing.cancel(pulse)))?;
    /// let mut pulses = 0;
    /// events.run(&mut pulses)?; // a little more than an hour of virtual time
    /// assert_eq!(pulses, 360);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ZeroPeriod`], [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    #[track_caller]
    pub fn every<R: Outcome>(
        &self,
        interval: impl Into<Interval>,
        f: impl FnMut(&mut S, &Firing<'_, S>) -> R + 'static,
    ) -> Result<Timer, Error> {
        let interval = interval.into();
        let period_ns = interval.period_ns()?;
        let first_ns = self.core().ns_after(interval.first.unwrap_or(interval.period));
        let slack_ns = interval.slack_ns(self.core().events.borrow().slack_ns());
        let plan = Plan::every(first_ns, period_ns, interval.missed).with_slack(slack_ns);
        self.arm_planned(plan, boxed(Repeat(f))?)
    }
}

/// Internal functions that connect names, callbacks and the wheel.
impl<S> Handle<S> {
    pub(crate) fn timer_of(&self, key: Key) -> Timer {
        Timer::new(key, self.core().id)
    }

    /// The key of a timer of this loop.
    #[inline]
    pub(crate) fn key_of(&self, timer: Timer) -> Option<Key> {
        timer.key().filter(|_| timer.owner == self.core().id)
    }

    // These functions are not generic over the callback, so they are compiled only once.

    #[track_caller]
    fn arm_once(&self, delay_ns: u64, f: TimerCallback<S>) -> Result<Timer, Error> {
        self.core().check_open()?;
        let added = self.core().events.borrow_mut().try_add_timer(delay_ns, Kind::Once);
        self.keep_timer(added, f)
    }

    #[track_caller]
    fn arm_once_at(&self, deadline_ns: u64, f: TimerCallback<S>) -> Result<Timer, Error> {
        self.core().check_open()?;
        let added = self.core().events.borrow_mut().try_add_timer_at(deadline_ns, Kind::Once);
        self.keep_timer(added, f)
    }

    #[track_caller]
    fn arm_planned(&self, plan: Plan, f: TimerCallback<S>) -> Result<Timer, Error> {
        self.core().check_open()?;
        let added = self.core().events.borrow_mut().try_add_planned(plan, Kind::Repeat);
        self.keep_timer(added, f)
    }

    /// Stores the callback of a timer that was just added.
    #[inline]
    #[track_caller]
    fn keep_timer(&self, added: Result<Key, AddError>, f: TimerCallback<S>) -> Result<Timer, Error> {
        let key = added.map_err(Error::refused)?;
        if self.timers().borrow().get(key.index()).is_none() {
            self.make_room_for(key)?;
        }
        self.core().timeline.note(Of::Timer, key.index(), Location::caller());
        self.put_timer(key, f);
        Ok(self.timer_of(key))
    }

    /// If there is no room for the callback, cancels the timer.
    #[cold]
    fn make_room_for(&self, key: Key) -> Result<(), Error> {
        let grown = self.timers().borrow_mut().try_grow(key.index());
        grown.map_err(|refused| {
            self.core().events.borrow_mut().cancel_timer(key);
            refused.into()
        })
    }

    /// Returns the previous callback at this index.
    #[inline]
    fn put_timer(&self, key: Key, f: TimerCallback<S>) -> Option<TimerCallback<S>> {
        self.timers().borrow_mut().get_mut(key.index())?.replace(f)
    }

    #[inline]
    pub(crate) fn take_timer(&self, key: Key) -> Option<TimerCallback<S>> {
        self.timers().borrow_mut().get_mut(key.index())?.take()
    }

    /// Serves a timer: calls its callback, or wakes its future.
    pub(crate) fn fire(&self, state: &mut S, expired: ExpiredTimer<Kind>) -> Result<(), Error> {
        let (key, firing) = (expired.key, Firing { handle: self, expired });
        match firing.expired.value {
            Kind::Sleep => Core::wake_sleeper(self.core(), key),
            Kind::Once => {
                if let Some(f) = self.take_timer(key) {
                    let _ = f.call_once(state, &firing)?;
                }
            }
            Kind::Repeat => {
                let Some(mut f) = self.put_timer(key, Box::new(Running)) else { return Ok(()) };
                let ending = Ending(&firing);
                if f.call(state, &firing)? == ControlFlow::Continue(()) {
                    std::mem::forget(ending);
                    self.put_back(key, f);
                }
            }
        }
        Ok(())
    }

    /// Puts a callback back after it has run. The callback may have cancelled its timer, and another timer may have
    /// taken the place.
    fn put_back(&self, key: Key, f: TimerCallback<S>) {
        if self.core().is_live(key) {
            self.put_timer(key, f);
        }
    }
}

/// Ends the timer whose callback has returned `Break` or an error, or has panicked.
struct Ending<'a, S>(&'a Firing<'a, S>);

impl<S> Drop for Ending<'_, S> {
    fn drop(&mut self) {
        self.0.cancel(self.0.timer());
    }
}
