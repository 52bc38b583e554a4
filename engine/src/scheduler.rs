//! The scheduler adds periods, pausing and slack to the wheel.
//!
//! The scheduler counts time in a unit that the caller chooses; Cogloop's event loop chooses nanoseconds. The
//! *resolution* is the number of units in one tick of the wheel. Every deadline is rounded up to a tick, so no timer is
//! early. The rounded deadline decides the order and is reported; lateness counts from the rounded deadline. A period
//! is not rounded. Each deadline of a repeating timer is computed in the unit and then rounded, so the timer does not
//! drift at any resolution.
//!
//! A timer's *slack* is how late the timer may fire; the scheduler chooses the time within the slack. The reported
//! deadline stays the same.
//!
//! A table beside the wheel holds periods, slack and the remaining time of paused timers. Only timers that need an
//! entry have one. But each timer in the wheel has room for the index of an entry. So even a timer without an entry
//! takes one index more than a timer of a plain wheel.

use core::num::NonZeroU64;

use crate::advance::MOVES_A_MILLISECOND;
use crate::extras::{Extra, Extras, Place};
use crate::key::Key;
use crate::plan::Plan;
use crate::repeat::Next;
use crate::room::NoRoom;
use crate::ticks::Resolution;
use crate::wheel::Wheel;

/// The most timers that one call of [`Scheduler::cascade_early`] moves. The moves take two to four microseconds. An
/// event loop usually sleeps after every few timers that fire, and calls `cascade_early` before it sleeps. So even the
/// timers of a very crowded slot are moved before time enters the slot.
const MOVES_AT_A_TIME: usize = 64;

/// The value that the wheel holds for a timer of the scheduler.
///
/// The place is the first field, so that it is on the same cache line as the node's other fields
/// ([`crate::node::Node`]), which stand before the value.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Job<T> {
    /// The place of the timer's entry in the table of extras, or `NONE`, or `KEPT`.
    pub(crate) extra: Place,
    pub(crate) value: T,
}

/// A store of one-shot and repeating timers. A key cancels, reschedules, pauses or resumes a timer.
///
/// ```
/// use cogloop_engine::{Missed, Plan, Scheduler};
///
/// let mut scheduler = Scheduler::<&str>::new(1.try_into()?);
/// let period = 10.try_into()?;
/// let pulse = scheduler.add(Plan::every(10, period, Missed::Skip), "pulse");
/// scheduler.add(Plan::once(25), "end");
///
/// scheduler.advance(10);
/// assert_eq!(scheduler.pop().unwrap().value, "pulse");
/// scheduler.advance(47); // no call for a while
/// let late = scheduler.pop().unwrap();
/// assert_eq!((late.deadline, late.late, late.missed), (20, 27, 2)); // 30 and 40 are not served
/// assert_eq!(scheduler.pop().unwrap().value, "end");
/// assert_eq!(scheduler.next_deadline(), Some(50));
/// assert_eq!(scheduler.cancel(pulse), Some("pulse"));
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler<T = u64> {
    pub(crate) wheel: Wheel<Job<T>>,
    pub(crate) resolution: Resolution,
    /// The time that `advance` has reached.
    pub(crate) now: u64,
    pub(crate) extras: Extras,
    /// The number of paused and stopped timers.
    pub(crate) paused: usize,
}

impl<T> Scheduler<T> {
    /// Makes an empty scheduler at time 0, whose wheel has ticks of `resolution` units. It allocates nothing: the first
    /// timer allocates the wheel's lists.
    #[must_use]
    pub fn new(resolution: NonZeroU64) -> Self {
        let (wheel, resolution) = (Wheel::with_geometry(), Resolution(resolution));
        Self { wheel, resolution, now: 0, extras: Extras::default(), paused: 0 }
    }

