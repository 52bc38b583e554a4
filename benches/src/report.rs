//! Prints the results as tables.

use crate::large;
use crate::machine::Machine;
use crate::run::Results;
use crate::standing::{self, Standing};
use crate::statistics::Summary;
use crate::workloads::pause::Course;
use crate::workloads::{Cell, Memory, Sample, Workload};

/// The whole cost of a sample: the cost at once and the later cost.
fn whole_ns(sample: &Sample) -> f64 {
    sample.ns + sample.later_ns
}

/// The medians of a cell, one for each store; NaN for a store without samples.
fn medians(results: &Results, cell: Cell) -> Vec<f64> {
    results.samples[&cell].iter().map(|samples| Summary::of(samples.iter().map(whole_ns)).median).collect()
}

pub(crate) fn print(results: &Results, machine: &Machine) {
    println!("{}, {} CPUs, Linux {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.rustc);
    println!(
        "CPU time in ns for an operation: median of the repetitions (+ what a lazy store pays later), ± the spread"
    );
    println!(
        "of all repetitions, and how many times ours. `new`: a new store, which grows in memory that is new to the"
    );
    println!(
        "process. `ordered`, `scrambled`: the store's memory is there, in the order of insertion or in random order."
    );
    for &size in &results.sizes {
        for memory in large::memories(size) {
            println!("\n{size} timers, {}\n", memory.name());
            print_table(&time_table(results, size, memory));
        }
    }
    for (name, why) in &results.missing {
        println!("\n{name}: {why}");
    }
    for (size, name) in &results.left_out {
        println!("\n{name} is left out at {size} timers. In the size before, it took more than three times as long as");
        println!("ours, and was ahead of ours in no cell.");
    }
    println!("\nTime-outs of a server, all of 30 s: each is set and cancelled, none fires. CPU time in ns for both.\n");
    print_table(&timeouts_table(results));
    println!("\nLongest single advance at {} timers in µs, each in its best repetition:\n", results.pause_size);
    print_table(&pause_table(results));
    println!(
        "\nMemory from the allocator, including the empty store; calls of the allocator for 1000 operations in a steady state;"
    );
    println!("10 timers over 2⁴⁰ ticks:\n");
    print_table(&other_table(results));
    print_standings(results);
}

fn time_table(results: &Results, size: usize, memory: Memory) -> Vec<Vec<String>> {
    let mut table = vec![vec!["store".to_owned()]];
    let mut workloads = Workload::ALL.to_vec();
    workloads.retain(|&workload| results.samples.contains_key(&(size, memory, workload)));
    table[0].extend(workloads.iter().map(|workload| workload.name().to_owned()));
    for store in 0..results.stores.len() {
        let of_workload = |&workload: &Workload| {
            let cell = (size, memory, workload);
            let samples = &results.samples[&cell][store];
            if samples.is_empty() {
                return "–".to_owned();
            }
            let (now, later) =
                (Summary::of(samples.iter().map(|s| s.ns)), Summary::of(samples.iter().map(|s| s.later_ns)));
            let whole = Summary::of(samples.iter().map(whole_ns));
            let later = if later.median >= 0.5 { format!("+{:.0}", later.median) } else { String::new() };
            let ratio = whole.median / medians(results, cell)[0];
            format!("{:.1}{later} ±{:.0}% {ratio:.1}×", now.median, whole.spread * 100.0)
        };
        table.push([name(results, store)].into_iter().chain(workloads.iter().map(of_workload)).collect());
    }
    table
}

fn timeouts_table(results: &Results) -> Vec<Vec<String>> {
    let mut table = vec![vec!["store".to_owned()]];
    table[0].extend(results.timeouts.keys().map(|size| format!("{size} live")));
    for store in 0..results.stores.len() {
        let of_size = |stores: &Vec<Vec<f64>>| {
            let medians: Vec<Summary> = stores.iter().map(|samples| Summary::of(samples.iter().copied())).collect();
            let (theirs, ours) = (&medians[store], &medians[0]);
            format!("{:.1} ±{:.0}% {:.1}×", theirs.median, theirs.spread * 100.0, theirs.median / ours.median)
        };
        table.push([name(results, store)].into_iter().chain(results.timeouts.values().map(of_size)).collect());
    }
    table
}

/// A store's name. It has a mark if the store's timers do not fire at their deadlines.
fn name(results: &Results, store: usize) -> String {
    let mark = if results.are_exact[store] { "" } else { " (coarse)" };
    format!("{}{mark}", results.stores[store])
}

fn pause_table(results: &Results) -> Vec<Vec<String>> {
    let mut table = vec![vec!["store".to_owned()]];
    table[0].extend(Course::ALL.iter().map(|course| course.name().to_owned()));
    for store in 0..results.stores.len() {
        let of_course = |course: &Course| {
            let steps = &results.pauses[course][store];
            let longest = steps.longest_us();
            match steps.longest_slice_us() {
                Some(slice) => format!("{longest:.0} (in slices: {slice:.0})"),
                None => format!("{longest:.0}"),
            }
        };
        table.push([name(results, store)].into_iter().chain(Course::ALL.iter().map(of_course)).collect());
    }
    table
}

fn other_table(results: &Results) -> Vec<Vec<String>> {
    let mut table = vec![vec!["store".to_owned(), "empty, bytes".to_owned()]];
    table[0].extend(results.filled.keys().map(|size| format!("bytes a timer, {size}")));
    table[0].push(format!("after {}M churn at 1000", results.churned_pairs / 1_000_000));
    table[0].extend(["allocations, churn", "re-arm", "wake-ups", "not exact", "next deadline, ns"].map(String::from));
    for store in 0..results.stores.len() {
        let mut row = vec![name(results, store), results.churned[store].empty.to_string()];
        row.extend(results.filled.values().map(|stores| format!("{:.1}", stores[store].per_timer)));
        row.push(format!("{:.0}", results.churned[store].per_timer));
        let allocations = results.allocations[store];
        row.extend([allocations.churn, allocations.rearm].map(|calls| format!("{calls:.3}")));
        row.extend(match results.sparse[store] {
            Some(sparse) => {
                [sparse.wakeups.to_string(), sparse.inexact.to_string(), format!("{:.1}", sparse.next_deadline_ns)]
            }
            None => ["too far"; 3].map(String::from),
        });
        table.push(row);
    }
    table
}

/// The cells of the tables of times.
fn cells(results: &Results) -> Vec<standing::Cell> {
    let of_samples = |(&(size, memory, workload), stores): (&Cell, &Vec<Vec<Sample>>)| standing::Cell {
        what: format!("{}, {size}, {}", workload.name(), memory.name()),
        samples: stores.iter().map(|samples| samples.iter().map(whole_ns).collect()).collect(),
    };
    let of_timeouts = |(size, stores): (&usize, &Vec<Vec<f64>>)| standing::Cell {
        what: format!("time-outs, {size}"),
        samples: stores.clone(),
    };
    results.samples.iter().map(of_samples).chain(results.timeouts.iter().map(of_timeouts)).collect()
}

fn print_standings(results: &Results) {
    let cells = cells(results);
    let keeps_promises = |store: usize| results.give_up[store].is_empty();
    println!("\nOurs is {}.", standing::summary(&cells, |_| true));
    println!("Beside the stores that keep the same promises ours is {}.", standing::summary(&cells, keeps_promises));
    println!("Two stores are level if each was ahead of the other in some repetition. Where another store is first:\n");
    for cell in &cells {
        let standing = cell.standing(|_| true);
        let (Some(peer), Standing::Level | Standing::Behind) = (cell.best_peer(|_| true), standing) else { continue };
        let level = if standing == Standing::Level { ", level" } else { "" };
        let gives_up = match results.give_up[peer] {
            "" => String::new(),
            promises => format!(", which gives up {promises}"),
        };
        let (ours, theirs) = (cell.median(0), cell.median(peer));
        println!("- {}: {ours:.1} ns, {} {theirs:.1} ns{level}{gives_up}", cell.what, results.stores[peer]);
    }
}

/// Prints rows as a table in Markdown. The first row is the heading.
fn print_table(rows: &[Vec<String>]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!(" {cell:<width$} ") } else { format!(" {cell:>width$} ") }
        });
        println!("|{}|", cells.collect::<Vec<_>>().join("|"));
        if index == 0 {
            let rules = widths.iter().enumerate().map(|(column, &width)| {
                if column == 0 { "-".repeat(width + 2) } else { format!("{}:", "-".repeat(width + 1)) }
            });
            println!("|{}|", rules.collect::<Vec<_>>().join("|"));
        }
    }
}
