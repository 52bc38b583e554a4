//! Random operations on the wheel against the sorted map: after every one the same answers – the next deadline among
//! them, C24 – and the audit.
//!
//! Popping is an operation like the others, so that timers are inserted, cancelled and moved in the middle of a batch
//! of expired ones, as callbacks do it.

use std::marker::PhantomData;

use cogloop_engine::{Expired, Key, Wheel};
use cogloop_proptests::wheel_model::{Id, WheelModel};
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

#[derive(Clone, Debug)]
enum Operation {
    Insert(u64),
    /// Of the n-th timer ever made, so that stale keys are tried as well.
    Cancel(usize),
    Reschedule(usize, u64),
    Disarm(usize),
    Advance(u64),
    AdvanceToNext,
    Pop,
    /// As `Pop`, but the timer stays, disarmed.
    Next,
    PopAll,
    Clear,
}

/// A wheel's geometry, as a type that the state machine can carry.
trait Geometry: Clone + std::fmt::Debug + 'static {
    const LAST_TICK: u64;
    type Wheel: Store;
}

/// The wheel's interface, whatever its geometry.
trait Store: Default {
    fn insert(&mut self, deadline: u64, id: Id) -> Key;
    fn cancel(&mut self, key: Key) -> Option<Id>;
    fn reschedule(&mut self, key: Key, deadline: u64) -> bool;
    fn advance(&mut self, now: u64);
    fn pop(&mut self) -> Option<Expired<Id>>;
    fn disarm(&mut self, key: Key) -> bool;
    fn next(&mut self) -> Option<Key>;
    fn clear(&mut self);
    fn check(&mut self, model: &WheelModel, keys: &[Key]);
}

impl<const BITS: u32, const LEVELS: usize> Store for Wheel<Id, BITS, LEVELS> {
    fn insert(&mut self, deadline: u64, id: Id) -> Key {
        self.insert(deadline, id)
    }
    fn cancel(&mut self, key: Key) -> Option<Id> {
        self.cancel(key)
    }
    fn reschedule(&mut self, key: Key, deadline: u64) -> bool {
        self.reschedule(key, deadline)
    }
    fn advance(&mut self, now: u64) {
        self.advance(now);
    }
    fn pop(&mut self) -> Option<Expired<Id>> {
        self.pop_expired()
    }
    fn disarm(&mut self, key: Key) -> bool {
        self.disarm(key)
    }
    fn next(&mut self) -> Option<Key> {
        self.next_expired()
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn check(&mut self, model: &WheelModel, keys: &[Key]) {
        self.audit();
        assert_eq!(self.now(), model.now());
        assert_eq!(self.len(), model.len());
        assert_eq!(self.next_deadline(), model.next_deadline());
        assert_eq!(self.has_due(), model.next_deadline() == Some(model.now()));
        for (id, &key) in (0..).zip(keys) {
            assert_eq!(self.deadline(key), model.deadline(id), "the deadline of timer {id}");
            assert_eq!(self.is_armed(key), model.is_armed(id), "whether timer {id} is armed");
            assert_eq!(self.get(key).copied(), model.deadline(id).map(|_| id), "the value of timer {id}");
        }
        self.audit(); // `next_deadline` may have tidied up
    }
}

#[derive(Clone, Debug)]
struct Full;
impl Geometry for Full {
    const LAST_TICK: u64 = u64::MAX;
    type Wheel = Wheel<Id>;
}

#[derive(Clone, Debug)]
struct Tiny;
impl Geometry for Tiny {
    const LAST_TICK: u64 = 63;
    type Wheel = Wheel<Id, 2, 3>;
}

#[derive(Clone, Debug)]
struct Reference<G> {
    model: WheelModel,
    made: usize,
    geometry: PhantomData<G>,
}

/// Ticks that are likely to hurt: near now, on the boundaries of slots and levels, anywhere, and at the end of time.
fn ticks<G: Geometry>(now: u64) -> BoxedStrategy<u64> {
    let at_most_last = |tick: u64| tick.min(G::LAST_TICK);
    prop_oneof![
        4 => (0..200u64).prop_map(move |delay| now.saturating_add(delay)),
        1 => (0..200u64).prop_map(move |before| now.saturating_sub(before)),
        3 => (0..64u32, 0..3u64).prop_map(move |(bit, off)| (now.saturating_add(1 << bit) - 1).saturating_add(off)),
        2 => (0..64u32, 0..3u64).prop_map(move |(bit, off)| ((now >> bit).saturating_add(1) << bit).saturating_sub(1).saturating_add(off)),
        1 => any::<u64>(),
        1 => Just(G::LAST_TICK),
    ]
    .prop_map(at_most_last)
    .boxed()
}

impl<G: Geometry> ReferenceStateMachine for Reference<G> {
    type State = Self;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self { model: WheelModel::default(), made: 0, geometry: PhantomData }).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Operation> {
        let now = state.model.now();
        let any_timer = 0..state.made.max(1);
        // Time passes in small steps mostly: one far jump to the end of time would end all interest.
        let next = prop_oneof![
            6 => (0..100u64).prop_map(move |step| now.saturating_add(step)),
            3 => (0..40u32, 0..64u64).prop_map(move |(bit, step)| now.saturating_add(step << bit)),
        ]
        .prop_map(|tick| tick.min(G::LAST_TICK));
        prop_oneof![
            10 => ticks::<G>(now).prop_map(Operation::Insert),
            4 => any_timer.clone().prop_map(Operation::Cancel),
            2 => any_timer.clone().prop_map(Operation::Disarm),
            4 => (any_timer, ticks::<G>(now)).prop_map(|(timer, tick)| Operation::Reschedule(timer, tick)),
            3 => next.prop_map(Operation::Advance),
            2 => Just(Operation::AdvanceToNext),
            4 => Just(Operation::Pop),
            3 => Just(Operation::Next),
            2 => Just(Operation::PopAll),
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
            Operation::Advance(now) => model.advance(now),
            Operation::AdvanceToNext => model.advance(model.next_deadline().unwrap_or(model.now())),
            Operation::Pop => drop(model.pop_expired()),
            Operation::Next => drop(model.next_expired()),
            Operation::PopAll => while model.pop_expired().is_some() {},
            Operation::Clear => model.clear(),
        }
        state
    }
}

