//! Applies random operations to the wheel and to a model, which is a sorted map. After each operation the wheel and the
//! model give the same answers, including the next deadline (C24), and the wheel's audit passes.
//!
//! Popping is an operation like the others. So timers may be inserted, cancelled and moved before all expired timers
//! are popped, as by callbacks.

use cogloop_proptests::wheel_lockstep::{Operation, WheelLockstep};
use cogloop_proptests::wheel_model::{Id, WheelModel};
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

/// The state from which the next operation is chosen. Its type has the wheel's geometry. The model has applied all
/// operations that were chosen before; the wheel has not.
#[derive(Clone, Debug)]
struct Reference<const BITS: u32, const LEVELS: usize> {
    model: WheelModel,
    made: usize,
}

/// Difficult ticks: near now, on the boundaries of slots and levels, anywhere, and at the end of time.
fn ticks(now: u64, last: u64) -> BoxedStrategy<u64> {
    prop_oneof![
        4 => (0..200u64).prop_map(move |delay| now.saturating_add(delay)),
        1 => (0..200u64).prop_map(move |before| now.saturating_sub(before)),
        3 => (0..64u32, 0..3u64).prop_map(move |(bit, off)| (now.saturating_add(1 << bit) - 1).saturating_add(off)),
        2 => (0..64u32, 0..3u64).prop_map(move |(bit, off)| ((now >> bit).saturating_add(1) << bit).saturating_sub(1).saturating_add(off)),
        1 => any::<u64>(),
        1 => Just(last),
    ]
    .prop_map(move |tick| tick.min(last))
    .boxed()
}

impl<const BITS: u32, const LEVELS: usize> ReferenceStateMachine for Reference<BITS, LEVELS> {
    type State = Self;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self { model: WheelModel::default(), made: 0 }).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Operation> {
        let (now, last) = (state.model.now(), WheelLockstep::<BITS, LEVELS>::LAST_TICK);
        let any_timer = 0..state.made.max(1);
        // Most steps of time are small, because after a jump to the end of time nothing more can happen.
        let next = prop_oneof![
            6 => (0..100u64).prop_map(move |step| now.saturating_add(step)),
            3 => (0..40u32, 0..64u64).prop_map(move |(bit, step)| now.saturating_add(step << bit)),
        ]
        .prop_map(move |tick| tick.min(last));
        prop_oneof![
            10 => ticks(now, last).prop_map(Operation::Insert),
            4 => any_timer.clone().prop_map(Operation::Cancel),
            2 => any_timer.clone().prop_map(Operation::Disarm),
            4 => (any_timer, ticks(now, last)).prop_map(|(timer, tick)| Operation::Reschedule(timer, tick)),
            5 => (next, prop::option::of(0..8usize)).prop_map(|(now, moves_max)| match moves_max {
                Some(moves_max) => Operation::AdvanceWithin(now, moves_max),
                None => Operation::Advance(now),
            }),
            4 => prop_oneof![Just(Operation::AdvanceToNext), (0..40usize).prop_map(Operation::CascadeEarly)],
            2 => prop_oneof![Just(Operation::Shrink), Just(Operation::Clone), (0..200usize).prop_map(Operation::Reserve)],
            4 => Just(Operation::Pop),
            7 => prop_oneof![
                3 => Just(Operation::Next),
                3 => ticks(now, last).prop_map(Operation::Rearm),
                2 => Just(Operation::PopAll),
            ],
            (if state.made > 20 { 1 } else { 0 }) => Just(Operation::Clear),
        ]
        .boxed()
    }

    fn apply(mut state: Self, operation: &Operation) -> Self {
        let model = &mut state.model;
        match *operation {
            Operation::Insert(deadline) => {
                model.insert(state.made as Id, deadline);
                state.made += 1;
            }
            Operation::Cancel(timer) => drop(model.cancel(timer as Id)),
            Operation::Reschedule(timer, deadline) => drop(model.reschedule(timer as Id, deadline)),
            Operation::Disarm(timer) => drop(model.disarm(timer as Id)),
            // `AdvanceWithin` may stop before `now`. To choose operations it is enough to assume that the wheel never
            // stops early.
            Operation::Advance(now) | Operation::AdvanceWithin(now, _) => model.advance(now),
            Operation::AdvanceToNext => model.advance(model.next_deadline().unwrap_or(model.now())),
            Operation::Pop => drop(model.pop_expired()),
            Operation::Next => drop(model.next_expired()),
            Operation::Rearm(deadline) => {
                model.next_expired().inspect(|&id| assert!(model.reschedule(id, deadline)));
            }
            Operation::CascadeEarly(_) | Operation::Reserve(_) | Operation::Shrink | Operation::Clone => {}
            Operation::PopAll => while model.pop_expired().is_some() {},
            Operation::Clear => model.clear(),
        }
        state
    }
}

struct Machine<const BITS: u32, const LEVELS: usize>;

impl<const BITS: u32, const LEVELS: usize> StateMachineTest for Machine<BITS, LEVELS> {
    type SystemUnderTest = WheelLockstep<BITS, LEVELS>;
    type Reference = Reference<BITS, LEVELS>;

    fn init_test(_: &Self::Reference) -> Self::SystemUnderTest {
        WheelLockstep::default()
    }

    fn apply(mut lockstep: Self::SystemUnderTest, _: &Self::Reference, operation: Operation) -> Self::SystemUnderTest {
        lockstep.apply(&operation);
        lockstep.check();
        lockstep
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 400, max_shrink_time: 60_000, ..Config::default() })]

    #[test]
    fn the_wheel_agrees_with_a_sorted_map(sequential 1..150 => Machine<8, 8>);

    #[test]
    fn a_tiny_wheel_agrees_with_a_sorted_map(sequential 1..150 => Machine<2, 3>);
}
