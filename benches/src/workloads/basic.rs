//! The workloads insert, cancel and expire, each for all timers at once.

use std::hint::black_box;

use super::inputs::{Inputs, SPAN, mix};
use super::testbed::Testbed;
use super::workload::{Sample, Workload};
use crate::measure::timed_ns;
use crate::store::Store;

/// The number of steps in which time passes.
const STEPS: u64 = 1_000;

/// Inserts all timers, then cancels them in random order. A lazy store drops the cancelled timers afterwards; that time
/// is measured separately.
pub(super) fn insert_and_cancel<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs) -> [Sample; 2] {
    let size = inputs.size as f64;
    let insert_ns = timed_ns(|| testbed.fill(inputs));
    let cancel_ns = timed_ns(|| testbed.cancel_all(inputs));
    let purge_ns = testbed.timed_without_turns_ns(|testbed| {
        testbed.purge();
        1
    });
    [
        Sample::new(Workload::Insert, insert_ns / size),
        Sample { later_ns: purge_ns / size, ..Sample::new(Workload::Cancel, cancel_ns / size) },
    ]
}

/// Lets all timers expire while time passes in equal steps.
pub(super) fn expire_in_steps<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs) -> Sample {
    testbed.fill(inputs);
    let (mut fired, mut checksum) = (0, 0_u64);
    let ns = testbed.timed_without_turns_ns(|testbed| {
        pass_in_steps(testbed, |id, step| {
            fired += 1;
            checksum = checksum.wrapping_add(mix(id, step));
        })
    });
    let in_time = if S::EXACT { inputs.size } else { fired };
    fired += testbed.let_all_fire();
    assert_eq!(fired, inputs.size, "{} has fired a wrong number", S::NAME);
    Sample { checksum, ..Sample::new(Workload::Expire, ns / in_time as f64) }
}

/// Lets `SPAN` ticks pass in equal steps. Calls `fired` with each timer and the step in which it fires. Returns the
/// number of steps.
#[inline]
pub(super) fn pass_in_steps<S: Store>(testbed: &mut Testbed<S>, mut fired: impl FnMut(u64, u64)) -> u64 {
    let start = testbed.now;
    for step in 1..=STEPS {
        testbed.now = start + step * (SPAN / STEPS);
        testbed.store.advance(testbed.now, |id| {
            fired(id, step);
            None
        });
    }
    STEPS
}

/// Lets all timers expire while time jumps from deadline to deadline.
pub(super) fn expire_by_deadline<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs) -> Option<Sample> {
    let start = testbed.now;
    if !S::NEXT_IS_EXACT {
        testbed.purge();
        return None;
    }
    testbed.fill(inputs);
    let (mut fired, mut checksum) = (0, 0_u64);
    let ns = testbed.timed_without_turns_ns(|testbed| {
        pass_by_deadline(testbed, |id, now| {
            fired += 1;
            checksum = checksum.wrapping_add(mix(id, now - start));
        })
    });
    assert_eq!(fired, inputs.size, "{} has fired a wrong number", S::NAME);
    testbed.now = start;
    testbed.purge(); // so that every store has reached the same tick
    Some(Sample { checksum, ..Sample::new(Workload::ExpireByDeadline, ns / inputs.size as f64) })
}

/// Lets time jump from deadline to deadline. Calls `fired` with each timer and the tick at which it fires. Returns the
/// number of jumps.
#[inline]
pub(super) fn pass_by_deadline<S: Store>(testbed: &mut Testbed<S>, mut fired: impl FnMut(u64, u64)) -> u64 {
    let mut turns = 0;
    while let Some(next) = black_box(testbed.store.next_deadline()) {
        testbed.now = next;
        turns += 1;
        testbed.store.advance(next, |id| {
            fired(id, next);
            None
        });
    }
    turns
}
