//! Tests a wheel that advances in slices, and compares it with its model, a sorted map. At any time, even while an
//! advance is unfinished, exactly the timers up to the reached tick have expired, in order.

use cogloop_engine::{Key, Wheel};
use cogloop_proptests::wheel_model::{Id, WheelModel};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Inserts a timer with a delay from the reached tick.
    Insert(u64),
    Cancel(usize),
    Reschedule(usize, u64),
    Disarm(usize),
    /// Advances by this many ticks beyond the last target, in a slice of about this many timers.
    Advance(u64, usize),
    /// Cascades early, and moves at most this many timers.
    CascadeEarly(usize),
    Pop,
    Clear,
}

fn delays(last: u64) -> impl Strategy<Value = u64> {
    prop_oneof![0..300u64, (0..40u32, 0..3u64).prop_map(|(bit, off)| (1 << bit) - 1 + off)]
        .prop_map(move |delay| delay.min(last))
}

fn steps(last: u64) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => delays(last).prop_map(Step::Insert),
        4 => any::<usize>().prop_map(Step::Cancel),
        3 => (any::<usize>(), delays(last)).prop_map(|(timer, delay)| Step::Reschedule(timer, delay)),
        1 => any::<usize>().prop_map(Step::Disarm),
        8 => (delays(last), 0..6usize).prop_map(|(ticks, moves)| Step::Advance(ticks, moves)),
        4 => Just(Step::Advance(0, 1)),
        4 => (1..30usize).prop_map(Step::CascadeEarly),
        6 => Just(Step::Pop),
    ];
    let mostly = prop_oneof![200 => step, 1 => Just(Step::Clear)];
    prop::collection::vec(mostly, 1..300)
}

/// Many timers in few slots. Some are cascaded before time reaches them.
fn crowds() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        40 => (0..64u64).prop_map(Step::Insert),
        12 => any::<usize>().prop_map(Step::Cancel),
        4 => (any::<usize>(), 0..64u64).prop_map(|(timer, delay)| Step::Reschedule(timer, delay)),
        6 => (1..30usize).prop_map(Step::CascadeEarly),
        4 => (0..8u64, 0..40usize).prop_map(|(ticks, moves)| Step::Advance(ticks, moves)),
        4 => Just(Step::Pop),
    ];
    let mostly = prop_oneof![400 => step, 1 => Just(Step::Clear)];
    prop::collection::vec(mostly, 1..400)
}

/// Runs the steps. Returns how many advances were unfinished.
fn compare<const BITS: u32, const LEVELS: usize>(steps: Vec<Step>, last: u64) -> usize {
    let (mut wheel, mut model) = (Wheel::<Id, BITS, LEVELS>::with_geometry(), WheelModel::default());
    let mut keys: Vec<Key> = Vec::new();
    let (mut target, mut unfinished) = (0, 0);
    for step in steps {
        let tick = |delay: u64, now: u64| (now + delay).min(last);
        match step {
            Step::Insert(delay) => {
                let deadline = tick(delay, wheel.now());
                model.insert(keys.len() as Id, deadline);
                keys.push(wheel.insert(deadline, keys.len() as Id));
            }
            Step::CascadeEarly(moves) => assert!(wheel.cascade_early(moves) <= moves),
            Step::Pop => {
                let popped = wheel.pop_expired().map(|expired| (expired.deadline, expired.value));
                assert_eq!(popped, model.pop_expired());
            }
            Step::Advance(ticks, moves) => {
                target = tick(ticks, target);
                let is_complete = wheel.advance_within(target, moves);
                assert_eq!(is_complete, wheel.now() == target, "at {} of {target}", wheel.now());
                assert!(model.now() <= wheel.now() && wheel.now() <= target);
                model.advance(wheel.now());
                unfinished += usize::from(!is_complete);
            }
            Step::Clear => {
                wheel.clear();
                model.clear();
                target = wheel.now();
            }
            _ if keys.is_empty() => {}
            Step::Cancel(timer) => {
                let timer = timer % keys.len();
                assert_eq!(wheel.cancel(keys[timer]).is_some(), model.cancel(timer as Id));
            }
            Step::Reschedule(timer, delay) => {
                let (timer, deadline) = (timer % keys.len(), tick(delay, wheel.now()));
                assert_eq!(wheel.reschedule(keys[timer], deadline), model.reschedule(timer as Id, deadline));
            }
            Step::Disarm(timer) => {
                let timer = timer % keys.len();
                assert_eq!(wheel.disarm(keys[timer]), model.disarm(timer as Id));
            }
        }
        wheel.audit();
        let next = if wheel.now() < target { Some(wheel.now()) } else { model.next_deadline() };
        assert_eq!(wheel.next_deadline(), next);
        assert_eq!(wheel.has_due(), next == Some(wheel.now()));
    }
    // At the end each slice moves one timer.
    loop {
        let is_complete = wheel.advance_within(last, 1);
        model.advance(wheel.now());
        wheel.audit();
        while let Some(expected) = model.pop_expired() {
            assert_eq!(wheel.pop_expired().map(|expired| (expired.deadline, expired.value)), Some(expected));
        }
        assert!(wheel.pop_expired().is_none());
        if is_complete {
            return unfinished;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn a_wheel_in_slices_agrees_with_a_sorted_map(steps in steps(1 << 41)) {
        compare::<8, 8>(steps, u64::MAX);
    }

    #[test]
    fn a_tiny_wheel_in_slices_agrees_with_a_sorted_map(steps in steps(20)) {
        compare::<2, 4>(steps, 255);
    }

    #[test]
    fn crowds_that_cascade_early_agree_with_a_sorted_map(steps in crowds()) {
        compare::<2, 6>(steps, 4095);
    }
}

/// In the tests with random steps, an advance may happen to finish in one slice. Here exactly three advances are
/// unfinished.
#[test]
fn equal_deadlines_keep_their_order_when_some_are_inserted_during_a_cascade() {
    let insert = |_| Step::Insert(70);
    let mut steps: Vec<Step> = (0..10).map(insert).chain([Step::Insert(64), Step::Insert(66)]).collect();
    for moves in [1, 3, 2] {
        steps.push(Step::Advance(70, moves));
        steps.extend([Step::Insert(70), Step::Insert(1), Step::Cancel(4), Step::Insert(7)]);
    }
    assert_eq!(compare::<6, 11>(steps, u64::MAX), 3);
}

/// A list with the deadline `u64::MAX` counts as unsorted, although no list of level 0 needs sorting.
#[test]
fn timers_at_the_last_tick_expire_in_an_advance_of_any_number_of_moves() {
    for moves in 1..8 {
        let mut wheel = Wheel::<u64>::new();
        wheel.advance(u64::MAX - 10);
        for value in 0..5 {
            wheel.insert(u64::MAX, value);
        }
        for _ in 0..20 {
            if wheel.advance_within(u64::MAX, moves) {
                break;
            }
        }
        let expired: Vec<u64> = std::iter::from_fn(|| wheel.pop_expired()).map(|expired| expired.value).collect();
        assert_eq!((wheel.now(), expired), (u64::MAX, vec![0, 1, 2, 3, 4]), "{moves} moves");
        wheel.audit();
    }
}
