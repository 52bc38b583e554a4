//! A workload: what is done, with which script, and which figures come of it.

use std::path::Path;

use crate::options::Interpreter;

/// Which way a figure is good.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Good {
    Low,
    High,
    /// Neither: it is as it should be, or not.
    Exact,
}

/// A number that a script prints.
#[derive(Copy, Clone, Debug)]
pub(super) struct Figure {
    /// Its name in the script's output.
    pub(super) name: &'static str,
    /// For people, the unit last.
    pub(super) label: &'static str,
    /// What the script's number is divided by.
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
    /// How many timers or pairs.
    pub(super) size: usize,
    pub(super) script: &'static str,
    /// After the contender's name.
    pub(super) arguments: Vec<String>,
    pub(super) rounds: usize,
    pub(super) figures: &'static [Figure],
    pub(super) run: fn(&Script<'_>) -> Result<Sample, String>,
    /// The same without Lua, where that makes sense.
    pub(super) bare: Option<Bare>,
    /// Whether it makes a difference how the loop asks the kernel.
    pub(super) is_of_descriptors: bool,
}

/// As many 64-byte messages are on their way at a time.
pub(super) const CLIENTS: usize = 50;

/// What a process printed: figures by their names.
pub(super) type Sample = Vec<(String, f64)>;

/// The script of a contender for a workload.
pub(super) struct Script<'a> {
    pub(super) scripts: &'a Path,
    pub(super) interpreter: &'a Interpreter,
    /// The contender's.
    pub(super) file: &'a str,
    pub(super) backend: Option<&'a str>,
    pub(super) workload: &'a Workload,
}
