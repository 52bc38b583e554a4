//! The cost and the gain of a loop's resolution: the same repeating timers on the kernel's clock, with ticks from a
//! millisecond to a nanosecond.
//!
//! A coarse tick makes timers late by half a tick on average, and lets timers share a wake-up. A fine tick makes timers
//! cascade through more levels of the wheel. Lateness counts from the exact deadline in the plan of a repeating timer.

use cogloop_io::{EventLoop, Missed, Options, Plan, Wait};
use indicatif::ProgressBar;

use crate::machine::Machine;
use crate::measure::cpu_ns;
use crate::progress;
use crate::statistics::Summary;

const RESOLUTIONS_NS: [(u64, &str); 5] =
    [(1_000_000, "1 ms"), (100_000, "100 µs"), (10_000, "10 µs"), (1_000, "1 µs"), (1, "1 ns")];

/// The number of timers, and the range of their periods in nanoseconds. In the first load few timers fire one by one.
/// In the second one many timers fire close together.
const LOADS: [(usize, std::ops::Range<u64>); 2] = [(10, 5_000_000..50_000_000), (10_000, 100_000_000..1_000_000_000)];

/// The result of one run of one loop.
struct Sample {
    lateness_us: Summary,
    lateness_p99_us: f64,
    wake_ups_per_second: f64,
    cpu_us_per_fire: f64,
}

pub(crate) fn run(quick: bool, seed: u64) -> Result<(), String> {
    let (duration_ns, repetitions) = if quick { (500_000_000, 3) } else { (2_000_000_000, 5) };
    let Machine { cpu, cpus, kernel, rustc } = Machine::describe();
    println!("{cpu}, {cpus} CPUs, Linux {kernel}, {rustc}\n");
    println!("Repeating timers of random periods for {} s: medians of {repetitions} runs.", duration_ns as f64 / 1e9);
    let bar = progress::bar((LOADS.len() * RESOLUTIONS_NS.len() * repetitions) as u64);
    for (timers, periods) in LOADS {
        let mut samples: Vec<Vec<Sample>> = RESOLUTIONS_NS.iter().map(|_| Vec::new()).collect();
        for repetition in 0..repetitions {
            for (&(resolution_ns, _), samples) in RESOLUTIONS_NS.iter().zip(&mut samples) {
                samples.push(sample(resolution_ns, timers, &periods, duration_ns, seed + repetition as u64)?);
                bar.inc(1);
            }
        }
        print(&bar, timers, &samples);
    }
    bar.finish_and_clear();
    Ok(())
}

fn print(bar: &ProgressBar, timers: usize, samples: &[Vec<Sample>]) {
    bar.suspend(|| {
        println!("\n{timers} timers\n");
        println!("| a tick | late, median µs | late, p99 µs | wake-ups a second | CPU, µs a fire |");
        println!("|--------|----------------:|-------------:|------------------:|---------------:|");
        for ((_, name), samples) in RESOLUTIONS_NS.iter().zip(samples) {
            let median = |of: fn(&Sample) -> f64| Summary::of(samples.iter().map(of)).median;
            println!(
                "| {name:>6} | {:>15.1} | {:>12.1} | {:>17.0} | {:>14.2} |",
                median(|sample| sample.lateness_us.median),
                median(|sample| sample.lateness_p99_us),
                median(|sample| sample.wake_ups_per_second),
                median(|sample| sample.cpu_us_per_fire),
            );
        }
    });
}

fn sample(
    resolution_ns: u64,
    timers: usize,
    periods: &std::ops::Range<u64>,
    duration_ns: u64,
    seed: u64,
) -> Result<Sample, String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let options = Options { resolution_ns, ..Options::default() };
    let mut events: EventLoop<u64> = EventLoop::new(&options).map_err(|error| error.to_string())?;
    for timer in 0..timers {
        let period_ns = random.u64(periods.clone()).try_into().map_err(|_| "a period of nothing")?;
        let first_ns = random.u64(0..periods.end);
        events.add_planned(Plan::every(first_ns, period_ns, Missed::Skip), timer as u64);
    }
    let (mut lateness_ns, mut turns) = (Vec::new(), 0);
    let before_ns = cpu_ns();
    while events.now_ns() < duration_ns {
        events.turn(Wait::Block).map_err(|error| error.to_string())?;
        turns += 1;
        lateness_ns.extend(std::iter::from_fn(|| events.next_expired()).map(|timer| timer.late_ns));
    }
    let used_ns = cpu_ns() - before_ns;
    lateness_ns.sort_unstable();
    let p99_ns = lateness_ns.get(lateness_ns.len() * 99 / 100).copied().ok_or("no timer fired")?;
    Ok(Sample {
        lateness_us: Summary::of(lateness_ns.iter().map(|&ns| ns as f64 / 1e3)),
        lateness_p99_us: p99_ns as f64 / 1e3,
        wake_ups_per_second: turns as f64 / (duration_ns as f64 / 1e9),
        cpu_us_per_fire: used_ns as f64 / 1e3 / lateness_ns.len() as f64,
    })
}
