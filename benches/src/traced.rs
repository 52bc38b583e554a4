//! `bench traced`: how much CPU time a trace adds to each callback, in Rust, in C and in Lua.
//!
//! ```text
//!   many timers that are due ──► served without a trace ──► served with a trace into a file ──► … in turns
//! ```
//!
//! The callbacks do nothing. The two runs of a pair, one without a trace and one with a trace, follow each other at
//! once. So other work on the machine affects both. The benchmark prints the medians of all pairs. The file is in the
//! folder for temporary files, so the cost includes writing to that file system.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cogloop::Loop;

use crate::measure::cpu_ns;
use crate::options::Options;
use crate::programs;
use crate::statistics::Summary;

const C: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/c/traced.c");
const LUA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lua");

/// The CPU time of a callback in ns: without a trace, and with one.
type Pair = (f64, f64);

/// Measures pairs in one process or one thread. The arguments are the number of callbacks in a run, and the file for
/// the trace.
type Measure<'a> = Box<dyn Fn(usize, &Path) -> Result<Vec<Pair>, String> + 'a>;

const PAIRS: usize = 5;

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let prefix = programs::prefix(options, "traced")?;
    let program = programs::program(prefix, "traced");
    compile(prefix, &program)?;
    let (rounds, count) = if options.quick { (3, 20_000) } else { (15, 40_000) };
    let rounds = options.reps.unwrap_or(rounds);
    let languages: [(&str, Measure); 3] = [
        ("Rust", Box::new(in_rust)),
        ("C", Box::new(|count, file| in_c(prefix, &program, count, file))),
        ("Lua 5.4", Box::new(in_lua)),
    ];
    let file = std::env::temp_dir().join(format!("cogloop-traced-{}.json", std::process::id()));
    let mut pairs = languages.each_ref().map(|_| Vec::new());
    for _ in 0..rounds {
        for ((_, measure), pairs) in languages.iter().zip(&mut pairs) {
            pairs.extend(measure(count, &file)?);
        }
    }
    let _ = std::fs::remove_file(&file);
    println!("Medians of {} pairs of {count} callbacks, CPU time of a callback in ns\n", rounds * PAIRS);
    println!("| | without a trace | traced | the trace |\n|---|---:|---:|---:|");
    for ((language, _), pairs) in languages.iter().zip(&pairs) {
        let median = |of: fn(&Pair) -> f64| Summary::of(pairs.iter().map(of)).median;
        let (without, traced, both) = (median(|pair| pair.0), median(|pair| pair.1), median(|pair| pair.1 - pair.0));
        println!("| {language} | {without:.0} | {traced:.0} | {both:.0} |");
    }
    Ok(())
}

fn in_rust(count: usize, file: &Path) -> Result<Vec<Pair>, String> {
    let mut events = Loop::<usize>::new().map_err(words)?;
    batch(&mut events, count)?;
    let pair = |_| {
        let without = batch(&mut events, count)?;
        events.trace_with(file, u64::MAX).map_err(words)?;
        let traced = batch(&mut events, count)?;
        events.end_trace().map_err(words)?;
        Ok((without, traced))
    };
    (0..PAIRS).map(pair).collect()
}

fn batch(events: &mut Loop<usize>, count: usize) -> Result<f64, String> {
    for _ in 0..count {
        events.after(Duration::ZERO, |fired, _| *fired += 1).map_err(words)?;
    }
    let mut fired = 0;
    let start_ns = cpu_ns();
    events.run(&mut fired).map_err(words)?;
    let took_ns = cpu_ns() - start_ns;
    if fired == count { Ok(took_ns as f64 / count as f64) } else { Err(format!("{fired} of {count} timers fired")) }
}

fn words(error: cogloop::Error) -> String {
    error.to_string()
}

fn compile(prefix: &Path, program: &Path) -> Result<(), String> {
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", C]);
    compiler.arg("-I").arg(prefix.join("include")).arg("-L").arg(prefix.join("lib")).arg("-lcogloop");
    programs::compile(&mut compiler, program)
}

fn in_c(prefix: &Path, program: &Path, count: usize, file: &Path) -> Result<Vec<Pair>, String> {
    let mut command = Command::new(program);
    command.args([count, PAIRS].map(|number| number.to_string())).arg(file);
    pairs_of(command.env("LD_LIBRARY_PATH", prefix.join("lib")))
}

fn in_lua(count: usize, file: &Path) -> Result<Vec<Pair>, String> {
    let mut command = Command::new("lua5.4");
    command.args(["timers.lua", "cogloop", "traced", &count.to_string()]).arg(file).current_dir(LUA);
    let modules = std::env::var("LUA_PATH").unwrap_or_default();
    pairs_of(command.env("LUA_PATH", format!("./?.lua;{modules}")))
}

fn pairs_of(command: &mut Command) -> Result<Vec<Pair>, String> {
    let lines = programs::all_lines_of(command)?;
    let values =
        |wanted: &str| lines.iter().filter(move |line| line.0 == wanted).map(|line| line.1).collect::<Vec<_>>();
    let pairs: Vec<_> = values("without").into_iter().zip(values("traced")).collect();
    if pairs.len() == PAIRS { Ok(pairs) } else { Err(format!("{command:?} printed {} pairs of {PAIRS}", pairs.len())) }
}
