//! The functions that add, change and cancel timers. Times are in nanoseconds, and a delay counts from now.
//!
//! A timer that is due waits until the user pulls it, with [`next_expired`](EventLoop::next_expired).
//!
//! Every deadline, also each deadline of an interval, is rounded up to the loop's resolution. The rounded deadline
//! decides the order and is reported, and lateness counts from the rounded deadline. Timers with equal deadlines fire
//! in the order in which they were armed.

use super::EventLoop;
use super::limits::AddError;
use crate::Key;
use crate::recording::Arming;
use cogloop_engine::{Next, Plan};

/// Panics, for the functions that do not return an error.
#[cold]
#[inline(never)]
fn panic(refused: AddError, instead: &str) -> ! {
    panic!("{refused}; `{instead}` returns an error instead")
}

impl<T: Clone> EventLoop<T> {
    /// Arms a one-shot timer that is due `delay_ns` from now. "Now" is a fresh reading of the clock, so the time that
    /// has passed in this turn does not shorten the delay. The deadline saturates at `u64::MAX`.
    ///
    /// The deadline is rounded up to the loop's resolution. A delay of 0 is due in the next turn.
    ///
    /// # Panics
    /// At the loop's limit ([`Limits`](crate::Limits)), and when there is no memory.
    /// [`try_add_timer`](Self::try_add_timer) returns an error instead.
    pub fn add_timer(&mut self, delay_ns: u64, value: T) -> Key {
        self.try_add_timer(delay_ns, value).unwrap_or_else(|refused| panic(refused, "try_add_timer"))
    }

    /// Arms a one-shot timer that is due at `deadline_ns`, rounded up to the loop's resolution. A deadline in the past
    /// is due in the next turn. But if it is after the start of the current tick, it is due when that tick ends. A
    /// deadline that rounds up to `u64::MAX` or beyond is never due.
    ///
    /// # Panics
    /// As [`add_timer`](Self::add_timer).
    pub fn add_timer_at(&mut self, deadline_ns: u64, value: T) -> Key {
        self.try_add_timer_at(deadline_ns, value).unwrap_or_else(|refused| panic(refused, "try_add_timer_at"))
    }

