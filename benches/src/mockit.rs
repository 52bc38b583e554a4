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
//! `programs.rs` runs the rounds.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::json::Document;
use crate::options::Options;
use crate::programs::{self, Course, EVENTS, Figures, Said, Values, program};
use crate::statistics::Summary;

/// The folder of the programs' sources.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mockit");

/// The contenders that run `program.c`, each with the file that replaces the library; `None` for libcogloop.
const CONTENDERS: [(&str, Option<&str>); 3] =
    [(OURS, None), ("a thread each", Some("threads.c")), ("timer_create", Some("timer_create.c"))];
const OURS: &str = "libcogloop";
const LUA: &str = "luamockit";

/// The greatest number of armed timers for a peer. It is low, because each timer may be a thread.
const PEERS_MAX: usize = 10_000;

const ARMED: Figures = &[
    ("bytes", "resident, bytes each"),
    ("virtual", "virtual, bytes each"),
    ("threads", "threads"),
    ("arm", "CPU time to arm, ns"),
];
const INTERVALS: Figures =
    &[("events", EVENTS), ("late", "last event late, ms"), ("cpu", "CPU time, s"), ("threads", "threads")];
const DESTROY: Figures =
    &[("cpu", "CPU time, us"), ("cpu_most", "most CPU time, us"), ("wall", "until it returns, us")];
const BLOCK: Figures = &[
    ("calm", "late, us"),
    ("calm_most", "latest, us"),
    ("blocked", "late while one blocks, us"),
    ("blocked_most", "latest while one blocks, us"),
];

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
        size: Some(size),
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

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    let prefix = programs::prefix(options, "mockit")?;
    for (name, library) in CONTENDERS {
        compile(prefix, library, &program(prefix, name))?;
    }
    let (document, courses) = (Document::new("mockit"), courses(options));
    let rounds = options.reps.unwrap_or(if options.quick { 1 } else { 5 });
    Ok(programs::run(document, &courses, rounds, |course, contender| once(prefix, course, contender), print))
}

/// Compiles the program. It links libcogloop if no other file replaces the library.
fn compile(prefix: &Path, library: Option<&str>, program: &Path) -> Result<(), String> {
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]);
    compiler.arg(format!("{FOLDER}/program.c")).arg("-I").arg(prefix.join("include"));
    match library {
        Some(library) => compiler.arg(format!("{FOLDER}/{library}")),
        None => compiler.arg("-L").arg(prefix.join("lib")).arg("-lcogloop"),
    };
    programs::compile(compiler.args(["-lpthread", "-lrt"]), program)
}

/// Runs one process. The error says why there are no results.
fn once(prefix: &Path, course: &Course, contender: &str) -> Result<Values, String> {
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
    let lines = programs::lines_of(command.args(&course.arguments))?;
    let asked = course.size.map_or(0.0, |size| size as f64);
    match lines.get("armed") {
        Some(armed) if *armed < asked => Err(format!("the system allowed only {armed} timers")),
        _ => Ok(course.pick(&lines)),
    }
}

fn print(course: &Course, said: &Said) {
    let heads: Vec<_> = course.figures.iter().map(|(_, head)| *head).collect();
    println!("\n| {} | {} |", course.title(), heads.join(" | "));
    println!("|---|{}", "---:|".repeat(heads.len()));
    for &contender in &course.contenders {
        let cells = course.figures.iter().map(|(name, _)| match said.get(&(contender, name)) {
            Some(values) => in_short(Summary::of(values.iter().copied()).median),
            None => "–".to_owned(),
        });
        println!("| {contender} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

/// Formats a value, without decimals if they would be noise.
fn in_short(value: f64) -> String {
    if value.abs() < 100.0 && value.fract() != 0.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A prefix that has only the header of libcogloop. The peers need no more.
    fn headers() -> PathBuf {
        let prefix = std::env::temp_dir().join(format!("cogloop-bench-mockit-{}", std::process::id()));
        let include = prefix.join("include");
        std::fs::create_dir_all(&include).unwrap();
        let header = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings/c/include/mockit.h");
        std::fs::copy(header, include.join("mockit.h")).unwrap();
        prefix
    }

    #[test]
    fn the_programs_compile_and_print_their_results() {
        let prefix = headers();
        for (name, library) in CONTENDERS.into_iter().filter(|(name, _)| *name != OURS) {
            compile(&prefix, library, &program(&prefix, name)).unwrap();
            for course in courses(&Options { sizes: vec![20], smoke: true, quick: true, ..Options::default() }) {
                if course.workload == "armed" {
                    let said = once(&prefix, &course, name).unwrap();
                    assert_eq!(said.len(), course.figures.len(), "{name}: {said:?}");
                }
            }
        }
        std::fs::remove_dir_all(prefix).unwrap();
    }

    #[test]
    fn the_program_prints_every_value_of_a_course() {
        let source = std::fs::read_to_string(format!("{FOLDER}/program.c")).unwrap();
        programs::check(&courses(&Options::default()), &source);
    }

    #[test]
    fn figures_are_short() {
        assert_eq!((in_short(0.125), in_short(2.0), in_short(1234.5)), ("0.12".into(), "2".into(), "1234".into()));
    }
}
