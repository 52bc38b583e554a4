//! `--instructions`: counts the instructions of an operation with callgrind. Unlike the time, the count hardly varies.
//!
//! The program runs itself under valgrind twice for each kind of operation, with different numbers of operations. The
//! difference of the counts belongs to the additional operations; starting and stopping cancel out.

use std::process::Command;

use crate::stores::{self, Entry};
use crate::workloads::probe::{PROBES, REGION, TIMERS};

/// The counted stores: the wheel, four peers for comparison, and `nothing`, a store that does nothing. The counts of
/// `nothing` are those of the loop around the operations. The other counts contain the instructions of that loop as
/// well.
const STORES: [&str; 6] = ["cogloop", "slab-wheel", "slab-wheel-strict", "btreemap", "lazy-heap", "nothing"];
const OPERATIONS: [usize; 2] = [20_000, 60_000];

/// The instructions for each of `PROBES`, for the stores in `STORES`.
pub(crate) fn count() -> Result<Vec<(&'static str, Vec<f64>)>, String> {
    STORES.into_iter().map(|store| Ok((store, count_store(store)?))).collect()
}

fn count_store(store: &str) -> Result<Vec<f64>, String> {
    // The store `nothing` never fires a timer, so a probe that needs firing timers would run for ever, or end at once.
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

/// Returns the number of operations and the number of instructions.
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

/// The part that runs under valgrind. It repeats an operation, and prints the number of repetitions.
pub(crate) fn probe(entries: &[Entry], probe: &str, store: &str, operations: usize) -> Result<(), String> {
    let nothing = stores::nothing();
    let mut known = entries.iter().chain([&nothing]);
    let entry = known.find(|entry| entry.name == store).ok_or_else(|| format!("no store is called {store}"))?;
    println!("{}", (entry.probe)(probe, operations));
    Ok(())
}

pub(crate) fn print(counts: &[(&'static str, Vec<f64>)]) {
    println!(
        "Instructions for an operation, {TIMERS} timers (callgrind). The counts contain the loop around an operation,"
    );
    println!("which is the count of `nothing`:\n");
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
    fn the_count_is_parsed_from_the_output_of_valgrind() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 4031\n"), Some(4031.0));
        assert_eq!(collected("valgrind: no such file"), None);
    }
}
