//! Prints the results, and writes them as JSON.

use super::cell::Cell;
use super::contender::Role;
use super::load::Condition;
use super::row::Row;
use crate::json::{Document, Place};
use crate::machine::Machine;
use crate::statistics::{PERCENTILES, Summary, ratios};

/// If a loop's ratio to the floor is at most this, the lateness that the loop adds does not matter.
const FLOOR_RATIO_MAX: f64 = 1.1;

pub(super) fn print_head(machine: &Machine, rounds: usize) {
    println!("{}, {} CPUs, Linux {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.rustc);
    println!("Lateness in µs of all timers of {rounds} rounds. × floor: the median of a round, divided by that of");
    println!("clock_nanosleep in the same round; the median of the rounds. CPU time and wake-ups (of the thread, by");
    println!("the kernel's count): for a timer that fired.");
}

fn median(samples: Vec<f64>) -> f64 {
    Summary::of(samples).median
}

fn ratio_to_floor(row: &Row, rows: &[Row]) -> f64 {
    match rows.iter().find(|row| row.contender.role == Role::Floor) {
        Some(floor) => median(ratios(&row.late_us(0.5), &floor.late_us(0.5))),
        None => f64::NAN,
    }
}

pub(super) fn print_cell(cell: &Cell, rows: &[Row]) {
    println!("\n| {} | median | × floor | p99 | p99.9 | most | early | CPU, µs | wake-ups | fired |", cell.name());
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for row in rows {
        let all = row.merged();
        let [half, p99, p999, most] = [0.5, 0.99, 0.999, 1.0].map(|part| all.value_at_quantile(part) as f64 / 1e3);
        let ratio = ratio_to_floor(row, rows);
        let ratio = if ratio.is_nan() { "–".to_owned() } else { format!("{ratio:.2}") };
        let early = match row.early() {
            (0, _) => "0".to_owned(),
            (count, most_ns) => format!("{count}, by {:.1} µs", most_ns as f64 / 1e3),
        };
        println!(
            "| {} | {half:.1} | {ratio} | {p99:.1} | {p999:.1} | {most:.0} | {early} | {:.2} | {:.3} | {} |",
            row.contender.name,
            median(row.for_a_fire(|record| record.cpu_ns as f64 / 1e3)),
            median(row.for_a_fire(|record| record.wakes as f64)),
            all.len(),
        );
    }
}

pub(super) fn add(document: &mut Document, cell: &Cell, rows: &[Row]) {
    let name = cell.name();
    for row in rows {
        let place = |figure| Place::less(&name, row.contender.name, None, figure);
        for (figure, part) in [
            ("late, median of a round, µs", 0.5),
            ("late, p99 of a round, µs", 0.99),
            ("late, p99.9 of a round, µs", 0.999),
            ("late, most of a round, µs", 1.0),
        ] {
            document.row(place(figure), row.late_us(part));
        }
        document.row(place("fired early"), [row.early().0 as f64]);
        document.row(place("CPU for a timer, µs"), row.for_a_fire(|record| record.cpu_ns as f64 / 1e3));
        document.row(place("wake-ups for a timer"), row.for_a_fire(|record| record.wakes as f64));
        let all = row.merged();
        let late_us = |percentile: f64| all.value_at_quantile(percentile / 100.0) as f64 / 1e3;
        let points = PERCENTILES.map(|percentile| [percentile, late_us(percentile)]);
        document.curve(&name, row.contender.name, ["percentile", "late, µs"], &points);
    }
}

/// A contender with a greater median of the lateness does not keep up, and so never sleeps.
const BEHIND_US: f64 = 50_000.0;

/// The results of one of this project's loops in one cell.
pub(super) struct Verdict {
    cell: String,
    name: &'static str,
    role: Role,
    ratio_to_floor: f64,
    /// The p99 of this loop and that of the most punctual peer: for each, the median of its rounds.
    p99_us: (f64, Option<(&'static str, f64)>),
    early: u64,
    /// The wake-ups of this loop, and the fewest wake-ups of a peer. Only peers that have the same unit of time and
    /// keep up are considered. There is no comparison under the load of descriptors: a prompt contender wakes up for
    /// each byte, and a late one finds several bytes at once.
    wakes: (f64, Option<(&'static str, f64)>),
}

pub(super) fn verdict(cell: &Cell, rows: &[Row]) -> Vec<Verdict> {
    let late_us = |row: &Row, part: f64| median(row.late_us(part));
    let wakes = |row: &Row| median(row.for_a_fire(|record| record.wakes as f64));
    let least = |peers: &mut dyn Iterator<Item = (&'static str, f64)>| peers.min_by(|a, b| a.1.total_cmp(&b.1));
    let verdict = |row: &Row| {
        let unit = row.contender.role.same_unit()?;
        let peers = || rows.iter().filter(|row| row.contender.role.is_peer());
        let is_compared = cell.condition != Condition::Descriptors;
        let is_sleeper = |row: &&Row| is_compared && row.contender.role == unit && late_us(row, 0.5) < BEHIND_US;
        Some(Verdict {
            cell: cell.name(),
            name: row.contender.name,
            role: row.contender.role,
            ratio_to_floor: ratio_to_floor(row, rows),
            p99_us: (late_us(row, 0.99), least(&mut peers().map(|row| (row.contender.name, late_us(row, 0.99))))),
            early: row.early().0,
            wakes: (wakes(row), least(&mut peers().filter(is_sleeper).map(|row| (row.contender.name, wakes(row))))),
        })
    };
    rows.iter().filter_map(verdict).collect()
}

/// Whether this loop's value is at most 5 % above the best value. Two runs of one contender can differ by that much.
fn is_no_more(ours: f64, best: f64) -> bool {
    ours <= best * 1.05
}

/// Formats a result of this project's loop and the best peer's result, with ✗ if the peer is better.
fn with_best_peer((ours, best): (f64, Option<(&'static str, f64)>), digits: usize) -> String {
    match best {
        Some((name, best)) if is_no_more(ours, best) => format!("{ours:.digits$} | {best:.digits$} {name}"),
        Some((name, best)) => format!("{ours:.digits$} ✗ | {best:.digits$} {name}"),
        None => format!("{ours:.digits$} | –"),
    }
}

pub(super) fn print_verdicts(verdicts: &[Verdict]) {
    println!("\nOurs beside the floor, and beside the best peer of each figure; ✗ if ours does not reach the goal:");
    println!(
        "a median at most {FLOOR_RATIO_MAX} × the floor's; p99 and wake-ups (medians of rounds) within 5 % of the best"
    );
    println!(
        "peer's. Ticks of a millisecond are compared with the peers that have them, and by their wake-ups only. No"
    );
    println!("wake-ups are compared if descriptors cause most of them.\n");
    println!("| | × floor | early | p99, µs | best p99 | wake-ups | fewest |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for verdict in verdicts {
        let is_coarse = verdict.role == Role::OursCoarse;
        let ratio = match verdict.ratio_to_floor {
            ratio if ratio.is_nan() || is_coarse => "–".to_owned(),
            ratio if ratio <= FLOOR_RATIO_MAX => format!("{ratio:.2}"),
            ratio => format!("{ratio:.2} ✗"),
        };
        let early = if verdict.early == 0 { "0".to_owned() } else { format!("{} ✗", verdict.early) };
        let p99 = if is_coarse { format!("{:.0} | –", verdict.p99_us.0) } else { with_best_peer(verdict.p99_us, 0) };
        let wakes = with_best_peer(verdict.wakes, 3);
        println!("| {}: {} | {ratio} | {early} | {p99} | {wakes} |", verdict.cell, verdict.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::contender;
    use crate::latency::course::{self, Pattern, Record};
    use std::time::Duration;

    #[test]
    fn a_result_worse_than_the_best_peer_is_marked() {
        assert_eq!(with_best_peer((10.0, Some(("calloop", 9.8))), 0), "10 | 10 calloop");
        assert_eq!(with_best_peer((10.0, Some(("calloop", 5.0))), 0), "10 ✗ | 5 calloop");
        assert_eq!(with_best_peer((0.25, None), 2), "0.25 | –");
    }

    /// A row with one round for each p99.
    fn row(name: &str, p99_us: [u64; 3], wakes: u64) -> Row {
        let record = |late_us| {
            let mut late_ns = course::empty();
            late_ns.record(late_us * 1_000).unwrap();
            Record { late_ns, early: 0, early_ns_max: 0, cpu_ns: 1, wakes }
        };
        let contender = contender::ALL.into_iter().find(|contender| contender.name == name).unwrap();
        Row { contender, records: p99_us.map(record).into() }
    }

    #[test]
    fn one_bad_round_does_not_matter_and_wake_ups_for_bytes_do_not_count() {
        let rows = [row("ours/uring", [50, 40, 3_000], 16), row("calloop", [60, 55, 70], 14)];
        for (condition, fewest) in [(Condition::Idle, Some(("calloop", 14.0))), (Condition::Descriptors, None)] {
            let pattern = Pattern::Every { ns: 1_000_000 };
            let cell = Cell { timers: 1, pattern, condition, duration: Duration::ZERO };
            let [verdict] = &verdict(&cell, &rows)[..] else { panic!("a peer has no verdict") };
            let (p99_us, (name, best_us)) = (verdict.p99_us.0, verdict.p99_us.1.unwrap());
            assert_eq!((p99_us.round(), name, best_us.round()), (50.0, "calloop", 60.0));
            assert_eq!(verdict.wakes, (16.0, fewest));
        }
    }
}
