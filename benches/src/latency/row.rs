//! The results of one contender in one cell.

use hdrhistogram::Histogram;

use super::contender::Contender;
use super::course::{Record, empty};

/// The results of one contender in one cell: a record for each round.
pub(super) struct Row {
    pub(super) contender: Contender,
    pub(super) records: Vec<Record>,
}

impl Row {
    /// A quantile of the lateness in each round, in µs.
    pub(super) fn late_us(&self, quantile: f64) -> Vec<f64> {
        self.records.iter().map(|record| record.late_ns.value_at_quantile(quantile) as f64 / 1e3).collect()
    }

    /// One value of each round's record, divided by the number of timers that fired.
    pub(super) fn for_a_fire(&self, part: impl Fn(&Record) -> f64) -> Vec<f64> {
        self.records.iter().map(|record| part(record) / record.late_ns.len() as f64).collect()
    }

    pub(super) fn early(&self) -> (u64, u64) {
        let most_ns = self.records.iter().map(|record| record.early_ns_max).max().unwrap_or(0);
        (self.records.iter().map(|record| record.early).sum(), most_ns)
    }

    /// The histogram of all rounds together.
    pub(super) fn merged(&self) -> Histogram<u64> {
        let mut all = empty();
        self.records.iter().for_each(|record| all.add(&record.late_ns).expect("the same bounds"));
        all
    }
}
