//! Benchmarks that compare Cogloop with its peers, all in one run.
//!
//! ```text
//!   options ─┬─► run ─┬─► workloads ─► store: the trait ◄─ stores: ours and the peers
//!            │        ├─► large: the stores that take part among ten million timers
//!            │        │      └─► measure, allocator
//!            │        ├─► report, wheel_rows ─► json: the format that all benchmarks share
//!            │        ├─► instructions ─► valgrind ─► this program again ─► workloads/probe
//!            │        └─► floor                                   the cost of the timers' memory, without a store
//!            ├─► scaling                                          the same stores with more and more timers
//!            ├─► resolution, readiness, precision, latency, lua, rust   the loop
//!            ├─► mockit, c                                        the C library, in processes of their own
//!            ├─► traced                                           what a trace costs in each language
//!            └─► page                                             draws the results of all of them
//! ```

mod allocator;
mod c;
mod clock;
mod floor;
#[cfg(all(test, unix))]
mod hyper_test;
mod instructions;
mod json;
mod large;
mod latency;
mod lua;
mod machine;
mod measure;
mod mockit;
mod noise;
mod options;
mod page;
mod precision;
mod programs;
mod progress;
mod readiness;
mod report;
mod resolution;
mod run;
mod rust;
mod scaling;
mod standing;
mod statistics;
mod store;
mod stores;
mod traced;
mod wheel_rows;
mod workloads;

use std::process::ExitCode;

use options::{Benchmark, Options};
use stores::Entry;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("benches: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    if options.help {
        print!("{}", options::HELP);
        return Ok(());
    }
    noise::begin();
    match options.benchmark {
        Benchmark::Report => {
            let folder = options.folder.as_deref().ok_or("`report` needs the folder of the figures")?;
            page::write(folder, options.pictures.as_deref())
        }
        Benchmark::Resolution => resolution::run(options.quick, options.seed),
        Benchmark::Readiness => match &options.probe {
            Some((pairs, contender, turns)) => readiness::probe(pairs, contender, *turns),
            None => write_json(options, &readiness::run(options)?),
        },
        Benchmark::Lua => write_json(options, &lua::run(options)?),
        Benchmark::Mockit => write_json(options, &mockit::run(options)?),
        Benchmark::C => write_json(options, &c::run(options)?),
        Benchmark::Latency => write_json(options, &latency::run(options)?),
        Benchmark::Scaling => write_json(options, &scaling::run(options, &chosen(&options.only)?)),
        Benchmark::Rust => write_json(options, &rust::run(options)?),
        Benchmark::Precision => write_json(options, &precision::run(options)?),
        Benchmark::Traced => traced::run(options),
        Benchmark::Wheel => run_wheel(options),
    }
}

fn write_json(options: &Options, value: &serde_json::Value) -> Result<(), String> {
    let Some(path) = &options.json else { return Ok(()) };
    std::fs::write(path, format!("{value:#}\n")).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn run_wheel(options: &Options) -> Result<(), String> {
    let entries = chosen(&options.only)?;
    if let Some((probe, store, operations)) = &options.probe {
        return instructions::probe(&entries, probe, store, *operations);
    }
    if options.floor {
        floor::run(options);
        return Ok(());
    }
    if options.instructions {
        instructions::print(&instructions::count()?);
        return Ok(());
    }
    let machine = machine::Machine::describe();
    let results = run::run(options, &entries);
    report::print(&results, &machine);
    write_json(options, &wheel_rows::of(&results).json(&machine))
}

/// Returns this project's wheel, followed by the stores in `only`, or by all stores if `only` is empty. The wheel is
/// always there, because the ratios are relative to it.
fn chosen(only: &[String]) -> Result<Vec<Entry>, String> {
    let mut entries = stores::all();
    if let Some(unknown) = only.iter().find(|name| entries.iter().all(|entry| entry.name != **name)) {
        let known: Vec<_> = entries.iter().map(|entry| entry.name).collect();
        return Err(format!("no store is called `{unknown}`; there are {}", known.join(", ")));
    }
    let ours = entries[0].name;
    entries.retain(|entry| only.is_empty() || entry.name == ours || only.iter().any(|name| name == entry.name));
    Ok(entries)
}
