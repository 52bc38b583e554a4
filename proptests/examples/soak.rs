//! `cargo xtask soak`: runs random scripts on the wheel and its model for a given time.
//!
//! Each case has its own seed, which is derived from the run's seed. A failure names the command that repeats that
//! case.

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cogloop_proptests::script;
use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};

const USAGE: &str = "usage: cargo xtask soak [--minutes N] [--seed S] | --case SEED";

struct Options {
    minutes: f64,
    seed: u64,
    /// Runs only this case.
    case: Option<u64>,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut options = Self { minutes: 1.0, seed: now.as_nanos() as u64, case: None };
        while let Some(word) = words.next() {
            let value = words.next()?;
            match word.as_str() {
                "--minutes" => options.minutes = value.parse().ok().filter(|&minutes| minutes > 0.0)?,
                "--seed" => options.seed = value.parse().ok()?,
                "--case" => options.case = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }
}

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(case) = options.case {
        println!("case {case}: {} operations, all answered as the model does", script::run(&script_of(case)));
        return ExitCode::SUCCESS;
    }
    soak(&options)
}

fn soak(options: &Options) -> ExitCode {
    println!("soak: {} minutes, seed {}", options.minutes, options.seed);
    let (start, limit) = (Instant::now(), Duration::try_from_secs_f64(options.minutes * 60.0).unwrap_or(Duration::MAX));
    let bar = if std::io::stdout().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{elapsed_precise} {msg}").expect("a template"));

    let mut seeds = Rng::with_seed(options.seed);
    let (mut cases, mut operations) = (0u64, 0u64);
    while start.elapsed() < limit {
        let case = seeds.u64(..);
        match catch_unwind(AssertUnwindSafe(|| script::run(&script_of(case)))) {
            Ok(done) => operations += done,
            Err(_) => {
                bar.finish_and_clear();
                eprintln!("soak: after {cases} cases one FAILED; replay it by\n\n  cargo xtask soak --case {case}\n");
                return ExitCode::FAILURE;
            }
        }
        cases += 1;
        if cases.is_multiple_of(16) {
            bar.set_message(format!("{cases} cases, {operations} operations"));
            bar.tick();
        }
    }
    bar.finish_and_clear();
    println!("soak: {cases} cases, {operations} operations, no difference");
    ExitCode::SUCCESS
}

/// Makes the script of a case. Scripts are short or long, because some faults need few timers and others need many.
fn script_of(case: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(case);
    let length = 1usize << random.u32(4..14);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}
