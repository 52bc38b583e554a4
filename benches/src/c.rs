//! `bench c`: timers, descriptors and loops through `cogloop.h`, beside libev and libuv.
//!
//! ```text
//!   benches/c/program.c, with CONTENDER.h ──► one program for each contender
//!                                                  │
//!                                                  └─► lines `name value` ──► here: rounds, medians, tables, JSON
//! ```
//!
//! Each contender's header defines the steps, so all programs do the same ones. Each result comes from a process of its
//! own. A round runs all contenders, so that other work on the machine affects all of them. Like its peers, libcogloop
//! counts delays from the turn's time here and waits with epoll, unless its name says otherwise.

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
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/c");

const OURS: &str = "cogloop";
const FRESH: &str = "cogloop, clock read each time";
const COARSE: &str = "cogloop, ticks of 1 ms";
const URING: &str = "cogloop, io_uring";
const PEERS: [&str; 2] = ["libev", "libuv"];

/// A program: its header, its compiler options, its library, and the backend if there are several.
struct Contender {
    name: &'static str,
    header: &'static str,
    flag: &'static str,
    library: &'static str,
    backend: &'static str,
}

const fn ours(name: &'static str, flag: &'static str, backend: &'static str) -> Contender {
    Contender { name, header: "ours.h", flag, library: "-lcogloop", backend }
}

const CONTENDERS: [Contender; 6] = [
    ours(OURS, "-O2", "epoll"),
    ours(FRESH, "-DDELAYS=COG_DELAYS_FROM_NOW", "epoll"),
    ours(COARSE, "-DRESOLUTION_NS=1000000", "epoll"),
    ours(URING, "-O2", "uring"),
    Contender { name: PEERS[0], header: "libev.h", flag: "-O2", library: "-lev", backend: "" },
    Contender { name: PEERS[1], header: "libuv.h", flag: "-O2", library: "-luv", backend: "" },
];

/// The name of a result in the output of a program, and its label here.
type Figures = &'static [(&'static str, &'static str)];

const TIMERS: Figures = &[
    ("set_cancel", "all set, then all cancelled, ns each"),
    ("replace", "one cancelled and set again, ns"),
    ("restart", "restarted, ns"),
];
const FIRE: Figures = &[("fire", "set and fired, ns")];
const STALE: Figures = &[("stale", "cancelled when it has fired, ns")];
const WATCH: Figures = &[("watch", "watched, one turn, removed, ns")];
const LOOPS: Figures = &[("make", "made, ns"), ("bytes", "memory, bytes")];

/// One measurement.
struct Course {
    workload: &'static str,
    size: Option<usize>,
    contenders: &'static [&'static str],
    figures: Figures,
}

fn courses(options: &Options) -> Vec<Course> {
    let sizes: &[usize] = match (options.smoke, options.quick) {
        (true, _) => &[1_000],
        (_, true) => &[1_000, 100_000],
        _ => &[1_000, 100_000, 1_000_000],
    };
    let sizes = if options.sizes.is_empty() { sizes } else { &options.sizes };
    let timers = |&size: &usize| Course {
        workload: "timers",
        size: Some(size),
        contenders: &[OURS, FRESH, PEERS[0], PEERS[1]],
        figures: TIMERS,
    };
    let fire = |&size: &usize| Course {
        workload: "fire",
        size: Some(size),
        contenders: &[OURS, COARSE, PEERS[0], PEERS[1]],
        figures: FIRE,
    };
    let once = |workload, contenders, figures| Course { workload, size: None, contenders, figures };
    let mut all: Vec<_> = sizes.iter().map(timers).chain(sizes.iter().map(fire)).collect();
    all.push(once("stale", &[OURS], STALE));
    all.push(once("watch", &[OURS, URING, PEERS[0], PEERS[1]], WATCH));
    all.push(once("loops", &[OURS, URING, PEERS[0], PEERS[1]], LOOPS));
    all
}

