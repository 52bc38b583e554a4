//! A workload: the work, its script, and its results.

use std::path::Path;

use crate::options::Interpreter;

/// Which values of a result are good.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Good {
    Low,
    High,
    /// There is one right value.
    Exact,
}

/// A result that a script prints.
#[derive(Copy, Clone, Debug)]
pub(super) struct Figure {
    /// Its name in the script's output.
    pub(super) name: &'static str,
    /// The label for people, with the unit last.
    pub(super) label: &'static str,
    /// The number that the script prints is divided by this.
    pub(super) unit: f64,
    pub(super) good: Good,
}

pub(super) const fn figure(name: &'static str, label: &'static str, unit: f64, good: Good) -> Figure {
    Figure { name, label, unit, good }
}

/// Measures the bare loop.
type Bare = fn(&Workload) -> Result<Sample, String>;

pub(super) struct Workload {
    pub(super) name: String,
    /// The number of timers or pairs.
    pub(super) size: usize,
    pub(super) script: &'static str,
    /// The arguments after the contender's name.
    pub(super) arguments: Vec<String>,
    pub(super) rounds: usize,
    pub(super) figures: &'static [Figure],
    pub(super) run: fn(&Script<'_>) -> Result<Sample, String>,
    /// The same work on the bare loop, without Lua; `None` if the bare loop cannot do it.
    pub(super) bare: Option<Bare>,
    /// Whether the workload uses descriptors: only then does the result depend on the loop's backend.
    pub(super) is_of_descriptors: bool,
}

/// The number of clients. Each has one message of 64 bytes in flight at a time.
pub(super) const CLIENTS: usize = 50;

/// The values that a process printed, with their names.
pub(super) type Sample = Vec<(String, f64)>;

/// The script of a contender for a workload.
pub(super) struct Script<'a> {
    pub(super) scripts: &'a Path,
    pub(super) interpreter: &'a Interpreter,
    /// The file of the contender.
    pub(super) file: &'a str,
    pub(super) backend: Option<&'a str>,
    pub(super) workload: &'a Workload,
}
