//! Random operations on `FixedScheduler`, which needs no allocator. Its answers are compared with those of the
//! scheduler's model. The test runs with two geometries, which are numbers of slots and levels. The second geometry is
//! so small that most new timers are due later than its levels reach. Such a timer waits on a separate list at first.

use std::num::NonZeroU64;

use cogloop_engine::{FixedScheduler, Key, Missed, NoRoom, Plan};
use cogloop_proptests::scheduler_model::SchedulerModel;
use cogloop_proptests::wheel_model::Id;
use proptest::prelude::*;

/// The number of timers for which the scheduler has room.
const PLACES: usize = 24;

#[derive(Clone, Debug)]
enum Operation {
    Add { delay: u64, period: u64, missed: u8, slack: u64 },
    Cancel(usize),
    Reschedule(usize, u64),
    Advance(u64),
    AdvanceToNext,
    Pop(usize),
    Clone,
}

fn operation() -> impl Strategy<Value = Operation> {
    let timer = || 0..40usize;
    let period = prop_oneof![Just(0u64), 1..2_000u64];
    let slack = prop_oneof![3 => Just(0u64), 1 => 1..500u64];
    let delay = prop_oneof![0..100u64, 0..5_000u64, 0..1_000_000u64];
    prop_oneof![
        7 => (delay, period, 0..3u8, slack)
            .prop_map(|(delay, period, missed, slack)| Operation::Add { delay, period, missed, slack }),
        3 => timer().prop_map(Operation::Cancel),
        3 => (timer(), 0..20_000u64).prop_map(|(n, at)| Operation::Reschedule(n, at)),
        3 => prop_oneof![0..30u64, 0..3_000u64].prop_map(Operation::Advance),
        4 => Just(Operation::AdvanceToNext),
        5 => (1..6usize).prop_map(Operation::Pop),
        1 => Just(Operation::Clone),
    ]
}

struct Machine<const SLOTS: usize, const LEVELS: usize> {
    real: FixedScheduler<Id, PLACES, SLOTS, LEVELS>,
    model: SchedulerModel,
    /// The key of each timer, by its id.
    keys: Vec<Key>,
}

impl<const SLOTS: usize, const LEVELS: usize> Machine<SLOTS, LEVELS> {
    fn run(resolution: u64, operations: &[Operation]) {
        let real = FixedScheduler::new(NonZeroU64::new(resolution).unwrap());
        let mut machine = Self { real, model: SchedulerModel::new(resolution), keys: Vec::new() };
        for operation in operations {
            machine.apply(operation);
            machine.check();
        }
    }

    fn apply(&mut self, operation: &Operation) {
        let now = self.real.now();
        let id = self.keys.len() as Id;
        match *operation {
            Operation::Add { delay, period, missed, slack } => {
                let missed = [Missed::Burst, Missed::Delay, Missed::Skip][usize::from(missed)];
                let plan = Plan { deadline: now + delay, period: NonZeroU64::new(period), missed, slack };
                match self.real.try_add(plan, id) {
                    Ok(key) => {
                        self.keys.push(key);
                        self.model.add(id, plan);
                    }
                    Err(refused) => assert_eq!((refused, self.real.len()), (NoRoom::Full, PLACES)),
                }
            }
            Operation::Cancel(n) => {
                let Some(&key) = self.keys.get(n) else { return };
                assert_eq!(self.real.cancel(key), self.model.cancel(n as Id).then_some(n as Id));
            }
            Operation::Reschedule(n, at) => {
                let Some(&key) = self.keys.get(n) else { return };
                assert_eq!(self.real.reschedule(key, at), self.model.reschedule(n as Id, at));
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
            Operation::Pop(count) => (0..count).for_each(|_| {
                let fired =
                    self.real.pop().map(|fired| (fired.key, *fired.value, fired.deadline, fired.late, fired.missed));
                let seen = fired.map(|(_, id, deadline, late, missed)| (id, deadline, late, missed));
                assert_eq!(seen, self.model.pop());
                fired.inspect(|&(key, id, ..)| assert_eq!(key, self.keys[id as usize]));
            }),
            Operation::Clone => self.real = self.real.clone(),
        }
    }

    fn check(&self) {
        assert_eq!(self.real.len(), self.model.len());
        assert_eq!(self.real.next_deadline(), self.model.next_deadline());
        for (id, &key) in (0..).zip(&self.keys) {
            assert_eq!(self.real.deadline(key), self.model.deadline(id), "the deadline of timer {id}");
            assert_eq!(self.real.get(key).copied(), self.model.deadline(id).map(|_| id), "the value of timer {id}");
        }
        assert_eq!(self.real.iter().count(), self.model.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn the_scheduler_without_an_allocator_does_what_the_schedulers_model_does(
        resolution in prop_oneof![Just(1u64), Just(10), 1..100u64],
        operations in prop::collection::vec(operation(), 1..100),
    ) {
        Machine::<16, 4>::run(resolution, &operations);
        Machine::<4, 2>::run(resolution, &operations);
    }
}