/// The values of each contender, by result, one for each round.
type Said = BTreeMap<(&'static str, &'static str), Vec<f64>>;

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    let prefix = options.prefix.as_deref();
    let prefix = prefix.ok_or("start it as `cargo xtask bench c`, which installs libcogloop for it")?;
    let (machine, mut document) = (Machine::describe(), Document::new("c"));
    let mut compiled = Vec::new();
    for contender in &CONTENDERS {
        match compile(prefix, contender) {
            Ok(()) => compiled.push(contender.name),
            Err(why) if PEERS.contains(&contender.name) => document.note(format!("{}: {why}", contender.name)),
            Err(why) => return Err(why),
        }
    }
    let courses = courses(options);
    let rounds = options.reps.unwrap_or(if options.quick { 3 } else { 7 });
    let bar = progress::bar((rounds * courses.iter().map(|course| course.contenders.len()).sum::<usize>()) as u64);
    println!("{}, {} CPUs, Linux {}; medians of {rounds} processes", machine.cpu, machine.cpus, machine.kernel);
    for course in &courses {
        let mut said = Said::new();
        for round in 0..rounds {
            let order = (0..course.contenders.len()).map(|n| (n + round) % course.contenders.len());
            for contender in order.map(|n| course.contenders[n]) {
                bar.set_message(format!("{}, {contender}", course.workload));
                bar.inc(1);
                if !compiled.contains(&contender) {
                    continue;
                }
                match once(prefix, course, contender) {
                    Ok(figures) => figures.for_each(|(name, value)| {
                        said.entry((contender, name)).or_default().push(value);
                    }),
                    Err(why) => document.note(format!("{}, {contender}: {why}", course.workload)),
                }
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
    prefix.join("bench").join(contender.replace([' ', ','], "-"))
}

fn compile(prefix: &Path, contender: &Contender) -> Result<(), String> {
    let program = program(prefix, contender.name);
    let folder = program.parent().unwrap_or(prefix);
    std::fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", contender.flag, "-o"]).arg(program);
    compiler.arg("-I").arg(prefix.join("include")).arg("-include").arg(format!("{FOLDER}/{}", contender.header));
    compiler.arg(format!("{FOLDER}/program.c")).arg("-L").arg(prefix.join("lib")).arg(contender.library);
    let output = compiler.output().map_err(|error| format!("cc: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("cc: {}", complaint.trim())) }
}

/// Runs one process. The error says why there are no results.
fn once(
    prefix: &Path,
    course: &Course,
    contender: &'static str,
) -> Result<impl Iterator<Item = (&'static str, f64)>, String> {
    let backend = CONTENDERS.iter().find(|known| known.name == contender).map_or("", |known| known.backend);
    let mut command = Command::new(program(prefix, contender));
    command.arg(course.workload).args(course.size.map(|size| size.to_string()));
    command.env("LD_LIBRARY_PATH", prefix.join("lib")).env("COGLOOP_BACKEND", backend);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{}; {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures: BTreeMap<String, f64> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
        .collect();
    Ok(course.figures.iter().filter_map(move |(name, _)| Some((*name, *figures.get(*name)?))))
}

/// A line for each contender: median, range, and the ratio to the best peer's median.
fn print(course: &Course, said: &Said) {
    for (name, words) in course.figures {
        let summary = |contender| said.get(&(contender, *name)).map(|values| Summary::of(values.iter().copied()));
        let best = PEERS.into_iter().filter_map(summary).map(|peer| peer.median).fold(f64::INFINITY, f64::min);
        let size = course.size.map_or_else(String::new, |size| format!("{size} timers: "));
        println!("\n| {size}{words} | median | least | most | to the best peer |\n|---|---:|---:|---:|---:|");
        for &contender in course.contenders {
            let Some(Summary { median, min, max, .. }) = summary(contender) else { continue };
            println!("| {contender} | {median:.1} | {min:.1} | {max:.1} | {:.2} |", median / best);
        }
    }
}

fn add(document: &mut Document, course: &Course, said: &Said) {
    for ((contender, name), values) in said {
        let words = course.figures.iter().find(|figure| figure.0 == *name).map_or("", |figure| figure.1);
        document.row(Place::less(course.workload, contender, course.size, words), values.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_course_asks_for_values_that_the_program_prints() {
        let source = std::fs::read_to_string(format!("{FOLDER}/program.c")).unwrap();
        for course in courses(&Options::default()) {
            assert!(source.contains(&format!("\"{}\"", course.workload)), "{}", course.workload);
            for (name, _) in course.figures {
                assert!(source.contains(&format!("\"{name}\"")), "{name}");
            }
            assert!(course.contenders.iter().all(|name| CONTENDERS.iter().any(|known| known.name == *name)));
        }
    }
}
