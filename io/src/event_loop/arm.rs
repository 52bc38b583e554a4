//! Timers: the scheduler's, in nanoseconds, with delays from now.
//!
//! A deadline is rounded up to the loop's resolution, that of a one-shot timer and each one of an interval alike. That is
//! the deadline that a callback is told of, that lateness counts from, and that the order goes by; equal ones come in the
//! order of arming.

use super::EventLoop;
use super::limits::AddError;
use crate::Key;
use cogloop_engine::{Next, Plan};

/// For callers that have no use for an error.
#[cold]
#[inline(never)]
fn panic(refused: AddError, instead: &str) -> ! {
    panic!("{refused}; `{instead}` says so without a panic")
}

impl<T: Default + Clone> EventLoop<T> {
    /// Arms a timer that is due once, `delay_ns` from now; now is a fresh reading of the clock, so time spent since the
    /// turn began counts. Saturates at `u64::MAX`.
    ///
    /// The deadline is rounded up to the loop's resolution, except that a delay of 0 is due in the very next turn.
    ///
    /// # Panics
    /// At the limit of a loop that has one ([`Limits`](crate::Limits)), and when there is no memory;
    /// [`try_add_timer`](Self::try_add_timer) says so by an error.
    pub fn add_timer(&mut self, delay_ns: u64, value: T) -> Key {
        self.try_add_timer(delay_ns, value).unwrap_or_else(|refused| panic(refused, "try_add_timer"))
    }

    /// Arms a timer that is due once, at `deadline_ns`, rounded up to the loop's resolution. One in the past is due in the
    /// next turn, or with the end of the tick that has begun; one in the last tick of `u64` never comes.
    ///
    /// # Panics
    /// As [`add_timer`](Self::add_timer).
    pub fn add_timer_at(&mut self, deadline_ns: u64, value: T) -> Key {
        self.try_add_timer_at(deadline_ns, value).unwrap_or_else(|refused| panic(refused, "try_add_timer_at"))
    }

