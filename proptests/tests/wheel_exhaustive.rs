//! Tries every order of operations up to a depth on a tiny wheel, and compares the wheel with its model, a sorted map.
//! The wheel has three levels of four slots each (2 bits), so 64 ticks.

use cogloop_engine::{Key, Wheel};
use cogloop_proptests::wheel_model::{Id, WheelModel};

type Tiny = Wheel<Id, 2, 3>;

/// An operation on a wheel. `replay` does a list of operations on a new wheel and on a new map.
#[derive(Copy, Clone, Debug)]
enum Step {
    Insert(u64),
    Cancel(usize),
    Reschedule(usize, u64),
    Advance(u64),
    Pop,
}

fn replay(steps: &[Step]) {
    let (mut wheel, mut model) = (Tiny::with_geometry(), WheelModel::default());
    let mut keys: Vec<Key> = Vec::new();
    for step in steps {
        match *step {
            Step::Insert(deadline) => {
                let id = keys.len() as Id;
                keys.push(wheel.insert(deadline, id));
                model.insert(id, deadline);
            }
            Step::Cancel(n) => assert_eq!(wheel.cancel(keys[n]).is_some(), model.cancel(n as Id), "{steps:?}"),
            Step::Reschedule(n, deadline) => {
                assert_eq!(wheel.reschedule(keys[n], deadline), model.reschedule(n as Id, deadline), "{steps:?}");
            }
            Step::Advance(now) => {
                wheel.advance(now);
                model.advance(now);
            }
            Step::Pop => {
                let popped = wheel.pop_expired().map(|expired| (expired.deadline, expired.value));
                assert_eq!(popped, model.pop_expired(), "{steps:?}");
            }
        }
        assert_eq!(wheel.next_deadline(), model.next_deadline(), "{steps:?}");
        assert_eq!(wheel.len(), model.len(), "{steps:?}");
    }
    wheel.audit();
    loop {
        while let Some(expected) = model.pop_expired() {
            let popped = wheel.pop_expired().map(|expired| (expired.deadline, expired.value));
            assert_eq!(popped, Some(expected), "{steps:?}");
        }
        assert_eq!(wheel.pop_expired(), None, "{steps:?}");
        let Some(next) = model.next_deadline() else { break };
        model.advance(next);
        wheel.advance(next);
    }
    wheel.audit();
}

/// Deadlines and targets on both sides of every kind of boundary within 64 ticks.
const TICKS: [u64; 8] = [0, 1, 3, 4, 5, 16, 21, 63];

fn all_orders(steps: &mut Vec<Step>, depth: usize, replays: &mut u64) {
    replay(steps);
    *replays += 1;
    if depth == 0 {
        return;
    }
    let made = steps.iter().filter(|step| matches!(step, Step::Insert(_))).count();
    let inserts = TICKS.into_iter().map(Step::Insert);
    let advances = TICKS.into_iter().map(Step::Advance);
    let cancels = (0..made).map(Step::Cancel);
    let moves = (0..made).flat_map(|n| [1, 4, 21].map(|tick| Step::Reschedule(n, tick)));
    for step in inserts.chain(advances).chain(cancels).chain(moves).chain([Step::Pop]) {
        steps.push(step);
        all_orders(steps, depth - 1, replays);
        steps.pop();
    }
}

#[test]
fn every_order_of_four_operations() {
    let mut replays = 0;
    all_orders(&mut Vec::new(), 4, &mut replays);
    assert!(replays > 100_000, "{replays} orders were tried");
}

/// From every starting time, tries every first deadline with nine second deadlines. The wheel then advances in steps
/// of three ticks.
#[test]
fn every_first_deadline_from_every_start_with_nine_second_ones() {
    for start in 0..64 {
        for first in 0..64 {
            for second in [0, 1, 4, 15, 16, 17, 47, 48, 63].map(|off| (first + off) % 64) {
                let pair = [Step::Advance(start), Step::Insert(first), Step::Insert(second)];
                let steps: Vec<Step> = pair
                    .into_iter()
                    .chain((start..64).step_by(3).flat_map(|now| [Step::Advance(now), Step::Pop]))
                    .collect();
                replay(&steps);
            }
        }
    }
}