    /// The time that [`Scheduler::advance`] has reached.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The number of timers: pending ones, due ones that were not popped yet, and paused and stopped ones.
    pub fn len(&self) -> usize {
        self.wheel.len()
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.wheel.is_empty()
    }

    /// The number of paused and stopped timers.
    pub fn paused(&self) -> usize {
        self.paused
    }

    /// Rounds a deadline up to the resolution. A timer that is added with `deadline` reports the result as its
    /// deadline.
    pub fn round_up(&self, deadline: u64) -> u64 {
        self.resolution.round_up(deadline)
    }

    /// The deadline that follows the plan's first deadline, if the first is served at `now`; `None` if the plan fires
    /// once. Callers that keep a schedule of their own use this function.
    pub fn follow(&self, plan: &Plan, now: u64) -> Option<Next> {
        plan.next(self.resolution, self.resolution.round_up(plan.deadline), now)
    }

    /// Adds a timer. If its deadline has passed, the timer is due at the next [`Scheduler::advance`]. But if the
    /// deadline is after the start of the current tick, the timer is due when that tick ends.
    ///
    /// # Panics
    /// If [`Scheduler::try_add`] would return an error.
    #[inline]
    pub fn add(&mut self, plan: Plan, value: T) -> Key {
        self.try_add(plan, value).unwrap_or_else(|refused| refused.panic())
    }

    /// [`Scheduler::add`] for callers that go on when memory runs out.
    ///
    /// # Errors
    /// When there is no memory for another timer, or there are 2³⁰ already. The scheduler is unchanged then.
    #[inline]
    pub fn try_add(&mut self, plan: Plan, value: T) -> Result<Key, NoRoom> {
        if !plan.needs_extra() {
            return self.try_add_once(plan.deadline, value);
        }
        let extra = self.extras.try_put(Extra { plan, remaining: None, is_kept: false })?;
        let added = self.wheel.try_insert(plan.tick(self.resolution), Job { value, extra });
        if added.is_err() {
            self.extras.take(extra);
        }
        added
    }

    /// [`Scheduler::try_add`] for a timer that fires once, without slack.
    ///
    /// # Errors
    /// As [`Scheduler::try_add`].
    #[inline(always)]
    pub fn try_add_once(&mut self, deadline: u64, value: T) -> Result<Key, NoRoom> {
        self.wheel.try_insert(self.resolution.deadline_tick(deadline), Job { value, extra: Place::NONE })
    }

    /// Adds a one-shot timer that is due at the next [`Scheduler::advance`] to `now` or later. [`Scheduler::add`] would
    /// round its deadline up to the next tick, so the timer could miss that call.
    ///
    /// # Panics
    /// If [`Scheduler::try_add_due`] would return an error.
    #[inline]
    pub fn add_due(&mut self, now: u64, value: T) -> Key {
        self.try_add_due(now, value).unwrap_or_else(|refused| refused.panic())
    }

    /// [`Scheduler::add_due`] for callers that go on when memory runs out.
    ///
    /// # Errors
    /// As [`Scheduler::try_add`].
    #[inline]
    pub fn try_add_due(&mut self, now: u64, value: T) -> Result<Key, NoRoom> {
        self.wheel.try_insert(self.resolution.tick(now), Job { value, extra: Place::NONE })
    }

