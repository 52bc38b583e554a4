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
    timers: BTreeMap<Id, Timer>,
}

#[derive(Clone, Debug)]
struct Timer {
    /// The plan, with the next deadline.
    plan: Plan,
    state: State,
    /// Whether the timer stays when it has fired.
    is_kept: bool,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum State {
    Armed,
    /// The timer is paused, with this remaining time.
    Paused(u64),
    Stopped,
}

impl SchedulerModel {
    /// Makes an empty scheduler.
    pub fn new(resolution: u64) -> Self {
        Self { resolution, now: 0, wheel: WheelModel::default(), timers: BTreeMap::new() }
    }

    fn up(&self, time: u64) -> u64 {
        time.div_ceil(self.resolution)
    }

    /// The time at which a timer expires: its deadline, if it has no slack. Otherwise the time is a multiple of a unit,
    /// which is the greatest power of ten that is not above the slack. Among the multiples from the deadline to the end
    /// of the slack, the time is the multiple that is divisible by the highest power of two; if there are several, the
    /// earliest. So timers with slack often share a time.
    fn share(plan: &Plan) -> u64 {
        let Some(digits) = plan.slack.checked_ilog10() else { return plan.deadline };
        let unit = 10_u64.pow(digits);
        let counts = plan.deadline.div_ceil(unit)..=plan.deadline.saturating_add(plan.slack) / unit;
        let roundest = counts.max_by_key(|count| (count.trailing_zeros(), std::cmp::Reverse(*count)));
        roundest.map_or(plan.deadline, |count| count * unit)
    }

    /// Adds a timer.
    pub fn add(&mut self, id: Id, plan: Plan) {
        self.timers.insert(id, Timer { plan, state: State::Armed, is_kept: false });
        self.wheel.insert(id, self.up(Self::share(&plan)));
    }

    /// Adds a stopped timer that stays when it has fired.
    pub fn add_kept(&mut self, id: Id, slack: u64) {
        let plan = Plan::once(0).with_slack(slack);
        self.timers.insert(id, Timer { plan, state: State::Stopped, is_kept: true });
    }

    /// Stops a timer. Returns whether it existed.
    pub fn stop(&mut self, id: Id) -> bool {
        self.wheel.cancel(id);
        self.timers.get_mut(&id).map(|timer| timer.state = State::Stopped).is_some()
    }

    /// Cancels a timer. Returns whether it existed.
    pub fn cancel(&mut self, id: Id) -> bool {
        self.wheel.cancel(id);
        self.timers.remove(&id).is_some()
    }

    /// Moves a timer, and arms it if it is paused or stopped. Returns whether it existed.
    pub fn reschedule(&mut self, id: Id, deadline: u64) -> bool {
        let Some(timer) = self.timers.get_mut(&id) else { return false };
        (timer.plan.deadline, timer.state) = (deadline, State::Armed);
        let plan = timer.plan;
        self.wheel.cancel(id);
        self.wheel.insert(id, self.up(Self::share(&plan)));
        true
    }

    /// Pauses a timer. Returns whether it was armed before.
    pub fn pause(&mut self, id: Id, now: u64) -> bool {
        let deadline = self.deadline(id);
        if let Some(deadline) = deadline {
            let timer = self.timers.get_mut(&id).expect("the timer has a deadline");
            timer.state = State::Paused(deadline.saturating_sub(now));
            self.wheel.cancel(id);
        }
        deadline.is_some()
    }

    /// Resumes a timer. Returns whether it was paused.
    pub fn resume(&mut self, id: Id, now: u64) -> bool {
        match self.timers.get(&id).map(|timer| timer.state) {
            Some(State::Paused(remaining)) => self.reschedule(id, now + remaining),
            _ => false,
        }
    }

    /// The next deadline of a timer that is armed, rounded up.
    pub fn deadline(&self, id: Id) -> Option<u64> {
        let timer = self.timers.get(&id)?;
        (timer.state == State::Armed).then(|| self.rounded(timer.plan.deadline))
    }

    /// The remaining time of a timer, `u64::MAX` if it is stopped.
    pub fn remaining(&self, id: Id, now: u64) -> Option<u64> {
        Some(match self.timers.get(&id)?.state {
            State::Armed => self.deadline(id)?.saturating_sub(now),
            State::Paused(remaining) => remaining,
            State::Stopped => u64::MAX,
        })
    }

    fn rounded(&self, deadline: u64) -> u64 {
        self.up(deadline) * self.resolution
    }

    /// The number of paused and stopped timers.
    pub fn paused(&self) -> usize {
        self.timers.values().filter(|timer| timer.state != State::Armed).count()
    }

    /// The number of timers.
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// Advances time.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.wheel.advance(self.now / self.resolution);
    }

    /// Takes the next timer that is due: id, deadline, lateness, missed deadlines.
    pub fn pop(&mut self) -> Option<(Id, u64, u64, u64)> {
        let (_, id) = self.wheel.pop_expired()?;
        let Timer { plan, is_kept, .. } = self.timers.remove(&id).expect("every timer is in the map");
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
        } else if is_kept {
            self.add_kept(id, plan.slack);
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
