//! Operations on a timer, which a `Timer` names.

use crate::Error;
use crate::handle::Handle;
use crate::names::sealed::Name;
use crate::timers::Timer;
use std::time::{Duration, Instant};

impl Name for Timer {
    #[inline]
    fn cancel<S>(self, handle: &Handle<S>) -> bool {
        let Some(key) = handle.key_of(self) else { return false };
        if handle.core().events.borrow_mut().cancel_timer(key).is_none() {
            return false;
        }
        // The callback is dropped after the borrows, because its destructor may use the loop.
        drop(handle.take_timer(key));
        true
    }
}

/// Operations on timers. Those that return a `bool` return `false` if the timer has fired for the last time, was
/// cancelled, or belongs to another loop.
impl<S> Handle<S> {
    /// Sets a new deadline, `delay` from now. The period of an interval counts from the new deadline. A paused timer is
    /// resumed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let events = cogloop::Loop::<()>::simulated()?;
    /// let idle = events.after(Duration::from_secs(1), |_, _| println!("nothing came"))?;
    /// assert!(events.reschedule(idle, Duration::from_secs(5))); // something came
    /// assert_eq!(events.remaining(idle), Some(Duration::from_secs(5)));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn reschedule(&self, timer: Timer, delay: Duration) -> bool {
        let deadline_ns = self.core().ns_after(delay);
        self.key_of(timer).is_some_and(|key| self.core().events.borrow_mut().reschedule_timer_at(key, deadline_ns))
    }

    /// Sets a new deadline. The period of an interval counts from the new deadline. A paused timer is resumed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let events = cogloop::Loop::<()>::simulated()?;
    /// let timer = events.after(Duration::from_secs(1), |_, _| ())?;
    /// assert!(events.reschedule_at(timer, events.now() + Duration::from_secs(5)));
    /// assert_eq!(events.remaining(timer), Some(Duration::from_secs(5)));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn reschedule_at(&self, timer: Timer, when: Instant) -> bool {
        let deadline_ns = self.core().ns_of(when);
        self.key_of(timer).is_some_and(|key| self.core().events.borrow_mut().reschedule_timer_at(key, deadline_ns))
    }

    /// Pauses a timer and keeps the time that remains. Returns `false` also if the timer is paused already. A paused
    /// timer does not keep [`run`](crate::Loop::run) going.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// let timer = events.after(Duration::from_secs(10), |_, _| ())?;
    /// assert!(events.pause(timer)?);
    /// events.run_for(&mut (), Duration::from_secs(3600))?;
    /// assert!(events.remaining(timer) == Some(Duration::from_secs(10)) && events.resume(timer));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no memory for the remaining time; then the timer goes on.
    pub fn pause(&self, timer: Timer) -> Result<bool, Error> {
        let Some(key) = self.key_of(timer) else { return Ok(false) };
        self.core().events.borrow_mut().try_pause_timer(key).map_err(Error::refused)
    }

    /// Resumes a paused timer. Returns `false` also if the timer is not paused.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let events = cogloop::Loop::<()>::simulated()?;
    /// let timer = events.after(Duration::from_secs(10), |_, _| ())?;
    /// assert!(!events.resume(timer)); // it is not paused
    /// assert!(events.pause(timer)? && events.resume(timer));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn resume(&self, timer: Timer) -> bool {
        self.key_of(timer).is_some_and(|key| self.core().events.borrow_mut().resume_timer(key))
    }

    /// The time that remains to a timer's deadline, zero if it is due. `None` if the timer has ended.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// let timer = events.after(Duration::from_secs(10), |_, _| ())?;
    /// events.run_for(&mut (), Duration::from_secs(4))?;
    /// assert_eq!(events.remaining(timer), Some(Duration::from_secs(6)));
    /// events.run(&mut ())?;
    /// assert_eq!(events.remaining(timer), None);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn remaining(&self, timer: Timer) -> Option<Duration> {
        let ns = self.core().events.borrow().remaining_ns(self.key_of(timer)?)?;
        Some(Duration::from_nanos(ns))
    }

    /// Whether a timer is still there, armed or paused.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// let timer = events.after(Duration::from_secs(1), |_, _| ())?;
    /// assert!(events.is_active(timer));
    /// events.run(&mut ())?;
    /// assert!(!events.is_active(timer));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn is_active(&self, timer: Timer) -> bool {
        self.key_of(timer).is_some_and(|key| self.core().is_live(key))
    }

    /// Lets [`run`](crate::Loop::run) return although this timer is armed. The timer fires as long as something else
    /// keeps the loop going.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// let heartbeat = events.every(Duration::from_secs(1), |beats: &mut u32, _| *beats += 1)?;
    /// assert!(events.unref_timer(heartbeat)?);
    /// events.after(Duration::from_millis(2500), |_, _| ())?;
    /// let mut beats = 0;
    /// events.run(&mut beats)?; // until the other timer has fired
    /// assert_eq!(beats, 2);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Memory`]; the timer then still keeps the loop going.
    pub fn unref_timer(&self, timer: Timer) -> Result<bool, Error> {
        let Some(key) = self.key_of(timer) else { return Ok(false) };
        Ok(self.core().events.borrow_mut().try_unref_timer(key)?)
    }

    /// Undoes [`unref_timer`](Self::unref_timer).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// let timer = events.after(Duration::from_secs(1), |fired: &mut bool, _| *fired = true)?;
    /// assert!(events.unref_timer(timer)? && events.ref_timer(timer));
    /// let mut fired = false;
    /// events.run(&mut fired)?;
    /// assert!(fired);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn ref_timer(&self, timer: Timer) -> bool {
        self.key_of(timer).is_some_and(|key| self.core().events.borrow_mut().ref_timer(key))
    }
}
