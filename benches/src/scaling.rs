//! `bench scaling`: the cost of a timer as the number of timers grows from a thousand to ten million, and the memory
//! that a store keeps for cancelled timers.

use indicatif::ProgressBar;
use serde_json::Value;

use crate::json::{Document, Place};
use crate::machine::Machine;
use crate::options::Options;
use crate::progress;
use crate::statistics::Summary;
use crate::stores::Entry;
use crate::workloads::scaling::Life;
use crate::workloads::{Inputs, Scale};

const GROWN_TIMERS: usize = 1_000;
/// The largest size with repetitions. Larger sizes are measured only once.
const MANY: usize = 1_000_000;
const GROWTH_SAMPLES: usize = 50;

type Part = fn(&Life) -> f64;

/// The reported values of a run, each with its workload, its label and its field.
const PARTS: [(&str, &str, Part); 4] = [
    ("insert", "CPU time, ns", |life| life.insert_ns),
    ("cancel + insert", "CPU time, ns", |life| life.churn_ns),
    ("expire, 1000 steps", "CPU time, ns", |life| life.expire_ns),
    ("filled", "memory of a timer, bytes", |life| life.bytes),
];

struct Plan {
    sizes: Vec<usize>,
    /// The number of repetitions for sizes that do not take long.
    reps: usize,
    grown_pairs: usize,
    /// The greatest number of timers that may expire. Some stores take minutes for ten million.
    expire_max: usize,
}

impl Plan {
    fn of(options: &Options) -> Self {
        let (sizes, reps, grown_pairs) = match (options.smoke, options.quick) {
            (true, _) => (vec![100, 1_000], 1, 10_000),
            (_, true) => (vec![1_000, 10_000, 100_000, 1_000_000, 10_000_000], 3, 1_000_000),
            _ => (vec![1_000, 10_000, 100_000, 1_000_000, 10_000_000], 5, 10_000_000),
        };
        let sizes = if options.sizes.is_empty() { sizes } else { options.sizes.clone() };
        let expire_max = if options.quick { MANY } else { usize::MAX };
        Self { sizes, reps: options.reps.unwrap_or(reps), grown_pairs, expire_max }
    }

    fn reps(&self, size: usize) -> usize {
        if size > MANY { 1 } else { self.reps }
    }
}

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options, entries: &[Entry]) -> Value {
    let plan = Plan::of(options);
    let mut document = Document::new("scaling");
    let (present, missing): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| (entry.missing)().is_none());
    for entry in missing {
        document.note(format!("{}: {}", entry.name, (entry.missing)().unwrap_or_default()));
    }
    // The constant is for a store that visits every tick. Such a store takes long even for few timers.
    let weight = |size: usize| 20 + size as u64 / 10_000;
    let steps: u64 = plan.sizes.iter().map(|&size| weight(size) * plan.reps(size) as u64).sum();
    let bar = progress::bar((steps + weight(plan.grown_pairs)) * present.len() as u64);
    let machine = Machine::describe();
    println!("{}, {} CPUs, Linux {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.rustc);
    println!("For a timer: ns of CPU time to insert it, to cancel it and insert another, to let it expire, and bytes.");
    for &size in &plan.sizes {
        let inputs = Inputs::new(size, options.seed, &Scale::QUICK);
        let mut lives: Vec<Vec<Life>> = vec![Vec::new(); present.len()];
        for rep in 0..plan.reps(size) {
            for turn in 0..present.len() {
                let store = (turn + rep) % present.len();
                bar.set_message(format!("{size} timers, {}", present[store].name));
                lives[store].push((present[store].life)(&inputs, size <= plan.expire_max));
                bar.inc(weight(size));
            }
        }
        bar.suspend(|| print(size, &present, &lives));
        for (entry, lives) in present.iter().zip(&lives) {
            for (workload, figure, part) in PARTS {
                document.row(Place::less(workload, entry.name, Some(size), figure), lives.iter().map(part));
            }
        }
    }
    add_growth(&mut document, &present, &plan, options.seed, &bar);
    bar.finish_and_clear();
    document.json(&machine)
}

fn print(size: usize, entries: &[&Entry], lives: &[Vec<Life>]) {
    println!("\n| {size} timers | {} |", PARTS.map(|part| part.0).join(" | "));
    println!("|---|{}", "---:|".repeat(PARTS.len()));
    for (entry, lives) in entries.iter().zip(lives) {
        let cells = PARTS.map(|(_, _, part)| match Summary::of(lives.iter().map(part)).median {
            median if median.is_nan() => "–".to_owned(),
            median => format!("{median:.1}"),
        });
        println!("| {} | {} |", entry.name, cells.join(" | "));
    }
}

fn add_growth(document: &mut Document, entries: &[&Entry], plan: &Plan, seed: u64, bar: &ProgressBar) {
    let inputs = Inputs::new(GROWN_TIMERS, seed, &Scale::QUICK);
    let pairs = plan.grown_pairs / GROWTH_SAMPLES;
    println!(
        "\nBytes for each of {GROWN_TIMERS} timers, new and when {} were cancelled and replaced:\n",
        plan.grown_pairs
    );
    for entry in entries {
        bar.set_message(format!("memory while timers come and go, {}", entry.name));
        let bytes = (entry.growth)(&inputs, pairs, GROWTH_SAMPLES);
        bar.inc(20 + plan.grown_pairs as u64 / 10_000);
        let [first, last] = [bytes.first(), bytes.last()].map(|bytes| bytes.copied().unwrap_or(f64::NAN));
        bar.suspend(|| println!("  {:18} {first:8.1} {last:10.1}", entry.name));
        let points: Vec<_> =
            bytes.iter().enumerate().map(|(nth, &bytes)| [(nth * pairs) as f64 / 1e6, bytes]).collect();
        let axes = ["cancelled and replaced, millions", "memory of a timer, bytes"];
        document.curve("1,000 timers", entry.name, axes, &points);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores;

    #[test]
    fn our_store_does_not_grow_while_timers_are_replaced_and_a_lazy_store_does() {
        let inputs = Inputs::new(500, 1, &Scale::SMOKE);
        let growth = |name: &str| {
            let all = stores::all();
            let entry = all.iter().find(|entry| entry.name == name).unwrap();
            let bytes = (entry.growth)(&inputs, 2_000, 5);
            assert_eq!(bytes.len(), 6, "the first, and five more");
            assert!(bytes[0] >= 24.0, "{name}: a deadline, an id, and links to find them: {bytes:?}");
            bytes[5] / bytes[1]
        };
        assert!(growth("cogloop") < 1.5);
        assert!(growth("lazy-heap") > 2.0);
    }

    #[test]
    fn every_store_is_measured() {
        let inputs = Inputs::new(300, 1, &Scale::SMOKE);
        for entry in stores::all().iter().filter(|entry| (entry.missing)().is_none()) {
            let life = (entry.life)(&inputs, true);
            for (_, _, part) in PARTS {
                assert!(part(&life).is_finite() && part(&life) >= 0.0, "{}: {life:?}", entry.name);
            }
        }
    }
}
