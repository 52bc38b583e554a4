//! What the run found, for people and for programs.

use serde_json::{Value, json};

use super::{Quantity, Results};
use crate::machine::Machine;
use crate::statistics::{Quartiles, ratios};

pub(super) fn print(results: &Results, machine: &Machine) {
    println!("{}, {} CPUs, Linux {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.rustc);
    println!("The median of all rounds; and how many times {} in the same round, as", results.contenders[0]);
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
    for missing in &results.missing {
        println!("\n{missing}");
    }
}

fn pairs_in_words(pairs: usize) -> String {
    if pairs == 1 { "1 pair".to_owned() } else { format!("{pairs} pairs, {} active", super::active(pairs)) }
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
    let calls = |contender: usize| {
        let of_game = results.calls.iter().filter_map(move |(pairs, calls)| {
            let calls = calls[contender].as_ref().ok()?;
            Some(json!({ "pairs": pairs, "calls": calls }))
        });
        of_game.collect::<Vec<_>>()
    };
    let figures = |contender: usize| {
        let figures = results.quantities.iter().filter(move |quantity| !quantity.samples[contender].is_empty());
        let figures = figures.map(move |quantity| {
            let samples = &quantity.samples[contender];
            let (value, ratio) = (Quartiles::of(samples), Quartiles::of(&ratios(samples, &quantity.samples[0])));
            json!({
                "name": quantity.name,
                "unit": quantity.unit,
                "median": value.median, "quartiles": [value.first, value.third],
                "ratio": ratio.median, "ratio_quartiles": [ratio.first, ratio.third],
                "samples": samples,
            })
        });
        figures.collect::<Vec<_>>()
    };
    let contenders = results.contenders.iter().enumerate().map(
        |(contender, name)| json!({ "contender": name, "figures": figures(contender), "calls": calls(contender) }),
    );
    json!({
        "machine": machine.json(),
        "ratios_to": results.contenders[0],
        "contenders": contenders.collect::<Vec<_>>(),
        "missing": results.missing,
    })
}
