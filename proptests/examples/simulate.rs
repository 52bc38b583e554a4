//! `cargo xtask simulate`: runs the event loop in simulated worlds, one for each seed, on every processor.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cogloop_proptests::simulation;
use indicatif::{ProgressBar, ProgressStyle};

const USAGE: &str = "\
usage: cargo xtask simulate [--seeds N] [--first S]    runs N seeds (10,000) from S (0) on
       cargo xtask simulate --replay S                 shows one seed's trace, shortened if it breaks a promise";

/// The number of seeds that a thread takes at a time.
const BATCH: u64 = 64;

/// The time after which a seed counts as hanging. Usually a seed takes a millisecond.
const SEED_LIMIT: Duration = Duration::from_secs(600);

/// The number of following seeds that are tried when a seed breaks a promise. At most `SHORTENED` seeds that break a
/// promise are shortened, and the shortest trace is shown.
const NEIGHBOURS: u64 = 500;
const SHORTENED: usize = 12;

struct Options {
    seeds: u64,
    first: u64,
    /// Runs only this seed and prints its trace.
    replay: Option<u64>,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self { seeds: 10_000, first: 0, replay: None };
        while let Some(word) = words.next() {
            let value = words.next()?.parse().ok()?;
            match word.as_str() {
                "--seeds" => options.seeds = value,
                "--first" => options.first = value,
                "--replay" => options.replay = Some(value),
                _ => return None,
            }
        }
        (options.seeds > 0).then_some(options)
    }
}

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // The panic of a broken promise prints nothing, because `show` prints the promise with its trace.
    std::panic::set_hook(Box::new(|_| ()));
    match options.replay {
        Some(seed) => replay(seed),
        None => simulate(&options),
    }
}

/// The results of all seeds.
#[derive(Default)]
struct Sum {
    next: AtomicU64,
    passed: AtomicU64,
    operations: AtomicU64,
    /// The combination of all hashes. The order of the seeds does not change it.
    hash: AtomicU64,
    failed: AtomicBool,
    /// The seed whose failure was noticed first.
    failure: Mutex<Option<u64>>,
}

impl Sum {
    /// Takes batches of seeds until no seed is left, or until a seed has failed.
    fn work(&self, options: &Options, at_work: &Mutex<Option<(u64, Instant)>>) {
        while !self.failed.load(Ordering::Relaxed) {
            let from = self.next.fetch_add(BATCH, Ordering::Relaxed);
            if from >= options.seeds {
                return;
            }
            for n in from..(from + BATCH).min(options.seeds) {
                let seed = options.first.wrapping_add(n);
                *at_work.lock().expect("no thread panics while it holds the lock") = Some((seed, Instant::now()));
                self.one(seed);
            }
            *at_work.lock().expect("no thread panics while it holds the lock") = None;
        }
    }

    fn one(&self, seed: u64) {
        match catch_unwind(AssertUnwindSafe(|| simulation::run(seed))) {
            Ok(outcome) => {
                self.hash.fetch_add(outcome.hash.rotate_left((seed % 64) as u32), Ordering::Relaxed);
                self.operations.fetch_add(outcome.operations, Ordering::Relaxed);
                self.passed.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                self.failed.store(true, Ordering::Relaxed);
                self.failure.lock().expect("no thread panics while it holds the lock").get_or_insert(seed);
            }
        }
    }
}

fn simulate(options: &Options) -> ExitCode {
    let bar = if std::io::stdout().is_terminal() { ProgressBar::new(options.seeds) } else { ProgressBar::hidden() };
    let template = "{elapsed_precise} {wide_bar} {pos}/{len} seeds, {msg} {eta} left";
    bar.set_style(ProgressStyle::with_template(template).expect("a template"));
    let (sum, mut printed) = (Sum::default(), 0);
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let at_work: Vec<Mutex<Option<(u64, Instant)>>> = (0..threads).map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = at_work.iter().map(|at_work| scope.spawn(|| sum.work(options, at_work))).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(20));
            at_work.iter().for_each(end_if_hanging);
            let passed = sum.passed.load(Ordering::Relaxed);
            bar.set_position(passed);
            // If there is no progress bar, a line is printed now and then for readers of the log.
            if bar.is_hidden() && passed >= printed + 100_000 {
                printed = passed;
                println!("{passed} of {} seeds", options.seeds);
            }
            bar.set_message(format!("{} operations,", sum.operations.load(Ordering::Relaxed)));
        }
    });
    bar.finish_and_clear();
    let failure = sum.failure.into_inner().expect("no thread panics while it holds the lock");
    if let Some(seed) = failure {
        show(most_legible(seed));
        println!("{} passed, 1 failed", sum.passed.into_inner());
        return ExitCode::FAILURE;
    }
    let (operations, hash) = (sum.operations.into_inner(), sum.hash.into_inner());
    println!(
        "seeds {} to {}: {operations} operations, hash {hash:016x}",
        options.first,
        options.first + options.seeds - 1
    );
    println!("{} passed, 0 failed", options.seeds);
    ExitCode::SUCCESS
}

/// If a seed hangs, prints the seed and ends the process, because a seed cannot be interrupted.
fn end_if_hanging(at_work: &Mutex<Option<(u64, Instant)>>) {
    let Some((seed, start)) = *at_work.lock().expect("no thread panics while it holds the lock") else { return };
    if start.elapsed() > SEED_LIMIT {
        println!("seed {seed} does not end\n\n  cargo xtask simulate --replay {seed}\n\n0 passed, 1 failed");
        std::process::exit(1);
    }
}

/// Of this seed and the following seeds that also break a promise, returns the one with the shortest trace after
/// shortening. Most faults that are not rare need only a few lines.
fn most_legible(seed: u64) -> u64 {
    let others = (seed..seed.saturating_add(NEIGHBOURS)).filter(|&seed| simulation::breaks_a_promise(seed));
    let length = |seed: &u64| simulation::shortest(*seed).map_or(usize::MAX, |broken| broken.lines.len());
    others.take(SHORTENED).min_by_key(length).unwrap_or(seed)
}

/// Prints the shortened trace of a seed that breaks a promise, the promise, and the command that repeats it.
fn show(seed: u64) {
    println!("seed {seed} breaks a promise:\n");
    match simulation::shortest(seed) {
        Some(broken) => {
            broken.lines.iter().for_each(|line| println!("{line}"));
            println!("\n{}\n", broken.promise);
        }
        None => println!("… but not when it runs again. This is a fault of the simulation.\n"),
    }
    println!("  cargo xtask simulate --replay {seed}\n");
}

fn replay(seed: u64) -> ExitCode {
    if simulation::breaks_a_promise(seed) {
        show(seed);
        return ExitCode::FAILURE;
    }
    simulation::trace(seed).iter().for_each(|line| println!("{line}"));
    let simulation::RunSummary { operations, hash } = simulation::run(seed);
    println!("\nseed {seed}: {operations} operations, hash {hash:016x}, every promise kept");
    ExitCode::SUCCESS
}
