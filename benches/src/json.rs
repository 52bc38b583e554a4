//! The results of a benchmark, for programs and for the report. `--json FILE` writes them in this format, for the
//! benchmarks that take this option.
//!
//! ```text
//! {
//!   "benchmark": "wheel",                      the name by which it is run
//!   "machine": { "cpu", "cpus", "kernel", "rustc" },
//!   "noise": { "others_cpus", "stolen_percent" },   load by other programs meanwhile; null if it was not measured
//!   "rows": [ {
//!       "workload": "insert", "contender": "cogloop", "size": 1000,      "size" if there are several sizes
//!       "figure": "ns",                        what the numbers are, the unit last: "CPU time, ns"
//!       "better": "less",                      or "more"; "less" if it is missing
//!       "median": 12.1, "min": 11.8, "max": 14.0, "samples": [ … ]
//!   }, … ],
//!   "curves": [ {
//!       "name": "1 timer, idle", "contender": "ours/epoll",
//!       "x": "percentile", "y": "late, ns",    what the coordinates of the points are
//!       "points": [ [ 50, 81000 ], … ]
//!   }, … ],
//!   "notes": [ "libuv: not installed" ]
//! }
//! ```
//!
//! A reader ignores fields that it does not know, so a benchmark may add fields.

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::noise;
use crate::statistics::Summary;

/// Says whether a low or a high value is better.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Better {
    Less,
    More,
}

/// The results of one benchmark.
pub(crate) struct Document {
    benchmark: &'static str,
    rows: Vec<Value>,
    curves: Vec<Value>,
    notes: Vec<String>,
}

/// The key of a row: the workload, the contender, the size, and the figure. The figure describes the numbers.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Place<'a> {
    workload: &'a str,
    contender: &'a str,
    size: Option<usize>,
    /// Describes the numbers, with the unit last.
    figure: &'a str,
    better: Better,
}

impl<'a> Place<'a> {
    /// The key of a figure for which a lower value is better.
    pub(crate) fn less(workload: &'a str, contender: &'a str, size: Option<usize>, figure: &'a str) -> Self {
        Self { workload, contender, size, figure, better: Better::Less }
    }

    /// The key of a figure for which a higher value is better.
    pub(crate) fn more(workload: &'a str, contender: &'a str, size: Option<usize>, figure: &'a str) -> Self {
        Self { better: Better::More, ..Self::less(workload, contender, size, figure) }
    }
}

impl Document {
    pub(crate) fn new(benchmark: &'static str) -> Self {
        Self { benchmark, rows: Vec::new(), curves: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row if there are samples.
    pub(crate) fn row(&mut self, place: Place<'_>, samples: impl IntoIterator<Item = f64>) {
        let samples: Vec<f64> = samples.into_iter().collect();
        let Summary { median, min, max, .. } = Summary::of(samples.iter().copied());
        if !median.is_finite() {
            return;
        }
        let better = match place.better {
            Better::Less => "less",
            Better::More => "more",
        };
        let mut row = json!({
            "workload": place.workload, "contender": place.contender, "figure": place.figure, "better": better,
            "median": median, "min": min, "max": max, "samples": samples,
        });
        if let Some(size) = place.size {
            row["size"] = size.into();
        }
        self.rows.push(row);
    }

    /// Adds a curve. `x` and `y` name the coordinates of its points.
    pub(crate) fn curve(&mut self, name: &str, contender: &str, [x, y]: [&str; 2], points: &[[f64; 2]]) {
        self.curves.push(json!({ "name": name, "contender": contender, "x": x, "y": y, "points": points }));
    }

    /// Adds a note for the reader, for example about a missing contender.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn json(self, machine: &Machine) -> Value {
        json!({
            "benchmark": self.benchmark,
            "machine": machine.json(),
            "noise": noise::so_far(),
            "rows": self.rows,
            "curves": self.curves,
            "notes": self.notes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_samples_and_their_summary_and_is_never_empty() {
        let mut document = Document::new("wheel");
        document.row(Place::less("insert", "heap", Some(10), "ns"), [3.0, 1.0, 2.0]);
        document.row(Place::more("insert", "heap", None, "a second"), [1.0]);
        document.row(Place::less("cancel", "heap", None, "ns"), []);
        document.curve("idle", "heap", ["percentile", "ns"], &[[50.0, 1.0]]);
        let json = document.json(&Machine::describe());
        assert_eq!(json["rows"].as_array().map(Vec::len), Some(2));
        assert_eq!(json["rows"][0]["median"], 2.0);
        assert_eq!(json["rows"][0]["size"], 10);
        assert_eq!(json["rows"][1]["better"], "more");
        assert_eq!(json["curves"][0]["points"][0][1], 1.0);
        assert!(json["machine"]["cpus"].as_u64().is_some_and(|cpus| cpus > 0));
    }
}
