//! `bench readiness`: the cost of the loop around descriptors, compared with bare system calls and other loops.
//!
//! ```text
//!   run ─┬─► pingpong, churn, wakes ─► Poller: the trait ◄─ ours (each backend), bare_epoll, bare_uring, peers
//!        ├─► report
//!        └─► syscalls ─► strace ─► this program again ─► pingpong
//! ```
//!
//! Every round runs all contenders in a random order.

mod bare_epoll;
mod bare_uring;
mod calloop;
mod churn;
mod contenders;
mod mio;
mod ours;
mod pingpong;
mod poller;
mod polling;
mod report;
mod results;
mod setups;
mod sockets;
mod syscalls;
mod wakes;

pub(crate) use pingpong::Court;
pub(crate) use syscalls::probe;

/// The smallest possible loop.
pub(crate) const BARE_EPOLL: Entry = contenders::ALL[0];

use std::collections::BTreeMap;
use std::io;

use indicatif::ProgressBar;
use serde_json::Value;

use crate::machine::Machine;
use crate::options::Options;
use crate::progress;
use poller::Entry;
use results::{GAMES, Quantity, Results};
use sockets::Sockets;

const CHURNED_SOCKETS: usize = 10_000;

struct Run {
    entries: Vec<Entry>,
    random: fastrand::Rng,
    bar: ProgressBar,
    results: Results,
}

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    let all = if options.setups { &setups::SETUPS[..] } else { &contenders::ALL };
    let entries = chosen(all, &options.only)?;
    let (rounds, events, churns, wakes) = if options.quick { (20, 2_000, 3, 100) } else { (100, 4_000, 15, 200) };
    let rounds = options.reps.unwrap_or(rounds);
    let others = if options.setups { 0 } else { churns + rounds.div_ceil(4) };
    let steps = entries.len() * (GAMES.len() * (rounds + 1) + others);
    let bar = progress::bar(steps as u64);
    let contenders: Vec<_> = entries.iter().map(|entry| entry.name).collect();
    let results = Results { contenders, quantities: Vec::new(), calls: BTreeMap::new(), missing: Vec::new() };
    let mut run = Run { entries, random: fastrand::Rng::with_seed(options.seed), bar, results };
    for (pairs, active) in GAMES {
        run.pingpong(pairs, active, rounds, events);
        if !options.setups {
            run.count_calls(pairs);
        }
    }
    if !options.setups {
        run.churn(churns)?;
        // On a busy machine each wake-up waits for a CPU, so there are fewer rounds.
        run.wakes(rounds.div_ceil(4), wakes);
    }
    run.bar.finish_and_clear();
    let machine = Machine::describe();
    report::print(&run.results, &machine);
    Ok(report::json(&run.results, &machine))
}

/// The first contender, the base of all comparisons, and then the contenders in `only`, or all if `only` is empty.
fn chosen(all: &[Entry], only: &[String]) -> Result<Vec<Entry>, String> {
    let mut entries = all.to_vec();
    if let Some(unknown) = only.iter().find(|name| entries.iter().all(|entry| entry.name != **name)) {
        let known: Vec<_> = entries.iter().map(|entry| entry.name).collect();
        return Err(format!("no contender is called `{unknown}`; there are {}", known.join(", ")));
    }
    let first = entries[0].name;
    entries.retain(|entry| only.is_empty() || entry.name == first || only.iter().any(|name| name == entry.name));
    Ok(entries)
}

impl Run {
    fn pingpong(&mut self, pairs: usize, active: usize, rounds: usize, events: usize) {
        let what = if pairs == 1 { "1 pair".to_owned() } else { format!("{pairs} pairs, {active} active") };
        let open = |entry: &Entry| match 2 * pairs < entry.numbers {
            true => Court::open(entry, pairs, active),
            false => Err(io::Error::other("it does not accept descriptor numbers that high")),
        };
        let mut courts: Vec<_> = self.entries.iter().map(open).collect();
        // Warms up caches and branch prediction, and grows the vectors.
        for court in courts.iter_mut().flatten() {
            let _ = court.play(events);
        }
        self.bar.inc(courts.len() as u64);
        let names = [("CPU", "µs an event"), ("time", "µs an event")];
        self.rounds(&what, names, rounds, |contender, _| match &mut courts[contender] {
            Ok(court) => court.rally(events).map(|rally| [rally.cpu_ns / 1e3, rally.wall_ns / 1e3]),
            Err(error) => Err(io::Error::other(error.to_string())),
        });
    }

