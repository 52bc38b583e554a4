//! The results of the comparison of timer stores, in the format that all benchmarks share.

use crate::json::{Document, Place};
use crate::run::Results;
use crate::workloads::Sample;

pub(crate) fn of(results: &Results) -> Document {
    let mut document = Document::new("wheel");
    add_times(&mut document, results);
    add_timeouts(&mut document, results);
    add_pauses(&mut document, results);
    (0..results.stores.len()).for_each(|store| add_others(&mut document, results, store));
    for (name, _) in results.stores.iter().zip(&results.are_exact).filter(|(_, is_exact)| !**is_exact) {
        document.note(format!("{name} is coarse: its timers fire early or late, by as much as the slot spans"));
    }
    for (name, why) in &results.missing {
        document.note(format!("{name}: {why}"));
    }
    for (size, name) in &results.left_out {
        document.note(format!("{name} is left out at {size} timers: it was slow and nowhere ahead in the size before"));
    }
    document.note(format!("random numbers from seed {}", results.seed));
    document
}

fn add_times(document: &mut Document, results: &Results) {
    for ((size, memory, workload), stores) in &results.samples {
        let workload = format!("{}, {} memory", workload.name(), memory.name());
        for (name, samples) in results.stores.iter().zip(stores) {
            let of = |part: fn(&Sample) -> f64| samples.iter().map(part);
            document.row(
                Place::less(&workload, name, Some(*size), "CPU time, ns"),
                of(|sample| sample.ns + sample.later_ns),
            );
            let later = Place::less(&workload, name, Some(*size), "of it paid later, ns");
            if samples.iter().any(|sample| sample.later_ns > 0.0) {
                document.row(later, of(|sample| sample.later_ns));
            }
        }
    }
}

fn add_timeouts(document: &mut Document, results: &Results) {
    for (size, stores) in &results.timeouts {
        for (name, samples) in results.stores.iter().zip(stores) {
            let place = Place::less("time-outs set and cancelled", name, Some(*size), "CPU time, ns");
            document.row(place, samples.iter().copied());
        }
    }
}

fn add_pauses(document: &mut Document, results: &Results) {
    let size = Some(results.pause_size);
    for (course, stores) in &results.pauses {
        for (name, steps) in results.stores.iter().zip(stores) {
            document.row(Place::less(course.name(), name, size, "longest advance, µs"), [steps.longest_us()]);
            document.row(Place::less(course.name(), name, size, "longest slice, µs"), steps.longest_slice_us());
        }
    }
}

fn add_others(document: &mut Document, results: &Results, store: usize) {
    let name = results.stores[store];
    for (size, stores) in &results.filled {
        document.row(Place::less("filled", name, Some(*size), "memory of a timer, bytes"), [stores[store].per_timer]);
    }
    let churned = &results.churned[store];
    document.row(Place::less("empty", name, None, "memory of a store, bytes"), [churned.empty as f64]);
    let after = format!("after {}M cancel + insert at 1,000", results.churned_pairs as f64 / 1e6);
    document.row(Place::less(&after, name, None, "memory of a timer, bytes"), [churned.per_timer]);
    let steady = results.allocations[store];
    for (workload, calls) in [("cancel + insert", steady.churn), ("fire + re-arm", steady.rearm)] {
        document.row(Place::less(workload, name, None, "calls of the allocator in 1,000 operations"), [calls]);
    }
    if let Some(sparse) = results.sparse[store] {
        let workload = "10 timers over 2⁴⁰ ticks";
        document.row(Place::less(workload, name, None, "wake-ups"), [sparse.wakeups as f64]);
        document.row(Place::less(workload, name, None, "next deadlines that are not exact"), [sparse.inexact as f64]);
        document.row(Place::less(workload, name, None, "next deadline, ns"), [sparse.next_deadline_ns]);
    }
}
