//! `bench precision`: how late timers fire on a schedule by the kernel's clock. Compares this project's loop on each
//! backend with a bare `clock_nanosleep( TIMER_ABSTIME )`.
//!
//! ```text
//!   schedule    first + 0 · period     first + 1 · period     first + 2 · period     never moved, even if one is late
//!   woken                         └─ late ─┘              └ late ┘
//! ```
//!
//! Lateness counts from the schedule that this file keeps, not from a loop's report, so a drift would show. The kernel
//! may delay a thread's waits by the thread's timer slack, which is 50 µs by default. So each contender runs twice:
//! with the default slack, and with the smallest one. Nothing else differs.

use std::io;
use std::num::NonZeroU64;
use std::thread;

use cogloop_io::{EventLoop, Missed, Options as LoopOptions, Plan, Wait};
use indicatif::ProgressBar;
use rustix::event::epoll::{self, CreateFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::thread::{ClockId, clock_nanosleep_absolute, set_current_timer_slack};
use serde_json::Value;

use crate::clock::{now_ns, timespec};
use crate::json::{Document, Place};
use crate::machine::Machine;
use crate::options::Options;
use crate::progress;
use crate::statistics::{PERCENTILES, Quartiles, quantile, ratios};

const PERIODS_NS: [(u64, &str); 2] = [(1_000_000, "1 ms"), (10_000_000, "10 ms")];

/// The number of periods in one contender's round.
const PERIODS_A_ROUND: u64 = 100;

/// A thread's timer slack; `None` is the system's default.
const SLACKS: [(Option<u64>, &str); 2] = [(None, ""), (Some(1), ", slack 1 ns")];

/// A way of waiting for the next period.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Waiter {
    Nanosleep,
    /// `ppoll` of an empty epoll set. It shows the kernel's part of the loop's lateness on epoll. `ppoll` waits instead
    /// of epoll, because epoll's own wait takes nanoseconds only from Linux 5.11 on.
    BareEpoll,
    /// The event loop of this project on this backend.
    Loop(&'static str),
}

/// All waiters. The first is the base of all comparisons.
const WAITERS: [(&str, Waiter); 6] = [
    ("clock_nanosleep", Waiter::Nanosleep),
    ("bare epoll", Waiter::BareEpoll),
    ("ours/epoll", Waiter::Loop("epoll")),
    ("ours/uring", Waiter::Loop("uring")),
    ("ours/portable", Waiter::Loop("portable")),
    ("ours/select", Waiter::Loop("select")),
];

/// The results of one contender on one schedule.
struct Row {
    name: String,
    /// The index of the row with which this row is compared.
    base: usize,
    /// The lateness in µs, in ascending order.
    sorted: Vec<f64>,
    /// The median of each round.
    medians: Vec<f64>,
    /// The lateness at the end of each round minus the lateness at its beginning.
    drifts: Vec<f64>,
}

impl Row {
    fn ratio(&self, rows: &[Self]) -> Quartiles {
        Quartiles::of(&ratios(&self.medians, &rows[self.base].medians))
    }
}

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    let rounds = options.reps.unwrap_or(if options.quick { 5 } else { 50 });
    let contenders = chosen(&options.only)?;
    let bar = progress::bar((PERIODS_NS.len() * contenders.len() * rounds) as u64);
    let machine = Machine::describe();
    println!("{}, {} CPUs, Linux {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.rustc);
    println!(
        "Lateness in µs of {} periods. The ratio compares the medians of the same round; it is shown as the",
        rounds as u64 * PERIODS_A_ROUND
    );
    println!("median (first to third quartile) of {rounds} rounds. A wait was early if the least is below 0.");
    println!("The drift is the lateness of the last tenth of a round minus that of the first; median of the rounds.");
    let mut document = Document::new("precision");
    for (period_ns, name) in PERIODS_NS {
        let rows = measure(&contenders, rounds, period_ns, &bar)?;
        bar.suspend(|| print(name, &rows));
        add(&mut document, name, &rows);
    }
    bar.finish_and_clear();
    Ok(document.json(&machine))
}

/// A name, a waiter, a timer slack (`None` is the system's), and the index of the contender for the comparison.
type Contender = (String, Waiter, Option<u64>, usize);

fn chosen(only: &[String]) -> Result<Vec<Contender>, String> {
    if let Some(unknown) = only.iter().find(|name| WAITERS.iter().all(|waiter| waiter.0 != **name)) {
        return Err(format!(
            "no contender is called `{unknown}`; there are {}",
            WAITERS.map(|waiter| waiter.0).join(", ")
        ));
    }
    let mut contenders = Vec::new();
    for (slack_ns, suffix) in SLACKS {
        let base = contenders.len();
        for (name, waiter) in WAITERS {
            if only.is_empty() || waiter == Waiter::Nanosleep || only.iter().any(|wanted| wanted == name) {
                contenders.push((format!("{name}{suffix}"), waiter, slack_ns, base));
            }
        }
    }
    Ok(contenders)
}

fn measure(contenders: &[Contender], rounds: usize, period_ns: u64, bar: &ProgressBar) -> Result<Vec<Row>, String> {
    let row = |(name, _, _, base): &Contender| Row {
        name: name.clone(),
        base: *base,
        sorted: Vec::new(),
        medians: Vec::new(),
        drifts: Vec::new(),
    };
    let mut rows: Vec<_> = contenders.iter().map(row).collect();
    for _ in 0..rounds {
        for ((name, waiter, slack_ns, _), row) in contenders.iter().zip(&mut rows) {
            bar.set_message(name.clone());
            let late_ns = lateness_ns(*waiter, *slack_ns, period_ns).map_err(|error| format!("{name}: {error}"))?;
            let late_us: Vec<f64> = late_ns.iter().map(|&ns| ns as f64 / 1e3).collect();
            row.medians.push(Quartiles::of(&late_us).median);
            row.drifts.push(drift(&late_us));
            row.sorted.extend(late_us);
            bar.inc(1);
        }
    }
    rows.iter_mut().for_each(|row| row.sorted.sort_unstable_by(f64::total_cmp));
    Ok(rows)
}

/// The median of the last tenth minus the median of the first tenth.
fn drift(late: &[f64]) -> f64 {
    let tenth = late.len() / 10;
    Quartiles::of(&late[late.len() - tenth..]).median - Quartiles::of(&late[..tenth]).median
}

/// One round, in a thread of its own because the slack belongs to a thread.
fn lateness_ns(waiter: Waiter, slack_ns: Option<u64>, period_ns: u64) -> io::Result<Vec<i64>> {
    let waits = move || {
        if let Some(slack_ns) = slack_ns {
            set_current_timer_slack(NonZeroU64::new(slack_ns))?;
        }
        lateness_here_ns(waiter, period_ns, PERIODS_A_ROUND)
    };
    thread::spawn(waits).join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
}

fn lateness_here_ns(waiter: Waiter, period_ns: u64, periods: u64) -> io::Result<Vec<i64>> {
    let set = epoll::create(CreateFlags::CLOEXEC)?;
    match waiter {
        Waiter::Loop(name) => of_the_loop(name, period_ns, periods),
        Waiter::Nanosleep => of_a_system_call(period_ns, periods, |due_ns| {
            while clock_nanosleep_absolute(ClockId::Monotonic, &timespec(due_ns)) == Err(Errno::INTR) {}
        }),
        Waiter::BareEpoll => of_a_system_call(period_ns, periods, |due_ns| {
            while let left_ns @ 1.. = due_ns.saturating_sub(now_ns()) {
                let _ = poll(&mut [PollFd::new(&set, PollFlags::IN)], Some(&timespec(left_ns)));
            }
        }),
    }
}

fn of_a_system_call(period_ns: u64, periods: u64, wait_until: impl Fn(u64)) -> io::Result<Vec<i64>> {
    let first_ns = now_ns() + period_ns;
    let due_ns = (0..periods).map(|nth| first_ns + nth * period_ns);
    let late_ns = due_ns.map(|due_ns| {
        wait_until(due_ns);
        now_ns() as i64 - due_ns as i64
    });
    Ok(late_ns.collect())
}

fn of_the_loop(backend: &str, period_ns: u64, periods: u64) -> io::Result<Vec<i64>> {
    let options = LoopOptions { backend: Some(backend.to_owned()), ..LoopOptions::default() };
    let mut events: EventLoop<u64> = EventLoop::new(&options).map_err(io::Error::other)?;
    if events.backend().name != backend {
        return Err(io::Error::other(events.backend().reason.clone()));
    }
    let first_ns = events.now_ns() + period_ns;
    let period = NonZeroU64::new(period_ns).ok_or(io::ErrorKind::InvalidInput)?;
    events.add_planned(Plan::every(first_ns, period, Missed::Burst), 0);
    let mut late_ns = Vec::new();
    for nth in 0..periods {
        while events.next_expired().is_none() {
            events.turn(Wait::Block)?;
        }
        late_ns.push(events.now_ns() as i64 - (first_ns + nth * period_ns) as i64);
    }
    Ok(late_ns)
}

fn print(period: &str, rows: &[Row]) {
    println!("\n| every {period} | median | p90 | p99 | most | least | drift | × clock_nanosleep |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for row in rows {
        let [median, p90, p99, most, least] = [0.5, 0.9, 0.99, 1.0, 0.0].map(|part| quantile(&row.sorted, part));
        let Quartiles { first, median: ratio, third } = row.ratio(rows);
        let (name, drift) = (&row.name, Quartiles::of(&row.drifts).median);
        println!(
            "| {name} | {median:.1} | {p90:.1} | {p99:.1} | {most:.0} | {least:.1} | {drift:+.1} | {ratio:.2} \
             ({first:.2}–{third:.2}) |"
        );
    }
}

fn add(document: &mut Document, period: &str, rows: &[Row]) {
    let schedule = format!("every {period}");
    for row in rows {
        let place = |figure| Place::less(&schedule, &row.name, None, figure);
        document.row(place("median lateness of a round, µs"), row.medians.iter().copied());
        document.row(place("drift from the first tenth of a round to the last, µs"), row.drifts.iter().copied());
        document.row(place("× clock_nanosleep"), ratios(&row.medians, &rows[row.base].medians));
        for (figure, part) in [("p99 of all, µs", 0.99), ("most of all, µs", 1.0), ("least of all, µs", 0.0)] {
            document.row(place(figure), [quantile(&row.sorted, part)]);
        }
        let points = PERCENTILES.map(|percentile| [percentile, quantile(&row.sorted, percentile / 100.0)]);
        let (name, slack) = row.name.split_once(", ").unwrap_or((&row.name, "slack as the system gives it"));
        document.curve(&format!("{schedule}, {slack}"), name, ["percentile", "late, µs"], &points);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drift_is_the_change_of_lateness_within_a_round() {
        let late = |each: f64| (0..100).map(|nth| 50.0 + each * f64::from(nth)).collect::<Vec<_>>();
        assert_eq!([drift(&late(0.0)), drift(&late(1.0))], [0.0, 90.0]);
    }

    #[test]
    fn no_waiter_is_early_on_a_fixed_schedule() {
        for (name, waiter) in WAITERS {
            match lateness_here_ns(waiter, 200_000, 20) {
                Ok(late_ns) => {
                    assert!(late_ns.len() == 20 && late_ns.iter().all(|&late| late >= 0), "{name}: {late_ns:?}");
                }
                // A system may refuse io_uring. Tests that run at the same time may have used all descriptor numbers
                // that select can watch.
                Err(error) => {
                    let may_be = [Waiter::Loop("uring"), Waiter::Loop("select")].contains(&waiter);
                    assert!(may_be, "{name} was refused: {error}");
                }
            }
        }
    }

    #[test]
    fn each_waiter_is_compared_with_the_system_call_of_the_same_slack() {
        let contenders = chosen(&["ours/uring".to_owned()]).unwrap();
        let names: Vec<_> = contenders.iter().map(|(name, _, _, base)| (name.as_str(), *base)).collect();
        assert_eq!(
            names,
            [
                ("clock_nanosleep", 0),
                ("ours/uring", 0),
                ("clock_nanosleep, slack 1 ns", 2),
                ("ours/uring, slack 1 ns", 2)
            ]
        );
        assert!(chosen(&["ours/kqueue".to_owned()]).is_err());
    }
}
