//! Reads the results of a benchmark from its file. [`json`](crate::json) describes the format.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The results of one benchmark.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) benchmark: String,
    pub(super) machine: String,
    pub(super) noise: String,
    pub(super) rows: Vec<Row>,
    pub(super) curves: Vec<Curve>,
    pub(super) notes: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) workload: String,
    pub(super) contender: String,
    pub(super) size: Option<u64>,
    pub(super) figure: String,
    pub(super) more_is_better: bool,
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) contender: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) points: Vec<[f64; 2]>,
}

/// Reads a file. The error contains the file's name and the place in it.
pub(super) fn read(path: &Path) -> Result<Figures, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let json: Value =
        serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", path.display()))?;
    figures(&json).map_err(|what| format!("{}: {what}", path.display()))
}

pub(super) fn figures(json: &Value) -> Result<Figures, String> {
    let all = |key: &str| json[key].as_array().map_or(&[][..], Vec::as_slice);
    let rows = all("rows").iter().enumerate();
    let curves = all("curves").iter().enumerate();
    Ok(Figures {
        benchmark: text(json, "benchmark")?,
        machine: machine(&json["machine"]),
        noise: noise(&json["noise"]),
        rows: rows
            .map(|(nth, json)| row(json).map_err(|what| format!("row {nth}: {what}")))
            .collect::<Result<_, _>>()?,
        curves: curves
            .map(|(nth, json)| curve(json).map_err(|what| format!("curve {nth}: {what}")))
            .collect::<Result<_, _>>()?,
        notes: all("notes").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

fn row(json: &Value) -> Result<Row, String> {
    let median = number(json, "median")?;
    Ok(Row {
        workload: text(json, "workload")?,
        contender: text(json, "contender")?,
        size: json["size"].as_u64(),
        figure: text(json, "figure")?,
        more_is_better: json["better"] == "more",
        median,
        min: number(json, "min").unwrap_or(median),
        max: number(json, "max").unwrap_or(median),
    })
}

fn curve(json: &Value) -> Result<Curve, String> {
    let points = json["points"].as_array().ok_or("`points` is not a list")?;
    let point = |point: &Value| Some([point[0].as_f64()?, point[1].as_f64()?]);
    Ok(Curve {
        name: text(json, "name")?,
        contender: text(json, "contender")?,
        x: text(json, "x")?,
        y: text(json, "y")?,
        points: points.iter().map(point).collect::<Option<_>>().ok_or("a point is not two numbers")?,
    })
}

fn text(json: &Value, key: &str) -> Result<String, String> {
    json[key].as_str().map(str::to_owned).ok_or_else(|| format!("`{key}` is not text"))
}

fn number(json: &Value, key: &str) -> Result<f64, String> {
    json[key].as_f64().filter(|number| number.is_finite()).ok_or_else(|| format!("`{key}` is not a number"))
}

fn machine(json: &Value) -> String {
    let word = |key: &str| json[key].as_str().unwrap_or("?");
    match json["cpus"].as_u64() {
        Some(cpus) => format!("{}, {cpus} CPUs, Linux {}, {}", word("cpu"), word("kernel"), word("rustc")),
        None => String::new(),
    }
}

fn noise(json: &Value) -> String {
    match (json["others_cpus"].as_f64(), json["stolen_percent"].as_f64()) {
        (Some(others), Some(stolen)) => {
            format!("Other programs kept {others:.2} CPUs busy meanwhile, and the hypervisor took {stolen:.1} %.")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::{Document, Place};
    use crate::machine::Machine;

    #[test]
    fn the_file_of_a_benchmark_is_read() {
        let mut document = Document::new("wheel");
        document.row(Place::more("insert", "cogloop", Some(1_000), "a second"), [2.0, 1.0, 3.0]);
        document.curve("idle", "tokio", ["percentile", "late, µs"], &[[50.0, 7.0]]);
        document.note("libuv: not installed".to_owned());
        let figures = figures(&document.json(&Machine::describe())).unwrap();
        let row = &figures.rows[0];
        assert_eq!((row.size, row.more_is_better, row.median, row.max), (Some(1_000), true, 2.0, 3.0));
        assert_eq!((figures.curves[0].points[0], figures.notes.len()), ([50.0, 7.0], 1));
        assert!(figures.machine.contains("CPUs"));
    }

    #[test]
    fn an_error_names_the_place_in_the_file() {
        let error =
            figures(&json!({ "benchmark": "x", "rows": [{ "workload": "a", "contender": "b", "figure": "c" }] }));
        assert_eq!(error.unwrap_err(), "row 0: `median` is not a number");
        assert!(figures(&json!({})).unwrap_err().contains("benchmark"));
        assert!(figures(&json!({ "benchmark": "x" })).unwrap().machine.is_empty(), "little is enough");
    }
}
