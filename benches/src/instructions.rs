//! `--instructions`: how many instructions an operation takes, counted by callgrind. Unlike time this hardly varies.
//!
//! The program runs itself under valgrind, twice for each operation. The difference of both counts belongs to the
//! operations that one run had more than the other; what is left of starting and stopping cancels out.

use std::process::Command;

use crate::stores::{self, Entry};
use crate::workloads::probe::{PROBES, REGION, TIMERS};

/// What is worth counting: ours, two peers for a scale, and the loop around them, which is in the others' counts, too.
const STORES: [&str; 4] = ["cogloop", "btreemap", "lazy-heap", "nothing"];
const OPERATIONS: [usize; 2] = [20_000, 60_000];

/// Instructions for each of `PROBES`, of the stores in `STORES`.
pub(crate) fn count() -> Result<Vec<(&'static str, Vec<f64>)>, String> {
    STORES.into_iter().map(|store| Ok((store, count_store(store)?))).collect()
}

fn count_store(store: &str) -> Result<Vec<f64>, String> {
    // Nothing never fires: that would go on for ever, or be over before it began.
    let fires = |probe: &str| probe.starts_with("rearm") || probe.starts_with("expire");
    let can = |probe: &str| !fires(probe) || store != "nothing";
    PROBES.iter().map(|(probe, _)| if can(probe) { count_probe(probe, store) } else { Ok(f64::NAN) }).collect()
}

fn count_probe(probe: &str, store: &str) -> Result<f64, String> {
    let [few, many] = OPERATIONS;
    let (few, few_instructions) = run_under_valgrind(probe, store, few)?;
    let (many, many_instructions) = run_under_valgrind(probe, store, many)?;
    Ok((many_instructions - few_instructions) / (many - few))
}

/// Operations and instructions.
fn run_under_valgrind(probe: &str, store: &str, operations: usize) -> Result<(f64, f64), String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg(format!("--toggle-collect=*{REGION}*"))
        .arg(program)
        .args(["wheel", "--probe", probe, store, &operations.to_string()])
        .output()
        .map_err(|error| format!("cannot run valgrind ({error}): apt-get install valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let did = String::from_utf8_lossy(&output.stdout);
    let counted = did.trim().parse().ok().zip(collected(&said));
    counted.filter(|_| output.status.success()).ok_or_else(|| format!("valgrind counted nothing:\n{said}"))
}

/// The number in callgrind's `==1== Collected : 12345`.
fn collected(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

/// The other side: goes through an operation, and says how often.
pub(crate) fn probe(entries: &[Entry], probe: &str, store: &str, operations: usize) -> Result<(), String> {
    let nothing = stores::nothing();
    let mut known = entries.iter().chain([&nothing]);
    let entry = known.find(|entry| entry.name == store).ok_or_else(|| format!("no store is called {store}"))?;
    println!("{}", (entry.probe)(probe, operations));
    Ok(())
}

pub(crate) fn print(counts: &[(&'static str, Vec<f64>)]) {
    println!("Instructions for an operation, {TIMERS} timers (callgrind). `nothing` is the loop around the others,");
    println!("which their counts contain:\n");
    let nothing = counts.last().map_or(&[][..], |(_, counts)| counts);
    for (index, (_, operation)) in PROBES.iter().enumerate() {
        let of_stores = counts.iter().map(|(store, counts)| match (counts[index], nothing[index]) {
            (count, _) if count.is_nan() => format!("{store}       –"),
            (count, loop_around) if *store == "cogloop" && !loop_around.is_nan() => {
                format!("{store} {count:7.1}, without the loop {:5.1}", count - loop_around)
            }
            (count, _) => format!("{store} {count:7.1}"),
        });
        println!("  {operation:18} {}", of_stores.collect::<Vec<_>>().join("   "));
    }
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_count_is_found_in_what_valgrind_says() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 4031\n"), Some(4031.0));
        assert_eq!(collected("valgrind: no such file"), None);
    }
}
