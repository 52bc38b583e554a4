//! What the run found, for programs: `--json FILE`.

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::run::Results;
use crate::statistics::Summary;
use crate::workloads::Sample;

pub(crate) fn of(results: &Results, machine: &Machine) -> Value {
    json!({
        "machine": machine.json(),
        "seed": results.seed,
        "missing": results.missing.iter().map(|(name, why)| json!({ "store": name, "why": why })).collect::<Vec<_>>(),
        "times": times(results),
        "pauses": pauses(results),
        "stores": (0..results.stores.len()).map(|store| others(results, store)).collect::<Vec<_>>(),
    })
}

fn times(results: &Results) -> Value {
    let mut times = Vec::new();
    for ((size, memory, workload), stores) in &results.samples {
        for (name, samples) in results.stores.iter().zip(stores).filter(|(_, samples)| !samples.is_empty()) {
            let part = |part: fn(&Sample) -> f64| {
                let summary = Summary::of(samples.iter().map(part));
                let all: Vec<f64> = samples.iter().map(part).collect();
                json!({ "median": summary.median, "min": summary.min, "max": summary.max, "samples": all })
            };
            times.push(json!({
                "timers": size,
                "memory": memory.name(),
                "workload": workload.name(),
                "store": name,
                "ns": part(|sample| sample.ns),
                "later_ns": part(|sample| sample.later_ns),
                "checksum": format!("{:016x}", samples[0].checksum),
            }));
        }
    }
    times.into()
}

fn pauses(results: &Results) -> Value {
    let mut all = Vec::new();
    for (course, stores) in &results.pauses {
        for (name, steps) in results.stores.iter().zip(stores) {
            all.push(json!({
                "timers": results.pause_size,
                "course": course.name(),
                "store": name,
                "longest_us": steps.longest_us(),
                "longest_slice_us": steps.longest_slice_us(),
            }));
        }
    }
    all.into()
}

fn others(results: &Results, store: usize) -> Value {
    let bytes = results.filled.iter().map(|(size, stores)| json!({ "timers": size, "bytes": stores[store].per_timer }));
    json!({
        "store": results.stores[store],
        "bytes_empty": results.churned[store].empty,
        "bytes_a_timer": bytes.collect::<Vec<_>>(),
        "churned_pairs": results.churned_pairs,
        "bytes_a_timer_churned": results.churned[store].per_timer,
        "allocations_per_1000_churn": results.allocations[store].churn,
        "allocations_per_1000_rearm": results.allocations[store].rearm,
        "sparse": results.sparse[store].map(|sparse| json!({
            "wakeups": sparse.wakeups,
            "inexact": sparse.inexact,
            "next_deadline_ns": sparse.next_deadline_ns,
        })),
    })
}
