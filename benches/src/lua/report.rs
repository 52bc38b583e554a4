//! Prints the results, and writes them as JSON.

use std::collections::BTreeMap;

use super::contender::{BARE, OURS};
use super::workload::{Figure, Good, Workload};
use crate::json::{Document, Place};
use crate::machine::Machine;
use crate::options::Interpreter;
use crate::statistics::{Summary, ratios};

/// The samples of all rounds, by contender and figure, for one workload on one interpreter.
pub(super) type Samples = BTreeMap<&'static str, BTreeMap<String, Vec<f64>>>;

pub(super) fn print_head(machine: &Machine) {
    println!("{}, {} CPUs, Linux {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.rustc);
    println!(
        "Medians of all rounds, least and most in parentheses; × the best peer, or the bare loop in the same round."
    );
}

/// All samples of a contender, in the figure's unit.
fn values(samples: &Samples, name: &str, figure: &Figure) -> Vec<f64> {
    let raw = samples.get(name).and_then(|figures| figures.get(figure.name));
    raw.map_or_else(Vec::new, |raw| raw.iter().map(|value| value / figure.unit).collect())
}

/// The peer with the best median, and that median. A peer is any contender except this project's loops and the bare
/// loop.
fn best_peer<'a>(samples: &'a Samples, figure: &Figure) -> Option<(&'a str, f64)> {
    let peers = samples.keys().filter(|name| **name != BARE && !OURS.contains(name));
    let medians = peers.map(|name| (*name, Summary::of(values(samples, name, figure)).median));
    let medians = medians.filter(|(_, median)| median.is_finite());
    match figure.good {
        Good::Low => medians.min_by(|a, b| a.1.total_cmp(&b.1)),
        Good::High => medians.max_by(|a, b| a.1.total_cmp(&b.1)),
        Good::Exact => None,
    }
}

pub(super) fn print(interpreter: &Interpreter, workload: &Workload, samples: &Samples) {
    let heads: Vec<_> = workload.figures.iter().map(|figure| figure.label).collect();
    println!("\n| {}, {} | {} |", interpreter.program, workload.name, heads.join(" | "));
    println!("|---|{}", "---:|".repeat(heads.len()));
    for name in samples.keys() {
        let cells = workload.figures.iter().map(|figure| match Summary::of(values(samples, name, figure)) {
            Summary { median, .. } if median.is_nan() => "–".to_owned(),
            Summary { median, min, max, .. } => format!("{} ({}–{})", short(median), short(min), short(max)),
        });
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    let verdicts: Vec<_> = OURS.iter().filter_map(|name| verdict(samples, workload, name)).collect();
    if !verdicts.is_empty() {
        println!("\n{}", verdicts.join("\n"));
    }
}

/// A line that compares one of this project's loops with the bare loop and with the best peer.
fn verdict(samples: &Samples, workload: &Workload, name: &str) -> Option<String> {
    let mut parts = Vec::new();
    for figure in workload.figures {
        let ours = values(samples, name, figure);
        let bare = values(samples, BARE, figure);
        let what = figure.label.split_once(',').map_or(figure.label, |(what, _)| what);
        if ours.is_empty() {
            continue;
        }
        if !bare.is_empty() {
            parts.push(format!("{what} {:.2} × bare", Summary::of(ratios(&ours, &bare)).median));
        }
        if let Some((peer, best)) = best_peer(samples, figure) {
            parts.push(format!("{what} {:.2} × {peer}", Summary::of(ours).median / best));
        }
    }
    (!parts.is_empty()).then(|| format!("{name}: {}", parts.join(", ")))
}

pub(super) fn add(document: &mut Document, interpreter: &Interpreter, workload: &Workload, samples: &Samples) {
    let what = format!("{}: {}", interpreter.program, workload.name);
    for name in samples.keys() {
        for figure in workload.figures {
            let place = match figure.good {
                Good::Low => Place::less(&what, name, Some(workload.size), figure.label),
                Good::High | Good::Exact => Place::more(&what, name, Some(workload.size), figure.label),
            };
            document.row(place, values(samples, name, figure));
        }
    }
}

pub(super) fn print_notes(notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    println!("\nNot measured:");
    notes.iter().for_each(|note| println!("- {note}"));
}

/// The value with about three digits.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::workloads;
    use super::*;
    use crate::options::Options;

    #[test]
    fn ours_is_compared_with_the_best_peer_and_with_the_bare_loop_of_the_same_round() {
        let workloads = workloads::all(&Options::default());
        let game = workloads.iter().find(|workload| workload.script == "pingpong.lua").unwrap();
        let of = |values: &[f64]| [("event".to_owned(), values.to_vec())].into();
        let samples: Samples =
            [(BARE, of(&[10.0, 20.0])), ("t.Loop", of(&[11.0, 22.0])), ("luv", of(&[33.0])), ("cqueues", of(&[50.0]))]
                .into();
        assert_eq!(best_peer(&samples, &game.figures[0]), Some(("luv", 33.0)));
        assert_eq!(verdict(&samples, game, "t.Loop").unwrap(), "t.Loop: event 1.10 × bare, event 0.50 × luv");
        assert!(verdict(&samples, game, "cogloop").is_none());
        assert_eq!([short(0.456), short(45.67), short(4567.8)], ["0.46", "45.7", "4568"]);
    }
}
