//! The workloads and their samples.

#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Workload {
    Insert,
    Cancel,
    Expire,
    ExpireByDeadline,
    Churn,
    Restart,
    Rearm,
}

impl Workload {
    pub(crate) const ALL: [Self; 7] =
        [Self::Insert, Self::Cancel, Self::Expire, Self::ExpireByDeadline, Self::Churn, Self::Restart, Self::Rearm];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Cancel => "cancel",
            Self::Expire => "expire, 1000 steps",
            Self::ExpireByDeadline => "expire by deadline",
            Self::Churn => "cancel + insert",
            Self::Restart => "restart",
            Self::Rearm => "fire + re-arm",
        }
    }
}

/// One measurement of one workload.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) workload: Workload,
    /// The time in ns for an operation.
    pub(crate) ns: f64,
    /// The time in ns that a lazy store spends later for an operation.
    pub(crate) later_ns: f64,
    /// A checksum of the timers and the ticks at which they fired. It is the same for every exact store. 0 if nothing
    /// fires.
    pub(crate) checksum: u64,
}

impl Sample {
    pub(super) fn new(workload: Workload, ns: f64) -> Self {
        Self { workload, ns, later_ns: 0.0, checksum: 0 }
    }
}