struct Machine<G: Geometry> {
    wheel: G::Wheel,
    /// The model as it was before the operation at hand: the answers are compared with what it says.
    before: WheelModel,
    keys: Vec<Key>,
}

impl<G: Geometry> Machine<G> {
    fn pop_and_compare(&mut self) -> bool {
        let expected = self.before.pop_expired();
        let popped = self.wheel.pop();
        assert_eq!(popped.as_ref().map(|expired| (expired.deadline, expired.value)), expected);
        if let Some(expired) = &popped {
            assert_eq!(expired.key, self.keys[expired.value as usize], "the key it was inserted under");
        }
        popped.is_some()
    }
}

impl<G: Geometry> StateMachineTest for Machine<G> {
    type SystemUnderTest = Self;
    type Reference = Reference<G>;

    fn init_test(reference: &Reference<G>) -> Self {
        Self { wheel: G::Wheel::default(), before: reference.model.clone(), keys: Vec::new() }
    }

    fn apply(mut machine: Self, reference: &Reference<G>, operation: Operation) -> Self {
        match operation {
            Operation::Insert(deadline) => {
                let id = machine.keys.len() as Id;
                machine.keys.push(machine.wheel.insert(deadline, id));
            }
            Operation::Cancel(timer) => {
                if let Some(&key) = machine.keys.get(timer) {
                    let there = machine.before.deadline(timer as Id).map(|_| timer as Id);
                    assert_eq!(machine.wheel.cancel(key), there);
                }
            }
            Operation::Reschedule(timer, deadline) => {
                if let Some(&key) = machine.keys.get(timer) {
                    let there = machine.before.deadline(timer as Id).is_some();
                    assert_eq!(machine.wheel.reschedule(key, deadline), there);
                }
            }
            Operation::Disarm(timer) => {
                if let Some(&key) = machine.keys.get(timer) {
                    assert_eq!(machine.wheel.disarm(key), machine.before.is_armed(timer as Id));
                }
            }
            Operation::Advance(now) => machine.wheel.advance(now),
            Operation::AdvanceToNext => {
                machine.wheel.advance(machine.before.next_deadline().unwrap_or(machine.before.now()));
            }
            Operation::Pop => drop(machine.pop_and_compare()),
            Operation::Next => {
                let expected = machine.before.next_expired().map(|id| machine.keys[id as usize]);
                assert_eq!(machine.wheel.next(), expected);
            }
            Operation::PopAll => while machine.pop_and_compare() {},
            Operation::Clear => machine.wheel.clear(),
        }
        machine.before = reference.model.clone();
        machine.wheel.check(&machine.before, &machine.keys);
        machine
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 400, ..Config::default() })]

    #[test]
    fn the_wheel_does_what_a_sorted_map_does(sequential 1..150 => Machine<Full>);

    #[test]
    fn a_tiny_wheel_does_what_a_sorted_map_does(sequential 1..150 => Machine<Tiny>);
}
