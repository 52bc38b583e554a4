//! The scheduler's reference model: plans in a map, the wheel's model for the order.

use std::collections::BTreeMap;

use cogloop_engine::{Missed, Plan};

use crate::wheel_model::{Id, WheelModel};

/// A scheduler that looks for the next deadline of a repeating timer by counting.
#[derive(Clone, Debug)]
pub struct SchedulerModel {
    resolution: u64,
    now: u64,
    wheel: WheelModel,
    /// The plan of each timer, with its next deadline, and what is left of a paused one.
    plans: BTreeMap<Id, (Plan, Option<u64>)>,
}

impl SchedulerModel {
    /// An empty one.
    pub fn new(resolution: u64) -> Self {
        Self { resolution, now: 0, wheel: WheelModel::default(), plans: BTreeMap::new() }
    }

    fn up(&self, time: u64) -> u64 {
        time.div_ceil(self.resolution)
    }

    /// A time from the deadline on and at most the slack later that as many timers as possible share: the one that the
    /// highest power of two divides.
    fn share(plan: &Plan) -> u64 {
        let latest = plan.deadline.saturating_add(plan.slack);
        (plan.deadline..=latest)
            .max_by_key(|time| (time.trailing_zeros(), std::cmp::Reverse(*time)))
            .expect("not empty")
    }

    /// Adds a timer.
    pub fn add(&mut self, id: Id, plan: Plan) {
        self.plans.insert(id, (plan, None));
        self.wheel.insert(id, self.up(Self::share(&plan)));
    }

    /// Ends a timer; whether it was there.
    pub fn cancel(&mut self, id: Id) -> bool {
        self.wheel.cancel(id);
        self.plans.remove(&id).is_some()
    }

    /// Moves a timer, and lets it go on if it is paused; whether it was there.
    pub fn reschedule(&mut self, id: Id, deadline: u64) -> bool {
        let Some((plan, remaining)) = self.plans.get_mut(&id) else { return false };
        (plan.deadline, *remaining) = (deadline, None);
        let plan = *plan;
        self.wheel.cancel(id);
        self.wheel.insert(id, self.up(Self::share(&plan)));
        true
    }

    /// Pauses; whether it was running.
    pub fn pause(&mut self, id: Id, now: u64) -> bool {
        let deadline = self.deadline(id);
        if let Some(deadline) = deadline {
            self.plans.get_mut(&id).expect("it has a deadline").1 = Some(deadline.saturating_sub(now));
            self.wheel.cancel(id);
        }
        deadline.is_some()
    }

    /// Lets go on; whether it was paused.
    pub fn resume(&mut self, id: Id, now: u64) -> bool {
        let remaining = self.plans.get(&id).and_then(|(_, remaining)| *remaining);
        remaining.is_some_and(|remaining| self.reschedule(id, now + remaining))
    }

    /// The next deadline of a timer that runs, rounded up.
    pub fn deadline(&self, id: Id) -> Option<u64> {
        let (plan, remaining) = self.plans.get(&id)?;
        remaining.is_none().then(|| self.told(plan.deadline))
    }

    fn told(&self, deadline: u64) -> u64 {
        self.up(deadline) * self.resolution
    }

    /// How many are paused.
    pub fn paused(&self) -> usize {
        self.plans.values().filter(|(_, remaining)| remaining.is_some()).count()
    }

    /// Timers.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.wheel.advance(self.now / self.resolution);
    }

    /// The next one due: id, deadline, how late, deadlines missed.
    pub fn pop(&mut self) -> Option<(Id, u64, u64, u64)> {
        let (_, id) = self.wheel.pop_expired()?;
        let (plan, _) = self.plans.remove(&id).expect("every timer has a plan");
        let deadline = self.told(plan.deadline);
        let mut missed = 0;
        if let Some(period) = plan.period {
            let mut next = plan.deadline + period.get();
            // Within its slack it is on time.
            let is_late =
                self.now > self.told(plan.deadline + plan.slack) || plan.slack == 0 && period.get() < self.resolution;
            match plan.missed {
                Missed::Delay if is_late => next = self.now + period.get(),
                Missed::Skip if is_late => {
                    while self.told(next) <= self.now {
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

    /// The time to wake at.
    pub fn next_deadline(&self) -> Option<u64> {
        self.wheel.next_deadline().map(|tick| tick * self.resolution)
    }
}
