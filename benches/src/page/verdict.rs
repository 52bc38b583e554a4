//! The verdict: this project's default contender beside the best of its peers, as a ratio, for each figure of each
//! benchmark.
//!
//! ```text
//!   ratio  0.5   ours takes half of what the best peer takes
//!          1.0   level
//!          2.0   ours takes twice as much
//! ```
//!
//! Bare system calls are no peers: they do less.

use super::picture::thousands;
use super::read::{Figures, Row};
use super::scale::short;
use super::theme;

/// A ratio between these two bounds is level: in another run the other contender may be ahead.
const LEVEL: [f64; 2] = [0.95, 1.05];

/// Figures for which neither more nor less is better, and figures that are part of another figure.
const LEFT_OUT: [&str; 6] = [
    "fired early",
    "late, most of a round, µs",
    "of it paid later, ns",
    "next deadlines that are not exact",
    "wake-ups",
    "longest slice, µs",
];

/// One figure of this project's contender, beside the same figure of the best peer.
#[derive(Debug, PartialEq)]
pub(super) struct Comparison {
    /// The workload, its size, and the figure.
    what: String,
    ours: f64,
    peer: String,
    theirs: f64,
    /// Below 1 if ours is better.
    ratio: f64,
}

/// The comparisons of a benchmark. The comparison that is best for ours comes first.
pub(super) fn of(figures: &Figures) -> Vec<Comparison> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    let key = |row: &Row| (row.workload.clone(), row.size, row.figure.clone());
    for row in figures.rows.iter().filter(|row| !row.figure.contains("× ") && !LEFT_OUT.contains(&row.figure.as_str()))
    {
        match groups.iter_mut().find(|group| key(group[0]) == key(row)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let mut comparisons: Vec<_> = groups.iter().filter_map(|rows| compare(rows)).collect();
    comparisons.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
    comparisons
}

/// Compares the contenders of one figure. `None` if ours or all peers are missing, or if one of the two medians is 0.
fn compare(rows: &[&Row]) -> Option<Comparison> {
    let ours = rows.iter().filter(|row| theme::is_ours(&row.contender));
    // Prefers the form that a program gets by default.
    let ours = ours.min_by_key(|row| !matches!(row.contender.as_str(), "cogloop" | "ours/uring"))?;
    let is_peer = |row: &&&Row| !theme::is_ours(&row.contender) && !theme::is_bare(&row.contender);
    let sign = if ours.more_is_better { -1.0 } else { 1.0 };
    let best = rows.iter().filter(is_peer).min_by(|a, b| (sign * a.median).total_cmp(&(sign * b.median)))?;
    let ratio = (ours.median / best.median).powf(sign);
    let size = ours.size.map_or(String::new(), |size| format!(", {}", thousands(size)));
    (ratio.is_finite() && ratio > 0.0).then(|| Comparison {
        what: format!("{}{size} [{}]", ours.workload, ours.figure),
        ours: ours.median,
        peer: best.contender.clone(),
        theirs: best.median,
        ratio,
    })
}

/// The table of all benchmarks, a row for each. The first row is the heading.
pub(super) fn summary(benchmarks: &[(&str, Vec<Comparison>)]) -> Vec<Vec<String>> {
    let head = ["benchmark", "figures", "ahead", "level", "behind", "middle", "furthest ahead", "furthest behind"];
    let mut table = vec![head.map(String::from).to_vec()];
    for (name, comparisons) in benchmarks {
        let [Some(first), Some(last)] = [comparisons.first(), comparisons.last()] else { continue };
        let count =
            |within: &dyn Fn(f64) -> bool| comparisons.iter().filter(|one| within(one.ratio)).count().to_string();
        table.push(vec![
            (*name).to_owned(),
            comparisons.len().to_string(),
            count(&|ratio| ratio < LEVEL[0]),
            count(&|ratio| (LEVEL[0]..=LEVEL[1]).contains(&ratio)),
            count(&|ratio| ratio > LEVEL[1]),
            in_words(comparisons[comparisons.len() / 2].ratio),
            extreme(first),
            extreme(last),
        ]);
    }
    table
}

fn extreme(one: &Comparison) -> String {
    format!("{} {}, {}", in_words(one.ratio), one.what, one.peer)
}

/// The table of all comparisons of all benchmarks. The first row is the heading.
pub(super) fn all(benchmarks: &[(&str, Vec<Comparison>)]) -> Vec<Vec<String>> {
    let mut table =
        vec![["benchmark", "figure", "ours", "the best peer's", "best peer", "ratio"].map(String::from).to_vec()];
    for (name, comparisons) in benchmarks {
        for one in comparisons {
            let [ours, theirs] = [one.ours, one.theirs].map(short);
            table.push(vec![(*name).to_owned(), one.what.clone(), ours, theirs, one.peer.clone(), in_words(one.ratio)]);
        }
    }
    table
}

fn in_words(ratio: f64) -> String {
    if ratio < 0.095 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

/// A table in Markdown.
pub(super) fn markdown(rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = String::new();
    for (nth, row) in rows.iter().enumerate() {
        text.push_str(&line(row));
        if nth == 0 {
            text.push_str(&line(&vec!["---".to_owned(); row.len()]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::page::read;

    fn figures() -> Figures {
        let row = |workload: &str, contender: &str, figure: &str, better: &str, median: f64| json!({ "workload": workload, "contender": contender, "figure": figure, "better": better, "median": median });
        let rows = [
            row("insert", "cogloop", "CPU time, ns", "less", 10.0),
            row("insert", "heap", "CPU time, ns", "less", 40.0),
            row("insert", "libuv", "CPU time, ns", "less", 20.0),
            row("wakes", "ours/epoll", "rate", "more", 80.0),
            row("wakes", "ours/uring", "rate", "more", 40.0),
            row("wakes", "bare epoll", "rate", "more", 900.0),
            row("wakes", "mio", "rate", "more", 80.0),
            row("wakes", "mio", "rate, × bare epoll", "more", 0.1),
            row("lost", "mio", "rate", "more", 80.0),
            row("kept", "cogloop", "bytes", "less", 1.0),
            row("kept", "tokio", "bytes", "less", 0.0),
        ];
        read::figures(&json!({ "benchmark": "x", "rows": rows })).unwrap()
    }

    #[test]
    fn ours_is_compared_with_the_best_peer_and_a_rate_the_other_way_round() {
        let found: Vec<_> = of(&figures()).into_iter().map(|one| (one.what, one.peer, one.ratio)).collect();
        let insert = ("insert [CPU time, ns]".to_owned(), "libuv".to_owned(), 0.5);
        // Ours is the default form, not the best one; the bare loop is no peer; without a peer there is no comparison.
        assert_eq!(found, [insert, ("wakes [rate]".to_owned(), "mio".to_owned(), 2.0)]);
    }

    #[test]
    fn the_table_has_the_best_and_the_worst_ratio_of_each_benchmark() {
        let benchmarks = [("x", of(&figures())), ("empty", Vec::new())];
        let table = summary(&benchmarks);
        assert_eq!(table.len(), 2);
        assert_eq!(table[1][..6], ["x", "2", "1", "0", "1", "2.00"]);
        assert!(table[1][6].starts_with("0.50 insert") && table[1][7].ends_with("mio"), "{table:?}");
        let text = markdown(&table);
        assert!(text.starts_with("| benchmark | figures |") && text.contains("\n| --- |"), "{text}");
        assert_eq!(all(&benchmarks).len(), 3);
    }
}
