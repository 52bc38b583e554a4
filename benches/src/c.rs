//! `bench c`: timers, descriptors and loops through `cogloop.h`, beside libev and libuv.
//!
//! ```text
//!   benches/c/program.c, with CONTENDER.h ──► one program for each contender
//!                                                  │
//!                                                  └─► lines `name value` ──► here: rounds, medians, tables, JSON
//! ```
//!
//! Each contender's header defines the steps of `program.c` for its library, so all programs do the same work. Unless
//! the contender's name says otherwise, libcogloop works like its peers here: it counts delays from the turn's time and
//! waits with epoll. The timers of the peers are structs that the program makes once. The contender "timers made once"
//! makes its timers once, too. The other contenders of libcogloop make a timer to set it, and end it to cancel it.
//! `programs.rs` runs the rounds.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::json::Document;
use crate::options::Options;
use crate::programs::{self, Course, Figures, Said, Values, program};
use crate::statistics::Summary;

/// The folder of the programs' sources.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/c");

const OURS: &str = "cogloop";
const KEPT: &str = "cogloop, timers made once";
const FRESH: &str = "cogloop, clock read each time";
const COARSE: &str = "cogloop, ticks of 1 ms";
const SLACK: &str = "cogloop, slack of 1 ms";
const SLACK_2: &str = "cogloop, slack of 2 ms";
const URING: &str = "cogloop, io_uring";
const PEERS: [&str; 2] = ["libev", "libuv"];

/// A program: its header, its compiler options, its library, and the backend if the library has several.
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

const CONTENDERS: [Contender; 9] = [
    ours(OURS, "-O2", "epoll"),
    ours(KEPT, "-DKEPT=1", "epoll"),
    ours(FRESH, "-DDELAYS=COG_DELAYS_FROM_NOW", "epoll"),
    ours(COARSE, "-DRESOLUTION_NS=1000000", "epoll"),
    ours(SLACK, "-DSLACK_NS=1000000", "epoll"),
    ours(SLACK_2, "-DSLACK_NS=2000000", "epoll"),
    ours(URING, "-O2", "uring"),
    Contender { name: PEERS[0], header: "libev.h", flag: "-O2", library: "-lev", backend: "" },
    Contender { name: PEERS[1], header: "libuv.h", flag: "-O2", library: "-luv", backend: "" },
];

const TIMERS: Figures = &[
    ("set_cancel", "all set, then all cancelled, ns each"),
    ("replace", "one cancelled and set again, ns"),
    ("restart", "restarted, ns"),
];
const FIRE: Figures = &[("fire", "set and fired, ns")];
const SLEEPS: Figures =
    &[("sleeps", "sleeps until all have fired"), ("late_mean", "late, mean, µs"), ("late_most", "late, most, µs")];
const STALE: Figures = &[("stale", "cancelled when it has fired, ns")];
const WATCH: Figures = &[("watch", "watched, one turn, removed, ns")];
const LOOPS: Figures = &[("make", "made, ns"), ("bytes", "memory, bytes")];

fn courses(options: &Options) -> Vec<Course> {
    let sizes: &[usize] = match (options.smoke, options.quick) {
        (true, _) => &[1_000],
        (_, true) => &[1_000, 100_000],
        _ => &[1_000, 100_000, 1_000_000],
    };
    let sizes = if options.sizes.is_empty() { sizes } else { &options.sizes };
    let course = |workload, size: Option<usize>, contenders: &[&'static str], figures| Course {
        workload,
        size,
        arguments: size.iter().map(usize::to_string).collect(),
        contenders: contenders.to_vec(),
        figures,
    };
    let timers = |&size: &usize| course("timers", Some(size), &[OURS, KEPT, FRESH, PEERS[0], PEERS[1]], TIMERS);
    let all_waits = [OURS, COARSE, SLACK, SLACK_2, PEERS[0], PEERS[1]];
    let fire = |&size: &usize| course("fire", Some(size), &all_waits, FIRE);
    let mut all: Vec<_> = sizes.iter().map(timers).chain(sizes.iter().map(fire)).collect();
    all.push(course("sleeps", Some(1_000), &all_waits, SLEEPS));
    all.push(course("stale", None, &[OURS], STALE));
    all.push(course("watch", None, &[OURS, URING, PEERS[0], PEERS[1]], WATCH));
    all.push(course("loops", None, &[OURS, URING, PEERS[0], PEERS[1]], LOOPS));
    all
}

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    let prefix = programs::prefix(options, "c")?;
    let (mut document, mut courses) = (Document::new("c"), courses(options));
    for contender in &CONTENDERS {
        match compile(prefix, contender) {
            Ok(()) => {}
            Err(why) if PEERS.contains(&contender.name) => {
                document.note(format!("{}: {why}", contender.name));
                courses.iter_mut().for_each(|course| course.contenders.retain(|name| *name != contender.name));
            }
            Err(why) => return Err(why),
        }
    }
    let rounds = options.reps.unwrap_or(if options.quick { 3 } else { 7 });
    Ok(programs::run(document, &courses, rounds, |course, contender| once(prefix, course, contender), print))
}

fn compile(prefix: &Path, contender: &Contender) -> Result<(), String> {
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", contender.flag]);
    compiler.arg("-I").arg(prefix.join("include")).arg("-include").arg(format!("{FOLDER}/{}", contender.header));
    compiler.arg(format!("{FOLDER}/program.c")).arg("-L").arg(prefix.join("lib")).arg(contender.library);
    programs::compile(&mut compiler, &program(prefix, contender.name))
}

/// Runs one process. The error says why there are no results.
fn once(prefix: &Path, course: &Course, contender: &str) -> Result<Values, String> {
    let backend = CONTENDERS.iter().find(|known| known.name == contender).map_or("", |known| known.backend);
    let mut command = Command::new(program(prefix, contender));
    command.arg(course.workload).args(&course.arguments);
    command.env("LD_LIBRARY_PATH", prefix.join("lib")).env("COGLOOP_BACKEND", backend);
    Ok(course.pick(&programs::lines_of(&mut command)?))
}

/// A line for each contender: median, range, and the ratio to the best peer's median.
fn print(course: &Course, said: &Said) {
    for (name, words) in course.figures {
        let summary = |contender| said.get(&(contender, *name)).map(|values| Summary::of(values.iter().copied()));
        let best = PEERS.into_iter().filter_map(summary).map(|peer| peer.median).fold(f64::INFINITY, f64::min);
        let size = course.size.map_or_else(String::new, |size| format!("{size} timers: "));
        println!("\n| {size}{words} | median | least | most | to the best peer |\n|---|---:|---:|---:|---:|");
        for &contender in &course.contenders {
            let Some(Summary { median, min, max, .. }) = summary(contender) else { continue };
            println!("| {contender} | {median:.1} | {min:.1} | {max:.1} | {:.2} |", median / best);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_prints_every_value_of_a_course() {
        let source = std::fs::read_to_string(format!("{FOLDER}/program.c")).unwrap();
        let courses = courses(&Options::default());
        programs::check(&courses, &source);
        for course in courses {
            assert!(course.contenders.iter().all(|name| CONTENDERS.iter().any(|known| known.name == *name)));
        }
    }
}
