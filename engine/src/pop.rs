//! Taking the due timers of a scheduler. A repeating timer is armed again before the caller sees it.

use crate::extras::Place;
use crate::fired::{Fired, FiredValue};
use crate::scheduler::{Job, Scheduler};
use crate::wheel::Expired;

impl<T: Clone> Scheduler<T> {
    /// Takes the next timer that is due, in the order of deadlines, then of insertion. For a timer with slack the time
    /// that was chosen within the slack counts instead of the deadline. A repeating timer is armed again at once, as
    /// its policy says, and its value is cloned. The timer does not fire again before the next [`Scheduler::advance`].
    /// A kept timer ([`Scheduler::try_add_kept`]) is stopped, and its value is cloned, too.
    #[inline]
    pub fn pop(&mut self) -> Option<Fired<T>> {
        self.pop_as(|value| value, |value| value.clone())
    }
}

impl<T> Scheduler<T> {
    /// [`Scheduler::pop`] without a clone: the value of a repeating timer is borrowed from the scheduler. So values can
    /// be functions:
    ///
    /// ```
    /// use cogloop_engine::{Missed, Plan, Scheduler};
    ///
    /// let mut scheduler = Scheduler::<Box<dyn FnMut() -> u32>>::new(1.try_into()?);
    /// let mut calls = 0;
    /// let count = Box::new(move || { calls += 1; calls });
    /// scheduler.add(Plan::every(10, 10.try_into()?, Missed::Burst), count);
    ///
    /// scheduler.advance(20);
    /// assert_eq!(scheduler.pop_mut().map(|mut fired| (*fired.value)()), Some(1));
    /// scheduler.advance(20);
    /// assert_eq!(scheduler.pop_mut().map(|mut fired| (*fired.value)()), Some(2));
    /// # Ok::<(), std::num::TryFromIntError>(())
    /// ```
    #[inline]
    pub fn pop_mut(&mut self) -> Option<Fired<FiredValue<'_, T>>> {
        self.pop_as(FiredValue::Ended, FiredValue::Repeats)
    }

    /// Takes the next timer that is due. `ended` or `repeats` makes the returned value from the timer's value.
    #[inline(always)]
    fn pop_as<'a, V>(
        &'a mut self,
        ended: impl FnOnce(T) -> V,
        repeats: impl FnOnce(&'a mut T) -> V,
    ) -> Option<Fired<V>> {
        let expired = self.wheel.peek_expired()?;
        let (key, tick, job) = (expired.key(), expired.deadline(), expired.get());
        let extra = self.extras.get_mut(job.extra);
        let deadline = match &extra {
            Some(extra) => extra.plan.reported(self.resolution, tick),
            None => self.resolution.start(tick),
        };
        let late = self.now.saturating_sub(deadline);
        let job_is_kept = job.extra == Place::KEPT || extra.as_ref().is_some_and(|extra| extra.is_kept);
        if let Some(extra) = extra
            && let Some(next) = extra.plan.next(self.resolution, deadline, self.now)
        {
            extra.plan.deadline = next.deadline;
            let Job { value, .. } = expired.reschedule_mut(extra.plan.tick(self.resolution));
            return Some(Fired { key, deadline, late, missed: next.missed, value: repeats(value) });
        }
        if job_is_kept {
            self.paused += 1;
            let Job { value, .. } = expired.disarm_mut();
            return Some(Fired { key, deadline, late, missed: 0, value: repeats(value) });
        }
        let Expired { value: job, .. } = expired.remove();
        // A timer that fires is not paused, so the number of paused timers does not change.
        self.extras.take(job.extra);
        Some(Fired { key, deadline, late, missed: 0, value: ended(job.value) })
    }
}