    /// Arms a timer by a plan, with all times in nanoseconds. A plan can repeat and can have slack.
    ///
    /// # Panics
    /// As [`add_timer`](Self::add_timer).
    ///
    /// ```
    /// use cogloop_io::{EventLoop, Missed, Options, Plan};
    ///
    /// let mut events: EventLoop<u64> = EventLoop::new(&Options::default())?;
    /// let period_ns = 10_000_000.try_into()?;
    /// let first_ns = events.now_ns() + 10_000_000;
    /// let pulse = events.add_planned(Plan::every(first_ns, period_ns, Missed::Skip), 1);
    /// // … and while the pulse is not needed:
    /// assert!(events.pause_timer(pulse));
    /// assert!(events.remaining_ns(pulse) <= Some(10_000_000));
    /// assert!(events.resume_timer(pulse));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_planned(&mut self, plan: Plan, value: T) -> Key {
        self.try_add_planned(plan, value).unwrap_or_else(|refused| panic(refused, "try_add_planned"))
    }

    /// [`add_timer`](Self::add_timer) for loops with a limit, and for programs that go on when memory runs out.
    ///
    /// # Errors
    /// At the loop's limit, or when there is no memory. Nothing is armed then.
    ///
    /// ```
    /// use cogloop_io::{EventLoop, Limits, Options};
    ///
    /// let limits = Limits { timers: 1, ..Limits::default() };
    /// let mut events: EventLoop<u64> = EventLoop::new(&Options { limits, ..Options::default() })?;
    /// events.try_add_timer(1_000_000, 0)?;
    /// let refused = events.try_add_timer(1_000_000, 0).unwrap_err();
    /// assert_eq!(refused.to_string(), "too many timers: the limit of this loop is 1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_add_timer(&mut self, delay_ns: u64, value: T) -> Result<Key, AddError> {
        self.try_add_timer_from(self.now_ns(), delay_ns, value)
    }

    /// [`try_add_timer`](Self::try_add_timer) with a delay that counts from `now_ns`, for callers that avoid reading
    /// the clock. `now_ns` is an earlier reading of [`now_ns`](Self::now_ns), or [`turn_ns`](Self::turn_ns). The time
    /// that has passed since then is part of the delay.
    ///
    /// # Errors
    /// At the loop's limit, or when there is no memory. Nothing is armed then.
    #[inline]
    pub fn try_add_timer_from(&mut self, now_ns: u64, delay_ns: u64, value: T) -> Result<Key, AddError> {
        self.has_room_for_a_timer(Arming::After(delay_ns))?;
        Ok(match delay_ns {
            0 => self.timers.try_add_due(now_ns, value),
            _ => self.timers.try_add_once(now_ns.saturating_add(delay_ns), value),
        }?)
    }

    /// [`add_timer_at`](Self::add_timer_at) that returns an error as [`try_add_timer`](Self::try_add_timer) does.
    ///
    /// # Errors
    /// At the loop's limit, or when there is no memory. Nothing is armed then.
    #[inline]
    pub fn try_add_timer_at(&mut self, deadline_ns: u64, value: T) -> Result<Key, AddError> {
        self.has_room_for_a_timer(Arming::At(deadline_ns))?;
        if self.timers.slack_ns() > 0 && deadline_ns <= self.now_ns() {
            return Ok(self.timers.try_add(Plan::once(deadline_ns), value)?);
        }
        Ok(self.timers.try_add_once(deadline_ns, value)?)
    }

    /// [`add_planned`](Self::add_planned) that returns an error as [`try_add_timer`](Self::try_add_timer) does.
    ///
    /// # Errors
    /// At the loop's limit, or when there is no memory. Nothing is armed then.
    pub fn try_add_planned(&mut self, plan: Plan, value: T) -> Result<Key, AddError> {
        self.has_room_for_a_timer(Arming::Planned(&plan))?;
        Ok(self.timers.try_add(plan, value)?)
    }

    /// Adds a timer that is stopped: it has no deadline and does not keep the loop going.
    /// [`reschedule_timer_at`](Self::reschedule_timer_at) starts it. It then fires once, with the slack that the loop
    /// has now, and is stopped again. Its key stays valid until [`cancel_timer`](Self::cancel_timer). This is for a
    /// time-out that is set and stopped again and again: a start costs less than a new timer.
    ///
    /// # Errors
    /// At the loop's limit, or when there is no memory. Nothing is added then.
    ///
    /// ```
    /// use cogloop_io::{EventLoop, Options};
    ///
    /// let mut events: EventLoop<u64> = EventLoop::new(&Options::default())?;
    /// let timeout = events.try_add_kept_timer(7)?;
    /// for _request in 0..3 {
    ///     let deadline_ns = events.now_ns() + 5_000_000_000;
    ///     assert!(events.reschedule_timer_at(timeout, deadline_ns));
    ///     // … the answer has come:
    ///     assert!(events.stop_timer(timeout) && events.is_idle());
    /// }
    /// assert_eq!(events.cancel_timer(timeout), Some(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_add_kept_timer(&mut self, value: T) -> Result<Key, AddError> {
        // In a recording a kept timer is a timer that is never due.
        self.has_room_for_a_timer(Arming::At(u64::MAX))?;
        Ok(self.timers.try_add_kept(value)?)
    }

    /// Stops a timer, even one that is due in this turn and was not pulled yet. The timer keeps its key, and has no
    /// deadline until [`reschedule_timer_at`](Self::reschedule_timer_at). A paused timer loses the time that remained.
    /// A stopped timer does not keep the loop going. Returns `false` for a stale key.
    #[inline(always)]
    pub fn stop_timer(&mut self, key: Key) -> bool {
        self.timers.stop(key)
    }

    /// Cancels a timer, even one that is due in this turn and was not pulled yet. Returns its value, or `None` for a
    /// stale key.
    pub fn cancel_timer(&mut self, key: Key) -> Option<T> {
        self.timers.cancel(key)
    }

    /// Gives a timer a new deadline, from which its period counts. The key stays valid. A timer that is due in this
    /// turn and was not pulled yet is not due any more. A paused or stopped timer is armed again. Returns `false` for a
    /// stale key.
    #[inline(always)]
    pub fn reschedule_timer_at(&mut self, key: Key, deadline_ns: u64) -> bool {
        self.timers.reschedule(key, deadline_ns)
    }

    /// Pauses a timer and keeps the time that remains to its deadline. A paused timer does not keep the loop going.
    /// Returns `false` if the timer is paused already or is stopped, and for a stale key.
    ///
    /// # Panics
    /// If [`try_pause_timer`](Self::try_pause_timer) would return an error.
    pub fn pause_timer(&mut self, key: Key) -> bool {
        self.try_pause_timer(key).unwrap_or_else(|refused| panic(refused, "try_pause_timer"))
    }

    /// [`pause_timer`](Self::pause_timer) for programs that go on when memory runs out.
    ///
    /// # Errors
    /// When there is no memory to store the remaining time of a one-shot timer. The timer is not paused then.
    pub fn try_pause_timer(&mut self, key: Key) -> Result<bool, AddError> {
        Ok(self.timers.try_pause(key, self.time.now_ns())?)
    }

    /// Resumes a paused timer. Returns `false` for a timer that is stopped or not paused, and for a stale key.
    pub fn resume_timer(&mut self, key: Key) -> bool {
        self.timers.resume(key, self.time.now_ns())
    }

    /// The time that remains to a timer's deadline, 0 if it is due. For a paused timer: the time that remained when it
    /// was paused. For a stopped timer: `u64::MAX`. `None` for a stale key.
    pub fn remaining_ns(&self, key: Key) -> Option<u64> {
        self.timers.scheduler().remaining(key, self.now_ns())
    }

    /// A timer's deadline, rounded up to the loop's resolution. `None` while it is paused or stopped, and for a stale
    /// key.
    pub fn deadline_ns(&self, key: Key) -> Option<u64> {
        self.timers.scheduler().deadline(key)
    }

    /// Rounds a deadline up to the loop's resolution. A timer that is added with `deadline_ns` reports the result as
    /// its deadline.
    pub fn round_up_ns(&self, deadline_ns: u64) -> u64 {
        self.timers.scheduler().round_up(deadline_ns)
    }

    /// The deadline that follows the plan's first one, if the first is served at `now_ns`; `None` if the plan fires
    /// once. The loop's own intervals follow the same rule. A caller that keeps a schedule of its own needs this.
    pub fn follow(&self, plan: &Plan, now_ns: u64) -> Option<Next> {
        self.timers.scheduler().follow(plan, now_ns)
    }

    /// The value of a timer. `None` for a stale key.
    pub fn timer(&self, key: Key) -> Option<&T> {
        self.timers.scheduler().get(key)
    }

    /// The value of a timer, mutable. `None` for a stale key.
    pub fn timer_mut(&mut self, key: Key) -> Option<&mut T> {
        self.timers.get_mut(key)
    }

    /// All timers in no particular order: key, deadline in nanoseconds (`None` while paused or stopped), value.
    pub fn iter_timers(&self) -> impl Iterator<Item = (Key, Option<u64>, &T)> {
        self.timers.scheduler().iter()
    }

    /// All timers that are neither paused nor stopped: key, rank, value. A stable sort by rank puts them into the order
    /// in which they will fire. Slack and timers that are already due are taken into account.
    pub fn iter_queued_timers(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        self.timers.scheduler().iter_queued()
    }

    /// The slack of timers that are added from now on without a plan, by [`add_timer`](Self::add_timer),
    /// [`add_timer_at`](Self::add_timer_at) and [`try_add_kept_timer`](Self::try_add_kept_timer). A timer that is added
    /// for the next turn has no slack. A [`Plan`] names its own slack. A caller whose users may leave out the slack can
    /// use this value in the plan.
    #[inline]
    pub fn slack_ns(&self) -> u64 {
        self.timers.slack_ns()
    }

    /// Changes [`slack_ns`](Self::slack_ns). Timers that were added already keep theirs.
    pub fn set_slack_ns(&mut self, slack_ns: u64) {
        self.timers.set_slack_ns(slack_ns);
    }

    /// Gives back memory that is not used any more after many timers have ended. Timers lie in an array, and the memory
    /// after the last live one is given back. The loop never does this on its own, because the next timers would have to
    /// allocate again.
    pub fn shrink_timers_to_fit(&mut self) {
        self.timers.shrink_to_fit();
    }

    /// The exact time at which the next timer is due. Its slack is included, and the time is rounded up to the
    /// resolution. If due timers were not pulled yet, the result is not after [`turn_ns`](Self::turn_ns).
    pub fn next_deadline_ns(&mut self) -> Option<u64> {
        self.timers.next_deadline()
    }
}
