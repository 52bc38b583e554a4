//! `bench mockit`: the memory, threads and CPU time of timers with callbacks, in libcogloop, in luamockit, and in two
//! peers. One peer has a thread for each timer; the other uses POSIX timers whose notifications are threads.
//!
//! ```text
//!   benches/mockit/program.c ──► one program for each: linked with libcogloop, with threads.c, with timer_create.c
//!   benches/mockit/armed.lua ──► lua5.4 and luamockit
//!                                     │
//!                                     └─► lines `name value` ──► here: rounds, medians, tables, JSON
//! ```
//!
//! Each result comes from a process of its own, so no contender inherits memory, threads or a warm library. A round
//! runs all contenders, so that other work on the machine affects all of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::json::{Document, Place};
use crate::machine::Machine;
use crate::options::Options;
use crate::progress;
use crate::statistics::Summary;

/// The folder of the programs' sources.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mockit");

/// The contenders, each with the file that replaces the library; `None` for libcogloop.
const CONTENDERS: [(&str, Option<&str>); 3] =
    [(OURS, None), ("a thread each", Some("threads.c")), ("timer_create", Some("timer_create.c"))];
const OURS: &str = "libcogloop";
const LUA: &str = "luamockit";

/// The most armed timers that a peer is asked for, because each may be a thread.
const PEERS_MAX: usize = 10_000;

/// The name of a value in the output of a program, and its label here. More is better only for events.
type Figures = &'static [(&'static str, &'static str)];

const ARMED: Figures = &[
    ("bytes", "resident, bytes each"),
    ("virtual", "virtual, bytes each"),
    ("threads", "threads"),
    ("arm", "CPU time to arm, ns"),
];
const INTERVALS: Figures =
    &[("events", EVENTS), ("late", "last event late, ms"), ("cpu", "CPU time, s"), ("threads", "threads")];
const EVENTS: &str = "events";
const DESTROY: Figures =
    &[("cpu", "CPU time, us"), ("cpu_most", "most CPU time, us"), ("wall", "until it returns, us")];
const BLOCK: Figures = &[
    ("calm", "late, us"),
    ("calm_most", "latest, us"),
    ("blocked", "late while one blocks, us"),
    ("blocked_most", "latest while one blocks, us"),
];

/// One measurement.
struct Course {
    workload: &'static str,
    size: usize,
    arguments: Vec<String>,
    contenders: Vec<&'static str>,
    figures: Figures,
}

fn courses(options: &Options) -> Vec<Course> {
    let sizes: &[usize] = match (options.smoke, options.quick) {
        (true, _) => &[1_000],
        (_, true) => &[1_000, 100_000],
        _ => &[1_000, 10_000, 100_000, 1_000_000],
    };
    let sizes = if options.sizes.is_empty() { sizes } else { &options.sizes };
    let everybody = || CONTENDERS.map(|(name, _)| name);
    let course = |workload, size: usize, arguments: &[usize], contenders: &[&'static str], figures| Course {
        workload,
        size,
        arguments: arguments.iter().map(usize::to_string).collect(),
        contenders: contenders.to_vec(),
        figures,
    };
    let mut all: Vec<_> = sizes
        .iter()
        .map(|&size| {
            let peers = if size <= PEERS_MAX { &everybody()[..] } else { &[OURS] };
            course("armed", size, &[size], &[peers, &[LUA]].concat(), ARMED)
        })
        .collect();
    let seconds = if options.smoke { 1 } else { 5 };
    all.push(course("intervals", 1_000, &[1_000, 10, seconds], &everybody(), INTERVALS));
    // The peer with a thread for each timer is left out: ending a timer would wait an hour for its thread.
    all.push(course("destroy", 100, &[100], &[OURS, "timer_create"], DESTROY));
    all.push(course("block", 100, &[100], &everybody(), BLOCK));
    all
}

/// The values of each contender, by label, one for each round.
type Said = BTreeMap<(&'static str, &'static str), Vec<f64>>;

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    let prefix = options.prefix.as_deref();
    let prefix = prefix.ok_or("start it as `cargo xtask bench mockit`, which installs libcogloop for it")?;
    for (name, library) in CONTENDERS {
        compile(prefix, library, &program(prefix, name))?;
    }
    let courses = courses(options);
    let rounds = options.reps.unwrap_or(if options.quick { 1 } else { 5 });
    let bar = progress::bar((rounds * courses.iter().map(|course| course.contenders.len()).sum::<usize>()) as u64);
    let (machine, mut document) = (Machine::describe(), Document::new("mockit"));
    println!("{}, {} CPUs, Linux {}; medians of {rounds} processes", machine.cpu, machine.cpus, machine.kernel);
    for course in &courses {
        let mut said = Said::new();
        for _ in 0..rounds {
            for &contender in &course.contenders {
                bar.set_message(format!("{} {}, {contender}", course.size, course.workload));
                match once(prefix, course, contender) {
                    Ok(figures) => figures.for_each(|(name, value)| {
                        said.entry((contender, name)).or_default().push(value);
                    }),
                    Err(why) => document.note(format!("{} {}, {contender}: {why}", course.size, course.workload)),
                }
                bar.inc(1);
            }
        }
        bar.suspend(|| print(course, &said));
        add(&mut document, course, &said);
    }
    bar.finish_and_clear();
    document.notes().iter().for_each(|note| println!("{note}"));
    Ok(document.json(&machine))
}

