//! Prints the results, and writes them as JSON.

use serde_json::Value;

use super::results::{Quantity, Results, active};
use crate::json::{Document, Place};
use crate::machine::Machine;
use crate::statistics::{Quartiles, ratios};

pub(super) fn print(results: &Results, machine: &Machine) {
    println!("{}, {} CPUs, Linux {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.rustc);
    println!("The median of all rounds, and the ratio to {} in the same round, as the", results.contenders[0]);
    println!("median (first to third quartile) of the rounds.");
    for pair in results.quantities.chunks(2) {
        println!();
        let head = pair.iter().map(|quantity| format!("{}, {}", quantity.name, quantity.unit));
        println!("| | {} |", head.collect::<Vec<_>>().join(" | "));
        println!("|---|{}", "---:|".repeat(pair.len()));
        for (contender, name) in results.contenders.iter().enumerate() {
            let cells = pair.iter().map(|quantity| cell(quantity, contender));
            println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
        }
    }
    if !results.calls.is_empty() {
        print_calls(results);
    }
    for missing in &results.missing {
        println!("\n{missing}");
    }
}

fn print_calls(results: &Results) {
    println!("\nSystem calls in a turn, without those that read and write the bytes (strace):\n");
    println!("| | {} |", results.calls.keys().map(|&pairs| pairs_in_words(pairs)).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(results.calls.len()));
    for (contender, name) in results.contenders.iter().enumerate() {
        let cells = results.calls.values().map(|calls| match &calls[contender] {
            Ok(calls) => calls.iter().map(|(name, count)| format!("{count:.2} {name}")).collect::<Vec<_>>().join(", "),
            Err(_) => "–".to_owned(),
        });
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    let uncounted = results.calls.values().flatten().filter_map(|calls| calls.as_ref().err());
    if let Some(why) = uncounted.filter(|why| why.contains("strace")).min() {
        println!("\nSystem calls: {why}");
    }
}

fn pairs_in_words(pairs: usize) -> String {
    if pairs == 1 { "1 pair".to_owned() } else { format!("{pairs} pairs, {} active", active(pairs)) }
}

fn cell(quantity: &Quantity, contender: usize) -> String {
    let samples = &quantity.samples[contender];
    if samples.is_empty() {
        return "–".to_owned();
    }
    let median = Quartiles::of(samples).median;
    let digits = if median >= 100.0 { 0 } else { 2 };
    let ratio = Quartiles::of(&ratios(samples, &quantity.samples[0]));
    format!("{median:.digits$}, {:.2}× ({:.2}–{:.2})", ratio.median, ratio.first, ratio.third)
}

pub(super) fn json(results: &Results, machine: &Machine) -> Value {
    let mut document = Document::new("readiness");
    let base = results.contenders[0];
    for quantity in &results.quantities {
        let (workload, what) = quantity.name.split_once(": ").unwrap_or((&quantity.name, ""));
        let place = if quantity.unit.ends_with("a second") { Place::more } else { Place::less };
        let figures = [format!("{what}, {}", quantity.unit), format!("{what}, × {base}")];
        for (contender, samples) in results.contenders.iter().zip(&quantity.samples) {
            document.row(place(workload, contender, None, &figures[0]), samples.iter().copied());
            document.row(place(workload, contender, None, &figures[1]), ratios(samples, &quantity.samples[0]));
        }
    }
    for (&pairs, calls) in &results.calls {
        for (contender, calls) in results.contenders.iter().zip(calls) {
            let all = calls.iter().map(|calls| calls.values().sum::<f64>());
            document.row(Place::less(&pairs_in_words(pairs), contender, None, "system calls in a turn"), all);
        }
    }
    results.missing.iter().cloned().for_each(|missing| document.note(missing));
    document.json(machine)
}
