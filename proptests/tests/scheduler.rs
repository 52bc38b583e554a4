//! Compares the scheduler with its model, in random use. After every operation both give the same answers, and the
//! audit passes.

use std::num::NonZeroU64;

use cogloop_engine::{Key, Missed, Plan, Scheduler};
use cogloop_proptests::scheduler_model::SchedulerModel;
use cogloop_proptests::wheel_model::Id;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Add {
        delay: u64,
        period: u64,
        missed: u8,
        slack: u64,
    },
    AddDue,
    /// Adds a stopped timer with this slack. It stays when it has fired.
    AddKept(u64),
    Stop(usize),
    Cancel(usize),
    Reschedule(usize, u64),
    Pause(usize),
    Resume(usize),
    Advance(u64),
    AdvanceToNext,
    Pop(usize),
    Shrink,
    Clone,
}

fn operation() -> impl Strategy<Value = Operation> {
    let timer = || 0..40usize;
    let period = prop_oneof![Just(0u64), 1..2_000u64];
    let slack = || prop_oneof![3 => Just(0u64), 1 => 1..500u64];
    prop_oneof![
        6 => (0..5_000u64, period, 0..3u8, slack())
            .prop_map(|(delay, period, missed, slack)| Operation::Add { delay, period, missed, slack }),
        1 => Just(Operation::AddDue),
        2 => slack().prop_map(Operation::AddKept),
        2 => timer().prop_map(Operation::Stop),
        2 => timer().prop_map(Operation::Cancel),
        3 => (timer(), 0..20_000u64).prop_map(|(n, at)| Operation::Reschedule(n, at)),
        3 => timer().prop_map(Operation::Pause),
        3 => timer().prop_map(Operation::Resume),
        3 => (0..3_000u64).prop_map(Operation::Advance),
        3 => Just(Operation::AdvanceToNext),
        5 => (1..6usize).prop_map(Operation::Pop),
        1 => prop_oneof![Just(Operation::Shrink), Just(Operation::Clone)],
    ]
}

struct Machine {
    real: Scheduler<Id>,
    model: SchedulerModel,
    keys: Vec<Key>,
}

impl Machine {
    fn new(resolution: u64) -> Self {
        let real = Scheduler::new(NonZeroU64::new(resolution).unwrap());
        Self { real, model: SchedulerModel::new(resolution), keys: Vec::new() }
    }

    fn apply(&mut self, operation: &Operation) {
        let now = self.real.now();
        let id = self.keys.len() as Id;
        match *operation {
            Operation::Add { delay, period, missed, slack } => {
                let missed = [Missed::Burst, Missed::Delay, Missed::Skip][usize::from(missed)];
                let plan = Plan { deadline: now + delay, period: NonZeroU64::new(period), missed, slack };
                self.keys.push(self.real.add(plan, id));
                self.model.add(id, plan);
            }
            Operation::AddDue => {
                self.keys.push(self.real.add_due(now, id));
                self.model.add(id, Plan::once(now - now % self.real.round_up(1)));
            }
            Operation::AddKept(slack) => {
                self.keys.push(self.real.try_add_kept(slack, id).unwrap());
                self.model.add_kept(id, slack);
            }
            Operation::Stop(n) => {
                let Some(&key) = self.keys.get(n) else { return };
                assert_eq!(self.real.stop(key), self.model.stop(n as Id));
                assert_eq!(self.real.is_paused(key), self.real.get(key).is_some());
            }
            Operation::Cancel(n) => {
                let Some(&key) = self.keys.get(n) else { return };
                assert_eq!(self.real.cancel(key).is_some(), self.model.cancel(n as Id));
            }
            Operation::Reschedule(n, at) => {
                let Some(&key) = self.keys.get(n) else { return };
                assert_eq!(self.real.reschedule(key, at), self.model.reschedule(n as Id, at));
            }
            Operation::Pause(n) => {
                let Some(&key) = self.keys.get(n) else { return };
                assert_eq!(self.real.pause(key, now), self.model.pause(n as Id, now));
                assert_eq!(self.real.is_paused(key), self.real.get(key).is_some());
            }
            Operation::Resume(n) => {
                let Some(&key) = self.keys.get(n) else { return };
                assert_eq!(self.real.resume(key, now), self.model.resume(n as Id, now));
                // A stopped timer stays stopped.
                assert!(!self.real.is_paused(key) || self.real.remaining(key, now) == Some(u64::MAX));
            }
            Operation::Advance(step) => {
                self.real.advance(now + step);
                self.model.advance(now + step);
            }
            Operation::AdvanceToNext => {
                let next = self.model.next_deadline().unwrap_or(now);
                self.real.advance(next);
                self.model.advance(next);
            }
            Operation::Shrink => self.real.shrink_to_fit(),
            Operation::Clone => self.real = self.real.clone(),
            Operation::Pop(count) => (0..count).for_each(|_| {
                let fired = self.real.pop();
                let seen = fired.map(|fired| (fired.value, fired.deadline, fired.late, fired.missed));
                assert_eq!(seen, self.model.pop());
                if let Some(fired) = fired {
                    assert_eq!(fired.key, self.keys[fired.value as usize]);
                    assert!(fired.deadline <= self.real.now(), "{fired:?} is early");
                }
            }),
        }
    }

    fn check(&mut self) {
        self.real.audit();
        assert_eq!((self.real.len(), self.real.paused()), (self.model.len(), self.model.paused()));
        assert_eq!(self.real.next_deadline(), self.model.next_deadline());
        assert_eq!(self.real.peek(), self.model.peek().map(|id| self.keys[id as usize]), "the next timer");
        for (id, &key) in (0..).zip(&self.keys) {
            assert_eq!(self.real.deadline(key), self.model.deadline(id), "the deadline of timer {id}");
        }
    }

    fn check_time_left(&self) {
        let now = self.real.now();
        for (id, &key) in (0..).zip(&self.keys) {
            assert_eq!(self.real.remaining(key, now), self.model.remaining(id, now), "the time left of timer {id}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn the_scheduler_agrees_with_its_model(
        resolution in prop_oneof![Just(1u64), Just(10), 1..100u64],
        operations in prop::collection::vec(operation(), 1..120),
    ) {
        let mut machine = Machine::new(resolution);
        for operation in &operations {
            machine.apply(operation);
            machine.check();
        }
        machine.check_time_left();
    }
}