    /// Arms a timer by plan, all of its times in nanoseconds: one that repeats, or may be late.
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
    /// // … and when nobody needs to see it for a while:
    /// assert!(events.pause_timer(pulse));
    /// assert!(events.remaining_ns(pulse) <= Some(10_000_000));
    /// assert!(events.resume_timer(pulse));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_planned(&mut self, plan: Plan, value: T) -> Key {
        self.try_add_planned(plan, value).unwrap_or_else(|refused| panic(refused, "try_add_planned"))
    }

    /// [`add_timer`](Self::add_timer), for loops with a limit, and for programs that go on when memory runs out.
    ///
    /// # Errors
    /// At the limit, or without memory; nothing is armed then.
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

    /// [`try_add_timer`](Self::try_add_timer), with a delay that counts from `now_ns`: an earlier reading of
    /// [`now_ns`](Self::now_ns), or [`turn_ns`](Self::turn_ns), for callers that spare themselves the clock. What has passed
    /// since then is part of the delay.
    ///
    /// # Errors
    /// At the limit, or without memory; nothing is armed then.
    #[inline]
    pub fn try_add_timer_from(&mut self, now_ns: u64, delay_ns: u64, value: T) -> Result<Key, AddError> {
        self.has_room_for_a_timer()?;
        Ok(match delay_ns {
            0 => self.timers.try_add_due(now_ns, value),
            _ => self.timers.try_add_once(now_ns.saturating_add(delay_ns), value),
        }?)
    }

    /// [`add_timer_at`](Self::add_timer_at), as [`try_add_timer`](Self::try_add_timer).
    ///
    /// # Errors
    /// At the limit, or without memory; nothing is armed then.
    #[inline]
    pub fn try_add_timer_at(&mut self, deadline_ns: u64, value: T) -> Result<Key, AddError> {
        self.has_room_for_a_timer()?;
        Ok(self.timers.try_add_once(deadline_ns, value)?)
    }

    /// [`add_planned`](Self::add_planned), as [`try_add_timer`](Self::try_add_timer).
    ///
    /// # Errors
    /// At the limit, or without memory; nothing is armed then.
    pub fn try_add_planned(&mut self, plan: Plan, value: T) -> Result<Key, AddError> {
        self.has_room_for_a_timer()?;
        Ok(self.timers.try_add(plan, value)?)
    }

    /// Takes a timer back, even one that is due in this turn and was not pulled yet. `None` for a stale key.
    pub fn cancel_timer(&mut self, key: Key) -> Option<T> {
        self.timers.cancel(key)
    }

    /// Gives a timer a new deadline, from which a period counts; the key stays. One that is due in this turn and was not
    /// pulled yet is taken back, one that is paused goes on. `false` for a stale key.
    pub fn reschedule_timer_at(&mut self, key: Key, deadline_ns: u64) -> bool {
        self.timers.reschedule(key, deadline_ns)
    }

    /// Stops a timer's time; what is left to its deadline is kept. While it is paused it does not keep the loop going.
    /// `false` if it is paused already, or for a stale key.
    ///
    /// # Panics
    /// Where [`try_pause_timer`](Self::try_pause_timer) returns an error.
    pub fn pause_timer(&mut self, key: Key) -> bool {
        self.try_pause_timer(key).unwrap_or_else(|refused| panic(refused, "try_pause_timer"))
    }

    /// [`pause_timer`](Self::pause_timer), for programs that go on when memory runs out.
    ///
    /// # Errors
    /// When there is no memory to note what is left of a one-shot timer's time; it goes on then.
    pub fn try_pause_timer(&mut self, key: Key) -> Result<bool, AddError> {
        Ok(self.timers.try_pause(key, self.time.now_ns())?)
    }

    /// Lets a paused timer's time go on. `false` if it is not paused, or for a stale key.
    pub fn resume_timer(&mut self, key: Key) -> bool {
        self.timers.resume(key, self.time.now_ns())
    }

    /// What is left to a timer's deadline, or was when it was paused; 0 when it is due. `None` for a stale key.
    pub fn remaining_ns(&self, key: Key) -> Option<u64> {
        self.timers.scheduler().remaining(key, self.now_ns())
    }

    /// A timer's deadline, rounded up to the loop's resolution. `None` while it is paused, and for a stale key.
    pub fn deadline_ns(&self, key: Key) -> Option<u64> {
        self.timers.scheduler().deadline(key)
    }

    /// The deadline that a timer is told of which asks for this one: rounded up to the loop's resolution.
    pub fn round_up_ns(&self, deadline_ns: u64) -> u64 {
        self.timers.scheduler().round_up(deadline_ns)
    }

    /// What follows the deadline of a plan that is served at `now_ns`, for a caller that keeps a schedule of its own; `None`
    /// if it fires once. The loop's own intervals go by the same rule.
    pub fn follow(&self, plan: &Plan, now_ns: u64) -> Option<Next> {
        self.timers.scheduler().follow(plan, now_ns)
    }

    /// The value of a timer. `None` for a stale key.
    pub fn timer(&self, key: Key) -> Option<&T> {
        self.timers.scheduler().get(key)
    }

    /// The value of a timer, to change. `None` for a stale key.
    pub fn timer_mut(&mut self, key: Key) -> Option<&mut T> {
        self.timers.get_mut(key)
    }

    /// Every timer's key, deadline in nanoseconds or `None` while it is paused, and value; in no particular order.
    pub fn iter_timers(&self) -> impl Iterator<Item = (Key, Option<u64>, &T)> {
        self.timers.scheduler().iter()
    }

    /// Every timer that is not paused: its key, its rank, its value. Sorted by rank, stably, they are in the order in which
    /// they come, slack and what is due already included.
    pub fn iter_queued_timers(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        self.timers.scheduler().iter_queued()
    }

    /// The time at which the next timer makes a turn worth while, slack used, rounded up to the resolution: exact. Not
    /// after [`turn_ns`](Self::turn_ns) while due timers wait to be pulled.
    pub fn next_deadline_ns(&mut self) -> Option<u64> {
        self.timers.next_deadline()
    }
}
