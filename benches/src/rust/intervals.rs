//! A hundred intervals at once: the cost of each call of a callback, with and without slack.
//!
//! An exact loop wakes for almost each deadline. tokio rounds deadlines up to whole milliseconds. A loop with a slack
//! of 1 ms moves each deadline by up to a millisecond. In tokio and with slack, several timers share a wake-up.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use cogloop::{Loop, Options};
use tokio::time::{Instant, interval_at};

use super::measure::{Figure, Stopwatch, Work, figure};
use crate::measure::voluntary_switches;

/// The periods: random, from 2 to 12 ms.
fn periods() -> impl Iterator<Item = Duration> {
    let mut random = fastrand::Rng::with_seed(100);
    (0..100).map(move |_| Duration::from_nanos(random.u64(2_000_000..12_000_000)))
}

fn duration(work: Work) -> Duration {
    Duration::from_millis(if work.timers < 1_000 { 50 } else { 1_000 })
}

fn measured(run: impl FnOnce() -> io::Result<u64>) -> io::Result<Vec<Figure>> {
    const WORKLOAD: &str = "100 intervals of 2 to 12 ms";
    let (watch, wakes) = (Stopwatch::start(), voluntary_switches().unwrap_or(0));
    let calls = run()?;
    let wakes = voluntary_switches().unwrap_or(0) - wakes;
    Ok(vec![
        figure(WORKLOAD, "CPU time of a call, µs", watch.cpu_ns_for_one_of(calls as usize) / 1e3),
        figure(WORKLOAD, "wake-ups of a call", wakes as f64 / calls as f64),
    ])
}

fn callbacks(work: Work, slack: Duration) -> io::Result<Vec<Figure>> {
    let mut events = Loop::<u64>::with_options(Options::new().slack(slack)).map_err(io::Error::other)?;
    for period in periods() {
        events.every(period, |calls: &mut u64, _| *calls += 1).map_err(io::Error::other)?;
    }
    let mut calls = 0;
    measured(|| {
        events.run_for(&mut calls, duration(work)).map_err(io::Error::other)?;
        Ok(calls)
    })
}

pub(super) fn exact(work: Work) -> io::Result<Vec<Figure>> {
    callbacks(work, Duration::ZERO)
}

pub(super) fn slack(work: Work) -> io::Result<Vec<Figure>> {
    callbacks(work, Duration::from_millis(1))
}

pub(super) fn futures(work: Work) -> io::Result<Vec<Figure>> {
    let mut events = Loop::<()>::new().map_err(io::Error::other)?;
    let calls = Rc::new(Cell::new(0));
    for period in periods() {
        let (mut ticks, calls) = (events.interval(period).map_err(io::Error::other)?, Rc::clone(&calls));
        let task = events.spawn(async move {
            while ticks.tick().await.is_ok() {
                calls.set(calls.get() + 1);
            }
        });
        task.map_err(io::Error::other)?.detach();
    }
    measured(|| {
        events.run_for(&mut (), duration(work)).map_err(io::Error::other)?;
        Ok(calls.get())
    })
}

pub(super) fn tokio(work: Work) -> io::Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (tasks, calls) = (tokio::task::LocalSet::new(), Rc::new(Cell::new(0)));
    for period in periods() {
        let calls = Rc::clone(&calls);
        tasks.spawn_local(async move {
            let mut ticks = interval_at(Instant::now() + period, period);
            loop {
                ticks.tick().await;
                calls.set(calls.get() + 1);
            }
        });
    }
    measured(|| {
        tasks.block_on(&runtime, async { tokio::time::sleep(duration(work)).await });
        Ok(calls.get())
    })
}
