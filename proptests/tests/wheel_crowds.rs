//! Tests a wheel with crowded slots, whose earliest timers are cancelled, moved and replaced again and again, and
//! compares it with its model, a sorted map. The next deadline is asked for only now and then, because the question
//! sorts a crowded slot.

use cogloop_engine::{Key, Wheel};
use cogloop_proptests::wheel_model::{Id, WheelModel};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Inserts a timer with a delay from the reached tick.
    Insert(u64),
    Cancel(usize),
    CancelFirst,
    Reschedule(usize, u64),
    RescheduleFirst(u64),
    DisarmFirst,
    Next,
    Peek,
    /// Advances by this many ticks, in slices of about this many timers.
    Advance(u64, usize),
    AdvanceToNext,
    CascadeEarly(usize),
    Pop,
    Shrink,
}

/// Delays up to `span` ticks, of which `near` are more probable.
fn steps(near: u64, span: u64) -> impl Strategy<Value = Vec<Step>> {
    let delays = move || prop_oneof![3 => 0..near, 1 => 0..span];
    let step = prop_oneof![
        30 => delays().prop_map(Step::Insert),
        2 => any::<usize>().prop_map(Step::Cancel),
        12 => Just(Step::CancelFirst),
        3 => (any::<usize>(), delays()).prop_map(|(timer, delay)| Step::Reschedule(timer, delay)),
        3 => delays().prop_map(Step::RescheduleFirst),
        1 => Just(Step::DisarmFirst),
        10 => Just(Step::Next),
        2 => Just(Step::Peek),
        2 => (0..8u64, 0..40usize).prop_map(|(ticks, moves)| Step::Advance(ticks, moves)),
        1 => (0..near, 0..40usize).prop_map(|(ticks, moves)| Step::Advance(ticks, moves)),
        1 => Just(Step::AdvanceToNext),
        2 => (1..30usize).prop_map(Step::CascadeEarly),
        4 => Just(Step::Pop),
    ];
    prop::collection::vec(prop_oneof![200 => step, 1 => Just(Step::Shrink)], 1..400)
}

fn compare<const BITS: u32, const LEVELS: usize>(steps: Vec<Step>, last: u64) {
    let (mut wheel, mut model) = (Wheel::<Id, BITS, LEVELS>::with_geometry(), WheelModel::default());
    let mut keys: Vec<Key> = Vec::new();
    let mut target = 0;
    for step in steps {
        let tick = |delay: u64, now: u64| (now + delay).min(last);
        match (step, model.peek()) {
            (Step::Insert(delay), _) => {
                let deadline = tick(delay, wheel.now());
                model.insert(keys.len() as Id, deadline);
                keys.push(wheel.insert(deadline, keys.len() as Id));
            }
            (Step::Next, _) => {
                let next = if wheel.now() < target { Some(wheel.now()) } else { model.next_deadline() };
                assert_eq!(wheel.next_deadline(), next);
            }
            (Step::Peek, first) => assert_eq!(wheel.peek(), first.map(|id| keys[id as usize])),
            (Step::Advance(ticks, moves), _) => {
                target = tick(ticks, target);
                wheel.advance_within(target, moves);
                model.advance(wheel.now());
            }
            (Step::AdvanceToNext, _) => {
                target = model.next_deadline().unwrap_or(target).max(target);
                wheel.advance(target);
                model.advance(target);
            }
            (Step::CascadeEarly(moves), _) => assert!(wheel.cascade_early(moves) <= moves),
            (Step::Pop, _) => {
                let popped = wheel.pop_expired().map(|expired| (expired.deadline, expired.value));
                assert_eq!(popped, model.pop_expired());
            }
            (Step::Shrink, _) => wheel.shrink_to_fit(),
            (Step::Cancel(timer), Some(_)) => {
                let timer = timer % keys.len();
                assert_eq!(wheel.cancel(keys[timer]).is_some(), model.cancel(timer as Id));
            }
            (Step::CancelFirst, Some(first)) => {
                assert!(wheel.cancel(keys[first as usize]).is_some() && model.cancel(first));
            }
            (Step::Reschedule(timer, delay), Some(_)) => {
                let (timer, deadline) = (timer % keys.len(), tick(delay, wheel.now()));
                assert_eq!(wheel.reschedule(keys[timer], deadline), model.reschedule(timer as Id, deadline));
            }
            (Step::RescheduleFirst(delay), Some(first)) => {
                let deadline = tick(delay, wheel.now());
                assert!(wheel.reschedule(keys[first as usize], deadline) && model.reschedule(first, deadline));
            }
            (Step::DisarmFirst, Some(first)) => {
                assert!(wheel.disarm(keys[first as usize]) && model.disarm(first));
            }
            (_, None) => {}
        }
        wheel.audit();
    }
    wheel.advance(target);
    model.advance(target);
    let mut queued: Vec<(u64, Id)> = wheel.iter_queued().map(|(_, rank, &id)| (rank, id)).collect();
    queued.sort_by_key(|&(rank, _)| rank);
    wheel.advance(last);
    model.advance(last);
    for (_, id) in queued {
        let popped = wheel.pop_expired().map(|expired| (expired.deadline, expired.value));
        assert_eq!(popped, model.pop_expired());
        assert_eq!(popped.map(|(_, id)| id), Some(id), "the listing");
    }
    assert_eq!(wheel.pop_expired(), None);
    assert_eq!(model.pop_expired(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn a_crowd_agrees_with_a_sorted_map(steps in steps(64, 1024)) {
        compare::<2, 6>(steps, 4095);
    }

    #[test]
    fn a_crowd_on_few_ticks_agrees_with_a_sorted_map(steps in steps(24, 80)) {
        compare::<2, 4>(steps, 255);
    }

    #[test]
    fn a_crowd_of_two_timers_agrees_with_a_sorted_map(steps in steps(16, 200)) {
        compare::<1, 10>(steps, 1023);
    }
}
