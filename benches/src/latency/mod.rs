//! `bench latency`: how late timers fire, how much CPU time they take, and how often they wake the thread. Compares
//! this project's loop on each backend with other loops and bare system calls.
//!
//! ```text
//!   run ─┬─► cell: timers, schedule, condition ─► load: what else uses the machine
//!        ├─► course: the schedule, and the record of what fired when ◄─ contender: ours, bare, tokio, calloop, libuv
//!        └─► report
//! ```
//!
//! Every round of a cell runs all contenders with the same schedule, each in a new thread, in a random order. The
//! course measures the lateness. What a loop itself reports is not used. Timers that fire early are counted, too.

mod bare;
mod calloop;
mod cell;
mod contender;
mod course;
mod libuv;
mod load;
mod ours;
mod report;
mod row;
mod tokio;

use std::io;
use std::rc::Rc;
use std::thread;

use indicatif::ProgressBar;
use serde_json::Value;

use crate::json::Document;
use crate::machine::Machine;
use crate::options::Options;
use crate::progress;
use cell::{Cell, Extent};
use contender::Contender;
use course::{Course, Record};
use load::{Condition, Descriptors, Neighbours};
use row::Row;

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    let extent = Extent::of(options);
    let mut document = Document::new("latency");
    let mut contenders = contender::chosen(&options.only)?;
    contenders.retain(|contender| match (contender.missing)() {
        Some(why) => {
            document.note(format!("{}: {why}", contender.name));
            false
        }
        None => true,
    });
    let mut cells = cell::chosen(extent);
    cells.retain(|cell| !options.calm || cell.condition != Condition::BusyNeighbour);
    let rounds = options.reps.unwrap_or(extent.rounds());
    let bar = progress::bar((cells.len() * contenders.len() * rounds) as u64);
    let machine = Machine::describe();
    report::print_head(&machine, rounds);
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut verdicts = Vec::new();
    for cell in cells {
        let rows = measure(&cell, &contenders, rounds, &mut random, &bar, &mut document);
        bar.suspend(|| report::print_cell(&cell, &rows));
        report::add(&mut document, &cell, &rows);
        verdicts.extend(report::verdict(&cell, &rows));
    }
    bar.finish_and_clear();
    report::print_verdicts(&verdicts);
    Ok(document.json(&machine))
}

fn measure(
    cell: &Cell,
    contenders: &[Contender],
    rounds: usize,
    random: &mut fastrand::Rng,
    bar: &ProgressBar,
    document: &mut Document,
) -> Vec<Row> {
    let mut rows: Vec<_> = contenders.iter().map(|&contender| Row { contender, records: Vec::new() }).collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    for round in 0..rounds {
        random.shuffle(&mut order);
        let seed = random.u64(..);
        for &index in &order {
            let contender = rows[index].contender;
            bar.set_message(format!("{}, {}", cell.name(), contender.name));
            bar.inc(1);
            if cell.condition == Condition::Descriptors && !contender.observes {
                continue;
            }
            match one(cell, contender, seed) {
                Ok(record) => rows[index].records.push(record),
                Err(error) if round == 0 => document.note(format!("{}, {}: {error}", cell.name(), contender.name)),
                Err(_) => {}
            }
        }
    }
    rows.retain(|row| !row.records.is_empty());
    rows
}

/// Runs one contender's round in a new thread, because the system counts CPU time and wake-ups by thread.
fn one(cell: &Cell, contender: Contender, seed: u64) -> io::Result<Record> {
    let neighbours = (cell.condition == Condition::BusyNeighbour).then(Neighbours::start);
    let descriptors = (cell.condition == Condition::Descriptors).then(Descriptors::start).transpose()?;
    let (schedule, times) = ((cell.timers, cell.pattern), [cell.lead(), cell.duration]);
    let keep = move || {
        let course = Rc::new(Course::new(schedule, times, seed, descriptors));
        (contender.run)(&course)?;
        let course =
            Rc::into_inner(course).ok_or_else(|| io::Error::other("it still holds the schedule after its run"))?;
        course.record()
    };
    let record = thread::spawn(keep).join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
    drop(neighbours);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use course::Pattern;
    use std::time::Duration;

    #[test]
    fn every_contender_keeps_the_schedule_in_every_condition_and_cogloop_is_never_early() {
        for condition in Condition::ALL {
            let pattern = Pattern::LogUniform { from_ns: 100_000, to_ns: 5_000_000 };
            let cell = Cell { timers: 20, pattern, condition, duration: Duration::from_millis(15) };
            for contender in contender::ALL.iter().filter(|contender| (contender.missing)().is_none()) {
                if condition == Condition::Descriptors && !contender.observes {
                    continue;
                }
                let record = match one(&cell, *contender, 1) {
                    Ok(record) => record,
                    Err(error) => {
                        // A system may refuse io_uring, which three of these contenders use. Tests that run at the same
                        // time may have used all descriptor numbers that select can watch.
                        let may_be = ["ours/uring", "ours, spinning", "ours, 1 ms ticks", "ours/select"];
                        let may_be = may_be.contains(&contender.name);
                        assert!(may_be, "{} was refused: {error}", contender.name);
                        continue;
                    }
                };
                assert!(record.late_ns.len() >= 20, "{}: too few timers fired", contender.name);
                assert!(record.early == 0 || contender.role.is_peer(), "{} was early", contender.name);
            }
        }
    }
}