fn program(prefix: &Path, contender: &str) -> PathBuf {
    prefix.join("bench").join(contender.replace(' ', "-"))
}

/// Compiles the program. It links libcogloop if no other file replaces the library.
fn compile(prefix: &Path, library: Option<&str>, program: &Path) -> Result<(), String> {
    let folder = program.parent().unwrap_or(prefix);
    std::fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(program);
    compiler.arg(format!("{FOLDER}/program.c")).arg("-I").arg(prefix.join("include"));
    match library {
        Some(library) => compiler.arg(format!("{FOLDER}/{library}")),
        None => compiler.arg("-L").arg(prefix.join("lib")).arg("-lcogloop"),
    };
    let output = compiler.args(["-lpthread", "-lrt"]).output().map_err(|error| format!("cc: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("cc: {}", complaint.trim())) }
}

/// Runs one process. The error says why there are no results.
fn once(prefix: &Path, course: &Course, contender: &str) -> Result<impl Iterator<Item = (&'static str, f64)>, String> {
    let mut command = match contender {
        LUA => {
            let mut lua = Command::new("lua5.4");
            lua.arg(format!("{FOLDER}/armed.lua"));
            lua
        }
        _ => {
            let mut command = Command::new(program(prefix, contender));
            command.arg(course.workload).env("LD_LIBRARY_PATH", prefix.join("lib"));
            command
        }
    };
    let output = command.args(&course.arguments).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{}; {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures = figures(&said);
    if let Some(armed) = figures.get("armed").filter(|&&armed| armed < course.size as f64) {
        return Err(format!("the system gave it no more than {armed}"));
    }
    Ok(course.figures.iter().filter_map(move |(name, _)| Some((*name, *figures.get(*name)?))))
}

/// Parses the lines `name value`.
fn figures(said: &str) -> BTreeMap<String, f64> {
    let lines = said.lines().filter_map(|line| line.split_once(' '));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?))).collect()
}

fn print(course: &Course, said: &Said) {
    let heads: Vec<_> = course.figures.iter().map(|(_, head)| *head).collect();
    println!("\n| {} {} | {} |", course.size, course.workload, heads.join(" | "));
    println!("|---|{}", "---:|".repeat(heads.len()));
    for &contender in &course.contenders {
        let cells = course.figures.iter().map(|(name, _)| match said.get(&(contender, name)) {
            Some(values) => in_short(Summary::of(values.iter().copied()).median),
            None => "–".to_owned(),
        });
        println!("| {contender} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

/// Without decimals if those would be noise.
fn in_short(value: f64) -> String {
    if value.abs() < 100.0 && value.fract() != 0.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn add(document: &mut Document, course: &Course, said: &Said) {
    for ((contender, name), values) in said {
        let words = course.figures.iter().find(|figure| figure.0 == *name).map_or("", |figure| figure.1);
        let make = if words == EVENTS { Place::more } else { Place::less };
        document.row(make(course.workload, contender, Some(course.size), words), values.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The peers need only the header of libcogloop.
    fn headers() -> PathBuf {
        let prefix = std::env::temp_dir().join(format!("cogloop-bench-mockit-{}", std::process::id()));
        let include = prefix.join("include");
        std::fs::create_dir_all(&include).unwrap();
        let header = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings/c/include/mockit.h");
        std::fs::copy(header, include.join("mockit.h")).unwrap();
        prefix
    }

    #[test]
    fn the_programs_compile_and_say_their_figures() {
        let prefix = headers();
        for (name, library) in CONTENDERS.into_iter().filter(|(name, _)| *name != OURS) {
            compile(&prefix, library, &program(&prefix, name)).unwrap();
            for course in courses(&Options { sizes: vec![20], smoke: true, quick: true, ..Options::default() }) {
                if course.workload == "armed" {
                    let said: Vec<_> = once(&prefix, &course, name).unwrap().collect();
                    assert_eq!(said.len(), course.figures.len(), "{name}: {said:?}");
                }
            }
        }
        std::fs::remove_dir_all(prefix).unwrap();
    }

    #[test]
    fn each_course_asks_for_values_that_its_program_prints() {
        let source = std::fs::read_to_string(format!("{FOLDER}/program.c")).unwrap();
        for course in courses(&Options::default()) {
            assert!(source.contains(&format!("\"{}\"", course.workload)), "{}", course.workload);
            for (name, _) in course.figures {
                assert!(source.contains(&format!("\"{name}\"")), "{name}");
            }
        }
    }

    #[test]
    fn lines_are_figures() {
        assert_eq!(figures("bytes 152.5\nthreads 2\na word\n").len(), 2);
        assert_eq!((in_short(0.125), in_short(2.0), in_short(1234.5)), ("0.12".into(), "2".into(), "1234".into()));
    }
}
