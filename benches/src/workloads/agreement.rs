//! A checksum that shows whether all exact stores do the same work. If they did not, their times could not be compared.

use super::inputs::{Inputs, SPAN, mix};
use super::steady::{churn_pairs, restart_all};
use super::testbed::Testbed;
use crate::store::Store;

/// Returns a checksum of the timers and the ticks at which they fire. First, many timers are replaced or restarted. In
/// the first quarter of the time every third timer is set again when it fires.
pub(crate) fn checksum<S: Store>(inputs: &Inputs) -> u64 {
    const STEPS: u64 = 2_000;
    let mut testbed = Testbed::<S>::fresh(0.0);
    testbed.fill(inputs);
    let (replaced, restarted) = inputs.churn.split_at(inputs.churn.len() / 2);
    churn_pairs(&mut testbed, replaced);
    restart_all(&mut testbed, restarted);
    let mut checksum = 0_u64;
    let again = inputs.size as u64;
    for step in 1..=STEPS {
        let now = step * (2 * SPAN / STEPS);
        testbed.store.advance(now, |id| {
            checksum = checksum.wrapping_add(mix(id, now));
            let first_time = now <= SPAN / 2;
            (first_time && id % 3 == 0).then(|| now + 1 + mix(id, again) % SPAN)
        });
    }
    assert_eq!(testbed.store.next_deadline(), None, "{} still has a timer at the end", S::NAME);
    checksum
}
