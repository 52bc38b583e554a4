//! The common part of two model tests, of the Rust crate and of the C library. A model test runs random programs on a
//! model and on the system under test. This module has the arguments, seeds, replay, shrinking, counting, and a
//! watchdog for programs that hang.
//!
//! ```text
//!   seed ──► program ──┬──► the model            ──► events ─┐
//!                      └──► the system under test ──► events ─┴─► equal? if not: shrink, print, say how to replay
//! ```
//!
//! | variable | |
//! |---|---|
//! | `COGLOOP_SEED=N` | runs only program N; with `COGLOOP_SOAK_SECONDS`, starts with program N |
//! | `COGLOOP_SOAK_SECONDS=N` | runs programs for N seconds |

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::fmt::Debug;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The time limit of a program: far more than one program takes, also on a machine that is busy with other things.
const PROGRAM_LIMIT: Duration = Duration::from_secs(300);

/// A model test.
#[derive(Copy, Clone, Debug)]
pub struct ModelTest {
    /// The name for `cargo test --test NAME`.
    pub name: &'static str,
    /// The number of programs if no variable is set.
    pub programs: u64,
}

impl ModelTest {
    /// Runs programs. `compare` runs a program on the model and on the system under test. `compare` returns the number
    /// of events that agree, or a description of the first difference.
    ///
    /// # Panics
    ///
    /// At the first difference, with the smallest program that shows it. A program that takes longer than five minutes
    /// ends the process, because a call that hangs cannot be left in any other way.
    pub fn run<P: Debug, S: Strategy<Value = P>>(self, programs: &S, compare: impl Fn(&P) -> Result<usize, String>) {
        let soak_end = number("COGLOOP_SOAK_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let seed = number("COGLOOP_SEED");
        let first_seed = seed.unwrap_or(0);
        let count = match (seed, soak_end) {
            (_, Some(_)) => u64::MAX,
            (Some(_), None) => 1,
            (None, None) => self.programs,
        };
        let (heartbeat, heartbeats) = channel();
        let watchdog = std::thread::spawn(move || self.watch_over(&heartbeats));
        let (mut ran, mut events) = (0, 0);
        while ran < count && soak_end.is_none_or(|end| Instant::now() < end) {
            let seed = first_seed.wrapping_add(ran);
            events += self.run_seed(seed, programs, |program| {
                heartbeat.send(seed).expect("the watchdog runs as long as there are programs");
                compare(program)
            });
            ran += 1;
        }
        drop(heartbeat);
        watchdog.join().expect("the watchdog only looks at the time");
        let cpu_s = cpu_seconds();
        println!("{:.0} operations per CPU second, in {cpu_s:.1} CPU seconds", events as f64 / cpu_s.max(0.001));
        // `cargo xtask soak` reads this line.
        println!("{ran} programs, {events} operations");
        assert!(
            ran < 100 || events as u64 > 10 * ran,
            "only {events} events in {ran} programs: too few for a useful test"
        );
    }

    fn run_seed<P: Debug, S: Strategy<Value = P>>(
        self,
        seed: u64,
        programs: &S,
        compare: impl Fn(&P) -> Result<usize, String>,
    ) -> usize {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config { cases: 1, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let events = Cell::new(0);
        let result = runner.run(programs, |program| {
            events.set(compare(&program).map_err(TestCaseError::fail)?);
            Ok(())
        });
        match result {
            Ok(()) => events.get(),
            Err(TestError::Fail(why, program)) => {
                panic!("{why}\n{program:#?}\nreplay it by\n\n  {}\n", self.replay(seed))
            }
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
    }

    fn replay(self, seed: u64) -> String {
        format!("COGLOOP_SEED={seed} cargo test -p cogloop-proptests --test {}", self.name)
    }

    /// Ends the process when a program takes too long. Each program sends its seed when it begins.
    fn watch_over(self, heartbeats: &Receiver<u64>) {
        let Ok(mut seed) = heartbeats.recv() else { return };
        loop {
            match heartbeats.recv_timeout(PROGRAM_LIMIT) {
                Ok(next) => seed = next,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    // The harness holds back what a test prints, so the message is written directly to standard error.
                    let replay = self.replay(seed);
                    let _ = writeln!(std::io::stderr(), "this program did not end within its limit:\n\n  {replay}\n");
                    std::process::abort();
                }
            }
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} must be a whole number")))
}

/// The CPU time of all threads of this process.
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}