    /// Cancels a timer, due or not, and returns its value; `None` if the timer has ended already.
    #[inline]
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let quickly = self.cancel_quickly(key);
        if quickly.is_some() { quickly } else { self.cancel_any(key) }
    }

    #[inline(never)]
    fn cancel_any(&mut self, key: Key) -> Option<T> {
        if self.paused > 0 {
            self.forget_pause(key);
        }
        let job = self.wheel.cancel(key)?;
        if !job.extra.is_none() {
            self.extras.take(job.extra);
        }
        Some(job.value)
    }

    /// If a timer is paused or stopped, takes the timer out of the count of such timers. Call this before the timer is
    /// cancelled.
    fn forget_pause(&mut self, key: Key) {
        self.paused -= usize::from(self.is_paused(key));
    }

    /// Sets a timer's next deadline. The period of a repeating timer counts from the new deadline. A paused or stopped
    /// timer is armed again. Returns `false` if the timer has ended.
    #[inline(always)]
    pub fn reschedule(&mut self, key: Key, deadline: u64) -> bool {
        let Some((node, job)) = self.wheel.find(key) else { return false };
        let tick = match self.extras.get_mut(job.extra) {
            Some(extra) => extra.move_to(deadline, self.resolution),
            None => self.resolution.deadline_tick(deadline),
        };
        self.paused -= usize::from(self.wheel.rearm(node, tick));
        true
    }

    /// Pauses a timer at `now`. The timer keeps its key and the time that remains to its deadline. Returns `false` if
    /// the timer is paused already, is stopped or has ended.
    ///
    /// # Panics
    /// If [`Scheduler::try_pause`] would return an error.
    pub fn pause(&mut self, key: Key, now: u64) -> bool {
        self.try_pause(key, now).unwrap_or_else(|refused| refused.panic())
    }

    /// [`Scheduler::pause`] for callers that go on when memory runs out.
    ///
    /// # Errors
    /// When there is no memory to store the remaining time of a one-shot timer. The timer is not paused then.
    pub fn try_pause(&mut self, key: Key, now: u64) -> Result<bool, NoRoom> {
        let Some(deadline) = self.deadline(key) else { return Ok(false) };
        let remaining = Some(deadline.saturating_sub(now));
        match self.extra_mut(key) {
            Some(extra) => extra.remaining = remaining,
            None => {
                let extra = Extra { plan: Plan::once(deadline), remaining, is_kept: self.is_kept(key) };
                let extra = self.extras.try_put(extra)?;
                if let Some(job) = self.wheel.get_mut(key) {
                    job.extra = extra;
                }
            }
        }
        self.paused += 1;
        Ok(self.wheel.disarm(key))
    }

    /// Resumes a paused timer at `now`. Returns `false` if the timer is not paused, is stopped or has ended.
    pub fn resume(&mut self, key: Key, now: u64) -> bool {
        match self.extra_mut(key).and_then(|extra| extra.remaining) {
            Some(remaining) => self.reschedule(key, now.saturating_add(remaining)),
            None => false,
        }
    }

    /// Whether the timer is paused or stopped.
    pub fn is_paused(&self, key: Key) -> bool {
        self.wheel.contains(key) && !self.wheel.is_armed(key)
    }

    /// The time from `now` to the timer's next deadline; 0 if the deadline has passed. For a paused timer, the time
    /// that remained when it was paused. For a stopped timer, `u64::MAX`. `None` if the timer has ended.
    pub fn remaining(&self, key: Key, now: u64) -> Option<u64> {
        if self.is_paused(key) {
            return Some(self.extra(key).and_then(|extra| extra.remaining).unwrap_or(u64::MAX));
        }
        self.deadline(key).map(|deadline| deadline.saturating_sub(now))
    }

    /// The timer's next deadline, without its slack, rounded up to the resolution. `None` if the timer is paused, is
    /// stopped or has ended.
    pub fn deadline(&self, key: Key) -> Option<u64> {
        if !self.wheel.is_armed(key) {
            return None;
        }
        match self.extra(key) {
            Some(extra) => Some(self.resolution.round_up(extra.plan.deadline)),
            None => self.wheel.deadline(key).map(|tick| self.resolution.start(tick)),
        }
    }

    /// The timer's value.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.wheel.get(key).map(|job| &job.value)
    }

    /// The timer's value, mutable.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.wheel.get_mut(key).map(|job| &mut job.value)
    }

    /// Advances time to `now`. Timers that are due wait for [`Scheduler::pop`]. If `now` is earlier than the time
    /// already reached, time stays where it is. Overdue timers become due even then, and an unfinished advance
    /// continues.
    ///
    /// A call takes about a millisecond at the most, unless very many timers were overdue when they were set. If
    /// hundreds of thousands of timers are due in one stretch of time, one call may not do all the work. Then
    /// [`Scheduler::has_due`] is true, [`Scheduler::next_deadline`] is not after `now`, and the next call continues.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.wheel.advance_within(self.resolution.tick(self.now), MOVES_A_MILLISECOND);
    }

    /// Does a part of the work that a later [`Scheduler::advance`] would have to do; see [`Wheel::cascade_early`]. Call
    /// this function before sleeping. It takes a few µs at most, and returns whether there was any work.
    #[inline]
    pub fn cascade_early(&mut self) -> bool {
        self.wheel.cascade_early(MOVES_AT_A_TIME) > 0
    }

    /// Whether a timer is due, or will be due at the next [`Scheduler::advance`] even if that call does not move time.
    /// The result is also true while an advance is unfinished.
    pub fn has_due(&self) -> bool {
        self.wheel.has_due()
    }

    /// The exact time at which the caller should wake. At this time the next timer fires; its slack and the rounding to
    /// the resolution are included. If a timer is due already, the result is the start of the tick that the last
    /// [`Scheduler::advance`] has reached. `None` if no timer will ever be due.
    #[inline]
    pub fn next_deadline(&mut self) -> Option<u64> {
        let tick = self.wheel.next_deadline().filter(|&tick| self.resolution.is_reached(tick))?;
        Some(self.resolution.start(tick))
    }

    /// Cancels all timers. The time does not change.
    pub fn clear(&mut self) {
        self.wheel.clear();
        self.extras.clear();
        self.paused = 0;
    }

    /// The key, next deadline and value of all timers, in no particular order. The deadline of a paused or stopped
    /// timer is `None`.
    pub fn iter(&self) -> impl Iterator<Item = (Key, Option<u64>, &T)> {
        self.wheel.iter().map(|(key, _, job)| (key, self.deadline(key), &job.value))
    }

    /// The key, rank and value of all timers that are neither paused nor stopped; see [`Wheel::iter_queued`].
    pub fn iter_queued(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        self.wheel.iter_queued().map(|(key, rank, job)| (key, rank, &job.value))
    }

    /// The wheel as text; see [`Wheel::dump`].
    pub fn dump(&self) -> impl core::fmt::Display {
        self.wheel.dump()
    }

    /// Checks every invariant of the scheduler and its wheel. Panics with a description of the first invariant that
    /// does not hold.
    pub fn audit(&self) {
        self.wheel.audit();
        self.extras.audit(self.wheel.iter().map(|(.., job)| job.extra).filter(|extra| !extra.is_none()));
        let mut paused = 0;
        for (key, ..) in self.wheel.iter() {
            let remains = self.extra(key).is_some_and(|extra| extra.remaining.is_some());
            assert!(!(remains && self.wheel.is_armed(key)), "{key:?} is armed, and paused");
            paused += usize::from(self.is_paused(key));
        }
        assert_eq!(self.paused, paused, "the paused and stopped timers, as counted");
    }

    pub(crate) fn extra(&self, key: Key) -> Option<&Extra> {
        self.extras.get(self.wheel.get(key)?.extra)
    }

    pub(crate) fn extra_mut(&mut self, key: Key) -> Option<&mut Extra> {
        self.extras.get_mut(self.wheel.get(key)?.extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;

    // The sizes depend on the size of a pointer and on the alignment of `u64`.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_free_node_needs_no_memory_to_say_that_it_has_no_value() {
        assert_eq!(size_of::<Node<Job<u64>>>(), 40);
        assert_eq!(size_of::<Node<Job<u32>>>(), 32);
        assert_eq!(size_of::<Node<&str>>(), 40);
        assert_eq!(size_of::<Node<NonZeroU64>>(), 32);
    }
}
