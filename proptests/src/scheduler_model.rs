//! The reference model of the scheduler: plans in a map, and the wheel's model for the order.

use std::collections::BTreeMap;

use cogloop_engine::{Missed, Plan};

use crate::wheel_model::{Id, WheelModel};

/// A scheduler that finds the next deadline of a repeating timer by counting.
#[derive(Clone, Debug)]
pub struct SchedulerModel {
    resolution: u64,
    now: u64,
    wheel: WheelModel,
    /// The plan of each timer, with its next deadline, and the remaining time if it is paused.
    plans: BTreeMap<Id, (Plan, Option<u64>)>,
}

impl SchedulerModel {
    /// Makes an empty scheduler.
    pub fn new(resolution: u64) -> Self {
        Self { resolution, now: 0, wheel: WheelModel::default(), plans: BTreeMap::new() }
    }

    fn up(&self, time: u64) -> u64 {
        time.div_ceil(self.resolution)
    }

    /// The time at which a timer with slack expires. It lies between the deadline and the end of the slack. Of these
    /// times the multiples of a power of ten count, the greatest that is not above the slack. The time is the multiple
    /// that the highest power of two divides, so that as many timers as possible share it.
    fn share(plan: &Plan) -> u64 {
        let Some(digits) = plan.slack.checked_ilog10() else { return plan.deadline };
        let unit = 10_u64.pow(digits);
        let counts = plan.deadline.div_ceil(unit)..=plan.deadline.saturating_add(plan.slack) / unit;
        let roundest = counts.max_by_key(|count| (count.trailing_zeros(), std::cmp::Reverse(*count)));
        roundest.map_or(plan.deadline, |count| count * unit)
    }

    /// Adds a timer.
    pub fn add(&mut self, id: Id, plan: Plan) {
        self.plans.insert(id, (plan, None));
        self.wheel.insert(id, self.up(Self::share(&plan)));
    }

    /// Cancels a timer. Returns whether it existed.
    pub fn cancel(&mut self, id: Id) -> bool {
        self.wheel.cancel(id);
        self.plans.remove(&id).is_some()
    }

    /// Moves a timer, and resumes it if it is paused. Returns whether it existed.
    pub fn reschedule(&mut self, id: Id, deadline: u64) -> bool {
        let Some((plan, remaining)) = self.plans.get_mut(&id) else { return false };
        (plan.deadline, *remaining) = (deadline, None);
        let plan = *plan;
        self.wheel.cancel(id);
        self.wheel.insert(id, self.up(Self::share(&plan)));
        true
    }

    /// Pauses a timer. Returns whether it was not paused before.
    pub fn pause(&mut self, id: Id, now: u64) -> bool {
        let deadline = self.deadline(id);
        if let Some(deadline) = deadline {
            self.plans.get_mut(&id).expect("the timer has a deadline").1 = Some(deadline.saturating_sub(now));
            self.wheel.cancel(id);
        }
        deadline.is_some()
    }

    /// Resumes a timer. Returns whether it was paused.
    pub fn resume(&mut self, id: Id, now: u64) -> bool {
        let remaining = self.plans.get(&id).and_then(|(_, remaining)| *remaining);
        remaining.is_some_and(|remaining| self.reschedule(id, now + remaining))
    }

    /// The next deadline of a timer that is not paused, rounded up.
    pub fn deadline(&self, id: Id) -> Option<u64> {
        let (plan, remaining) = self.plans.get(&id)?;
        remaining.is_none().then(|| self.rounded(plan.deadline))
    }

    fn rounded(&self, deadline: u64) -> u64 {
        self.up(deadline) * self.resolution
    }

    /// The number of paused timers.
    pub fn paused(&self) -> usize {
        self.plans.values().filter(|(_, remaining)| remaining.is_some()).count()
    }

    /// The number of timers.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Advances time.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.wheel.advance(self.now / self.resolution);
    }

    /// Takes the next timer that is due: id, deadline, lateness, missed deadlines.
    pub fn pop(&mut self) -> Option<(Id, u64, u64, u64)> {
        let (_, id) = self.wheel.pop_expired()?;
        let (plan, _) = self.plans.remove(&id).expect("every timer has a plan");
        let deadline = self.rounded(plan.deadline);
        let mut missed = 0;
        if let Some(period) = plan.period {
            let mut next = plan.deadline + period.get();
            // A timer that is served within its slack is on time.
            let is_late = self.now > self.rounded(plan.deadline + plan.slack)
                || plan.slack == 0 && period.get() < self.resolution;
            match plan.missed {
                Missed::Delay if is_late => next = self.now + period.get(),
                Missed::Skip if is_late => {
                    while self.rounded(next) <= self.now {
                        next += period.get();
                        missed += 1;
                    }
                }
                _ => {}
            }
            self.add(id, Plan { deadline: next, ..plan });
        }
        Some((id, deadline, self.now.saturating_sub(deadline), missed))
    }

    /// The timer that fires next if only time passes.
    pub fn peek(&self) -> Option<Id> {
        self.wheel.peek()
    }

    /// The time at which the caller should wake.
    pub fn next_deadline(&self) -> Option<u64> {
        self.wheel.next_deadline().map(|tick| tick * self.resolution)
    }
}