    fn churn(&mut self, rounds: usize) -> Result<(), String> {
        let sockets = Sockets::pairs(CHURNED_SOCKETS / 2);
        let sockets = sockets.map_err(|error| format!("cannot have {CHURNED_SOCKETS} sockets: {error}"))?;
        let names = [("add", "CPU ns"), ("remove", "CPU ns")];
        self.rounds("10,000 descriptors", names, rounds, |_, entry| match sockets.len() < entry.numbers {
            true => churn::churn(entry, &sockets).map(|churn| [churn.add_ns, churn.remove_ns]),
            false => Err(io::Error::other("it does not accept descriptor numbers that high")),
        });
        Ok(())
    }

    fn wakes(&mut self, rounds: usize, wakes: usize) {
        let names = [("rate", "thousands a second"), ("CPU of both threads", "µs")];
        self.rounds("wake-ups", names, rounds, |_, entry| {
            wakes::wakes(entry, wakes).map(|wakes| [wakes.per_second / 1e3, wakes.cpu_ns / 1e3])
        });
    }

    /// Measures two quantities of every contender, round after round.
    fn rounds(
        &mut self,
        what: &str,
        names: [(&str, &'static str); 2],
        rounds: usize,
        mut measure: impl FnMut(usize, &Entry) -> io::Result<[f64; 2]>,
    ) {
        let mut samples = [(); 2].map(|()| vec![Vec::new(); self.entries.len()]);
        let mut order: Vec<_> = (0..self.entries.len()).collect();
        for round in 0..rounds {
            self.random.shuffle(&mut order);
            for &contender in &order {
                let entry = &self.entries[contender];
                self.bar.set_message(format!("{what}, {}", entry.name));
                match measure(contender, entry) {
                    Ok(both) => (0..2).for_each(|which| samples[which][contender].push(both[which])),
                    Err(error) if round == 0 => {
                        self.results.missing.push(format!("{what}, {}: {error}", entry.name));
                    }
                    Err(_) => {}
                }
                self.bar.inc(1);
            }
        }
        for ((name, unit), samples) in names.into_iter().zip(samples) {
            self.results.quantities.push(Quantity { name: format!("{what}: {name}"), unit, samples });
        }
    }

    fn count_calls(&mut self, pairs: usize) {
        let count = |entry: &Entry| match 2 * pairs < entry.numbers {
            true => syscalls::count(entry.name, pairs),
            false => Err("it does not accept descriptor numbers that high".to_owned()),
        };
        let calls = self.entries.iter().map(count).collect();
        self.results.calls.insert(pairs, calls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_plays_and_none_loses_a_byte() {
        for entry in contenders::ALL.iter().chain(&setups::SETUPS) {
            // Only one pair is in play. If its byte is lost, the ping-pong ends, and this test waits for ever.
            let Ok(mut court) = Court::open(entry, 3, 1) else {
                // Tests that run at the same time may have used all descriptor numbers that select can watch.
                let may_be = entry.name.contains("uring")
                    || entry.name.contains("select")
                    || setups::SETUPS[1..].iter().any(|one| one.name == entry.name);
                assert!(may_be, "{} is refused", entry.name);
                continue;
            };
            let (served, turns) = court.play(100).unwrap();
            assert!(served >= 100 && turns <= served, "{}: {served} in {turns}", entry.name);
            assert!(court.play(1_000).unwrap().0 >= 1_000, "{}", entry.name);
        }
    }

    #[test]
    fn every_contender_adds_removes_and_wakes() {
        let sockets = Sockets::pairs(5).unwrap();
        for entry in contenders::ALL.iter().filter(|entry| (entry.open)().is_ok()) {
            churn::churn(entry, &sockets).unwrap();
            assert!(wakes::wakes(entry, 20).unwrap().per_second > 0.0, "{}", entry.name);
        }
    }

    #[test]
    fn the_first_contender_always_takes_part() {
        let names = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
            chosen(&contenders::ALL, &only).map(|entries| entries.iter().map(|entry| entry.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["calloop"]).unwrap(), ["bare epoll", "calloop"]);
        assert_eq!(names(&[]).unwrap().len(), contenders::ALL.len());
        assert!(names(&["libev"]).unwrap_err().contains("ours/uring"));
        let mut all = contenders::ALL.iter().chain(&setups::SETUPS);
        assert!(all.all(|entry| !entry.name.contains(',')), "a contender's name has a comma");
    }
}
