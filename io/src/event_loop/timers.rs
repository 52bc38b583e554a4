//! Timers: the scheduler's, in nanoseconds, with delays from now.
//!
//! A deadline is rounded up to the loop's resolution, that of a one-shot timer and each one of an interval alike. That is
//! the deadline that a callback is told of, that lateness counts from, and that the order goes by; equal ones come in the
//! order of arming.

use super::{AddError, EventLoop};
use crate::Key;
use cogloop_engine::{Next, Plan};

/// A timer that was due, as it leaves the loop, or, if it repeats, goes on to its next deadline.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ExpiredTimer<T> {
    /// Its key: stale, or good for the next time if it repeats.
    pub key: Key,
    /// The deadline that it was due for, rounded up to the loop's resolution. A period counts from the deadline as it was
    /// before, so that it does not drift.
    pub deadline_ns: u64,
    /// How long ago that was when the turn began.
    pub late_ns: u64,
    /// Deadlines after this one that have passed as well and will not be served; see [`Missed`](crate::Missed).
    pub missed: u64,
    /// What it was added with.
    pub value: T,
}

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

    /// Takes a timer back, even one that is due in this turn and was not pulled yet. `None` for a stale key.
    pub fn cancel_timer(&mut self, key: Key) -> Option<T> {
        self.note_paused(key, false);
        let value = self.scheduler.cancel(key);
        self.forget_unref(key);
        value
    }

    /// Gives a timer a new deadline, from which a period counts; the key stays. One that is due in this turn and was not
    /// pulled yet is taken back, one that is paused goes on. `false` for a stale key.
    pub fn reschedule_timer_at(&mut self, key: Key, deadline_ns: u64) -> bool {
        self.note_paused(key, false);
        self.scheduler.reschedule(key, deadline_ns)
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
        let now_ns = self.now_ns();
        let is_done = self.scheduler.try_pause(key, now_ns)?;
        if is_done {
            self.note_paused(key, true);
        }
        Ok(is_done)
    }

    /// Lets a paused timer's time go on. `false` if it is not paused, or for a stale key.
    pub fn resume_timer(&mut self, key: Key) -> bool {
        self.note_paused(key, false);
        self.scheduler.resume(key, self.now_ns())
    }

    /// What is left to a timer's deadline, or was when it was paused; 0 when it is due. `None` for a stale key.
    pub fn remaining_ns(&self, key: Key) -> Option<u64> {
        self.scheduler.remaining(key, self.now_ns())
    }

    /// A timer's deadline, rounded up to the loop's resolution. `None` while it is paused, and for a stale key.
    pub fn deadline_ns(&self, key: Key) -> Option<u64> {
        self.scheduler.deadline(key)
    }

    /// The deadline that a timer is told of which asks for this one: rounded up to the loop's resolution.
    pub fn round_up_ns(&self, deadline_ns: u64) -> u64 {
        self.scheduler.round_up(deadline_ns)
    }

    /// What follows the deadline of a plan that is served at `now_ns`, for a caller that keeps a schedule of its own; `None`
    /// if it fires once. The loop's own intervals go by the same rule.
    pub fn follow(&self, plan: &Plan, now_ns: u64) -> Option<Next> {
        self.scheduler.follow(plan, now_ns)
    }

    /// The value of a timer. `None` for a stale key.
    pub fn timer(&self, key: Key) -> Option<&T> {
        self.scheduler.get(key)
    }

    /// The value of a timer, to change. `None` for a stale key.
    pub fn timer_mut(&mut self, key: Key) -> Option<&mut T> {
        self.scheduler.get_mut(key)
    }

    /// How many timers there are: armed, due and not pulled yet, and paused.
    pub fn timers(&self) -> usize {
        self.scheduler.len()
    }

    /// Every timer's key, deadline in nanoseconds or `None` while it is paused, and value; in no particular order.
    pub fn iter_timers(&self) -> impl Iterator<Item = (Key, Option<u64>, &T)> {
        self.scheduler.iter()
    }

    /// Every timer that is not paused: its key, its rank, its value. Sorted by rank, stably, they are in the order in which
    /// they come, slack and what is due already included.
    pub fn iter_queued_timers(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        self.scheduler.iter_queued()
    }

    /// The time at which the next timer makes a turn worth while, slack used, rounded up to the resolution: exact. Not
    /// after [`turn_ns`](Self::turn_ns) while due timers wait to be pulled.
    pub fn next_deadline_ns(&mut self) -> Option<u64> {
        self.scheduler.next_deadline()
    }

    /// The next timer that was due when this turn began, in the order of deadlines, then of arming. One that repeats is
    /// armed again at once, as its plan says, and does not come twice in a turn; of more than [`Limits`](crate::Limits) let
    /// a turn serve, the rest comes in the next.
    pub fn next_expired(&mut self) -> Option<ExpiredTimer<T>> {
        if self.has_served_timers() {
            return None;
        }
        let fired = self.scheduler.pop()?;
        self.timers_share.served += 1;
        self.is_outdated = true;
        self.forget_unref(fired.key);
        let (key, deadline_ns, late_ns) = (fired.key, fired.deadline, fired.late);
        Some(ExpiredTimer { key, deadline_ns, late_ns, missed: fired.missed, value: fired.value })
    }
}
