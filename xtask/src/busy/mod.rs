//! `cargo xtask busy`: runs steps of the tests while their threads stall at random, as on a busy machine. A test that
//! fails here may fail by chance anywhere.
//!
//! ```text
//!   stall.c ──► target/busy/stall.so
//!   xtask test STEP…  in target/busy, for each run, with
//!       LD_PRELOAD=stall.so           each thread pauses before or after some calls of libc
//!       --cfg rustix_use_libc         the loop reads the clock and waits by calls of libc, not of the kernel
//!   the failed tests of all runs
//! ```

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::project::Project;
use crate::{files, process, test};

const USAGE: &str = "\
usage: cargo xtask busy [--one-in N] [--runs N] [--seed S] [STEP…]
  --one-in N    a thread stalls at one call in N, 10 by default; other tests fail at 3 than at 30
  --runs N      how often the steps run, each time with the next seed
  --seed S      the seed of the first run, 1 by default; a run can be said again as far as the scheduler allows
  STEP          a step of `cargo xtask test --list`; without one: ";

/// The steps whose tests meet the real clock or the kernel, without those that only build or take too long.
const STEPS: &[&str] = &["rust", "lua", "c", "conformance", "faces", "examples", "book", "limits"];

const SOURCE: &str = "xtask/src/busy/stall.c";

#[derive(PartialEq, Eq, Debug)]
struct Options<'a> {
    one_in: u64,
    runs: u64,
    seed: u64,
    steps: Vec<&'a str>,
}

pub(crate) fn command(project: &Project, arguments: &[&str]) -> Result<(), String> {
    let options = parse(arguments)?;
    // The flag applies to every crate, so the build has a folder of its own.
    let busy = Project { root: project.root.clone(), target: project.target.join("busy") };
    let library = compile(&busy)?;
    let mut failed = Vec::new();
    for seed in (0..options.runs).map(|run| options.seed.wrapping_add(run)) {
        println!("\nbusy: a thread stalls at one call in {}, seed {seed}", options.one_in);
        let mut env = Vec::from(stalling(&library, options.one_in, seed));
        env.push(("CARGO_TARGET_DIR", busy.target.clone().into()));
        env.push(("RUSTFLAGS", "--cfg rustix_use_libc".into()));
        if let Err(message) = test::run_with(&busy, &options.steps, &env) {
            failed.push(format!("seed {seed} {message}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn parse<'a>(arguments: &[&'a str]) -> Result<Options<'a>, String> {
    let mut options = Options { one_in: 10, runs: 1, seed: 1, steps: Vec::new() };
    let mut words = arguments.iter();
    while let Some(&word) = words.next() {
        let field = match word {
            "--one-in" => &mut options.one_in,
            "--runs" => &mut options.runs,
            "--seed" => &mut options.seed,
            step if !step.starts_with('-') => {
                options.steps.push(step);
                continue;
            }
            _ => return Err(format!("`{word}` is not understood\n{}{}", USAGE, STEPS.join(", "))),
        };
        let value = words.next().and_then(|value| value.parse().ok()).filter(|&value| value > 0);
        *field = value.ok_or_else(|| format!("`{word}` takes a number from 1\n{}{}", USAGE, STEPS.join(", ")))?;
    }
    if options.steps.is_empty() {
        options.steps = STEPS.to_vec();
    }
    Ok(options)
}

/// Compiles the library that makes threads stall, and returns its path.
fn compile(project: &Project) -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        return Err("only on a 64-bit Linux can threads be made to stall".into());
    }
    let _lock = files::lock(project, "stall")?;
    let library = project.target.join("stall.so");
    let mut compiler = project.program("cc");
    compiler.args(["-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", SOURCE, "-o"]).arg(&library);
    process::run(compiler.args(["-ldl", "-lpthread"])).map(|()| library)
}

/// The environment variables with which a program and its children stall.
fn stalling(library: &Path, one_in: u64, seed: u64) -> [(&'static str, OsString); 3] {
    let number = |number: u64| OsString::from(number.to_string());
    [("LD_PRELOAD", library.into()), ("COGLOOP_BUSY_ONE_IN", number(one_in)), ("COGLOOP_BUSY_SEED", number(seed))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn arguments_are_parsed_or_an_error_names_them() {
        let options = parse(&["lua", "--one-in", "3", "c", "--runs", "5", "--seed", "7"]);
        assert_eq!(options, Ok(Options { one_in: 3, runs: 5, seed: 7, steps: vec!["lua", "c"] }));
        assert_eq!(parse(&[]).unwrap().steps, STEPS);
        for wrong in [&["--one-in", "0"][..], &["--runs"], &["--speed", "1"]] {
            assert!(parse(wrong).is_err_and(|message| message.contains(wrong[0])), "{wrong:?}");
        }
    }

    const READER: &str = "
        #include <time.h>
        int main(void) {
            struct timespec now;
            for (int n = 0; n < 1000; n++) clock_gettime(CLOCK_MONOTONIC, &now);
        }";

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn a_program_that_reads_the_clock_stalls() {
        let target = std::env::temp_dir().join(format!("xtask-busy-{}", std::process::id()));
        let project = Project { target, ..Project::locate().unwrap() };
        let library = compile(&project).unwrap();
        let (source, program) = (project.target.join("reader.c"), project.target.join("reader"));
        std::fs::write(&source, READER).unwrap();
        process::run(project.program("cc").arg(&source).arg("-o").arg(&program)).unwrap();
        let start = Instant::now();
        process::run(project.program(&program).envs(stalling(&library, 1, 1))).unwrap();
        // A thread that always pauses does so until its pauses sum up to 100 ms.
        assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
        std::fs::remove_dir_all(&project.target).unwrap();
    }
}
