//! Chooses what is measured in sizes above a million timers, where one repetition of a slow store takes minutes.
//!
//! A store that is in use for long has its memory in random order, so memory in the order of insertion is not measured.
//! The rule for stores looks at the next smaller size of the same run. A store is left out if, in that size, its
//! workloads took more than [`SLOW`] times as long as those of our store, and our store was ahead in each cell. So a
//! store that was ahead in one cell takes part, even if it is slow in the others. If there is no smaller size in the
//! run, all stores take part.

use crate::statistics::Summary;
use crate::workloads::{Memory, Sample, Samples};

/// The largest size in which all stores take part.
pub(crate) const ALL_TAKE_PART: usize = 1_000_000;

/// A store is slow if its workloads take more than this many times as long as those of our store.
const SLOW: f64 = 3.0;

/// The kinds of memory that are measured in a size.
pub(crate) fn memories(size: usize) -> impl Iterator<Item = Memory> {
    Memory::ALL.into_iter().filter(move |&memory| size <= ALL_TAKE_PART || memory != Memory::Ordered)
}

/// Whether a store is left out in the size after `size`. `cpu_ns` has the time that each store took for all of its
/// workloads in `size`, ours first.
pub(crate) fn is_left_out(samples: &Samples, cpu_ns: &[u64], size: usize, store: usize) -> bool {
    let is_slow = cpu_ns[store] as f64 > SLOW * cpu_ns[0] as f64;
    let median = |samples: &[Sample]| Summary::of(samples.iter().map(|sample| sample.ns + sample.later_ns)).median;
    let mut cells = samples.iter().filter(|((of, ..), _)| *of == size);
    is_slow && !cells.any(|(_, stores)| median(&stores[store]) <= median(&stores[0]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::workloads::Workload;

    fn cells(ours_ns: f64, theirs_ns: f64) -> Samples {
        let sample = |ns| vec![Sample { workload: Workload::Insert, ns, later_ns: 0.0, checksum: 0 }];
        let cell = |size, workload| (size, Memory::New, workload);
        BTreeMap::from([
            (cell(1_000, Workload::Insert), vec![sample(1.0), sample(0.5)]),
            (cell(2_000, Workload::Insert), vec![sample(ours_ns), sample(theirs_ns)]),
            (cell(2_000, Workload::Cancel), vec![sample(1.0), sample(9.0)]),
        ])
    }

    #[test]
    fn only_a_slow_store_that_is_ahead_nowhere_is_left_out() {
        assert!(is_left_out(&cells(1.0, 2.0), &[10, 50], 2_000, 1));
        assert!(!is_left_out(&cells(1.0, 2.0), &[10, 20], 2_000, 1), "it is not slow");
        assert!(!is_left_out(&cells(1.0, 0.9), &[10, 50], 2_000, 1), "it is ahead in one cell");
        assert!(!is_left_out(&BTreeMap::new(), &[10, 10], 2_000, 0), "ours always takes part");
    }
}
