//! A store that stays full: timers are replaced or restarted before they expire, or fire and are set again.

use std::hint::black_box;

use super::inputs::{Inputs, mix};
use super::testbed::Testbed;
use super::workload::{Sample, Workload};
use crate::measure::timed_ns;
use crate::store::Store;

/// Cancels a random timer and inserts another, many times.
pub(super) fn churn<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs) -> Sample {
    replace(testbed, inputs, Workload::Churn, churn_pairs)
}

/// Sets a random timer for another tick, many times, as a server does with the time-out of a connection that has got
/// data.
pub(super) fn restart<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs) -> Sample {
    replace(testbed, inputs, Workload::Restart, restart_all)
}

/// Replaces timers, and then cancels all. At the end a lazy store drops the cancelled timers that it has kept. That
/// time is divided by the number of all cancelled timers.
fn replace<S: Store>(
    testbed: &mut Testbed<S>,
    inputs: &Inputs,
    workload: Workload,
    work: impl FnOnce(&mut Testbed<S>, &[(u32, u32)]),
) -> Sample {
    testbed.fill(inputs);
    let pairs = inputs.churn.len() as f64;
    let pair_ns = timed_ns(|| work(testbed, &inputs.churn)) / pairs;
    testbed.cancel_all(inputs);
    let purge_ns = testbed.timed_without_turns_ns(|testbed| {
        testbed.purge();
        1
    });
    Sample { later_ns: purge_ns / (pairs + inputs.size as f64), ..Sample::new(workload, pair_ns) }
}

#[inline]
pub(super) fn churn_pairs<S: Store>(testbed: &mut Testbed<S>, pairs: &[(u32, u32)]) {
    for &(victim, delay) in pairs {
        let handle = &mut testbed.handles[victim as usize];
        testbed.store.cancel(handle);
        *handle = testbed.store.insert(testbed.now + u64::from(delay), u64::from(victim));
    }
    black_box(&testbed.handles);
}

#[inline]
pub(super) fn restart_all<S: Store>(testbed: &mut Testbed<S>, pairs: &[(u32, u32)]) {
    for &(id, delay) in pairs {
        let handle = &mut testbed.handles[id as usize];
        testbed.store.restart(handle, testbed.now + u64::from(delay), u64::from(id));
    }
    black_box(&testbed.handles);
}

/// Lets timers fire and sets each one again at once.
pub(super) fn rearm<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs) -> Sample {
    rearm_fill(testbed, inputs);
    let (mut fired, mut checksum) = (0, 0_u64);
    let ns = testbed.timed_without_turns_ns(|testbed| {
        let mut turns = 0;
        while fired < inputs.fires {
            turns += 1;
            rearm_step(testbed, inputs, |id, now| {
                fired += 1;
                checksum = checksum.wrapping_add(mix(id, now));
            });
        }
        turns
    });
    testbed.now += inputs.rearm_span;
    let left = testbed.let_all_fire();
    assert_eq!(left, inputs.size, "{} has lost or gained timers", S::NAME);
    Sample { checksum, ..Sample::new(Workload::Rearm, ns / fired as f64) }
}

pub(super) fn rearm_fill<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs) {
    for id in 0..inputs.size as u64 {
        testbed.store.insert(testbed.now + rearm_delay(id, testbed.now, inputs.rearm_span), id);
    }
}

#[inline]
pub(super) fn rearm_step<S: Store>(testbed: &mut Testbed<S>, inputs: &Inputs, mut fired: impl FnMut(u64, u64)) {
    testbed.now += inputs.rearm_step;
    let now = testbed.now;
    testbed.store.advance(now, |id| {
        fired(id, now);
        Some(now + rearm_delay(id, now, inputs.rearm_span))
    });
}

/// The delay after firing at `now`. It is the same for every store and does not depend on the order of timers that are
/// due together.
#[inline]
fn rearm_delay(id: u64, now: u64, span: u64) -> u64 {
    1 + (((mix(id, now) >> 32) * span) >> 32)
}
