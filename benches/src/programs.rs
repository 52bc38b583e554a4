//! The code that `bench c` and `bench mockit` share. Both benchmarks measure other programs.
//!
//! ```text
//!   a course: workload, size ──► a process for each contender and round ──► lines `name value` ──► medians, tables, JSON
//! ```
//!
//! Each result comes from a process of its own, so no contender inherits memory, threads or a warm library. A round
//! runs all contenders, and each round begins with another contender, so that other work on the machine affects all of
//! them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::json::{Document, Place};
use crate::machine::Machine;
use crate::options::Options;
use crate::progress;

/// Results. Each has a name in the output of a program, and a label in the tables.
pub(crate) type Figures = &'static [(&'static str, &'static str)];

/// The only label for which more is better.
pub(crate) const EVENTS: &str = "events";

/// The values by contender and result: one value for each round.
pub(crate) type Said = BTreeMap<(&'static str, &'static str), Vec<f64>>;

/// The results of one process: name and value.
pub(crate) type Values = Vec<(&'static str, f64)>;

/// One measurement.
pub(crate) struct Course {
    pub(crate) workload: &'static str,
    pub(crate) size: Option<usize>,
    pub(crate) arguments: Vec<String>,
    pub(crate) contenders: Vec<&'static str>,
    pub(crate) figures: Figures,
}

impl Course {
    /// Returns those lines of a program's output that belong to this course.
    pub(crate) fn pick(&self, lines: &BTreeMap<String, f64>) -> Values {
        self.figures.iter().filter_map(|(name, _)| Some((*name, *lines.get(*name)?))).collect()
    }

    /// The size, if there is one, and the workload.
    pub(crate) fn title(&self) -> String {
        self.size.into_iter().map(|size| format!("{size} ")).chain([self.workload.to_owned()]).collect()
    }
}

/// The folder in which libcogloop is installed. The compiled programs go there, too.
pub(crate) fn prefix<'a>(options: &'a Options, benchmark: &str) -> Result<&'a Path, String> {
    let start = || format!("start it as `cargo xtask bench {benchmark}`, which installs libcogloop for it");
    options.prefix.as_deref().ok_or_else(start)
}

/// The path of a contender's program.
pub(crate) fn program(prefix: &Path, contender: &str) -> PathBuf {
    prefix.join("bench").join(contender.replace([' ', ','], "-"))
}

/// Compiles a program with these arguments.
pub(crate) fn compile(compiler: &mut Command, program: &Path) -> Result<(), String> {
    let folder = program.parent().unwrap_or(program);
    std::fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let output = compiler.arg("-o").arg(program).output().map_err(|error| format!("cc: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("cc: {}", complaint.trim())) }
}

/// Runs a process and returns the lines `name value` of its output. The error says why there are no lines.
pub(crate) fn lines_of(command: &mut Command) -> Result<BTreeMap<String, f64>, String> {
    all_lines_of(command).map(|lines| lines.into_iter().collect())
}

/// Like [`lines_of`], but returns the lines in the order of the output. A name may occur several times.
pub(crate) fn all_lines_of(command: &mut Command) -> Result<Vec<(String, f64)>, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{}; {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

fn parse(said: &str) -> Vec<(String, f64)> {
    let lines = said.lines().filter_map(|line| line.split_once([' ', '\t']));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?))).collect()
}

/// Measures all courses, prints each, and returns the results as JSON. `once` runs one process of a contender.
pub(crate) fn run(
    mut document: Document,
    courses: &[Course],
    rounds: usize,
    once: impl Fn(&Course, &'static str) -> Result<Values, String>,
    print: impl Fn(&Course, &Said),
) -> Value {
    let machine = Machine::describe();
    let bar = progress::bar((rounds * courses.iter().map(|course| course.contenders.len()).sum::<usize>()) as u64);
    println!("{}, {} CPUs, Linux {}; medians of {rounds} processes", machine.cpu, machine.cpus, machine.kernel);
    for course in courses {
        let mut said = Said::new();
        for round in 0..rounds {
            let (after, before) = course.contenders.split_at(round % course.contenders.len().max(1));
            for &contender in before.iter().chain(after) {
                bar.set_message(format!("{}, {contender}", course.title()));
                match once(course, contender) {
                    Ok(values) => values.into_iter().for_each(|(name, value)| {
                        said.entry((contender, name)).or_default().push(value);
                    }),
                    Err(why) => document.note(format!("{}, {contender}: {why}", course.title())),
                }
                bar.inc(1);
            }
        }
        bar.suspend(|| print(course, &said));
        add(&mut document, course, &said);
    }
    bar.finish_and_clear();
    document.notes().iter().for_each(|note| println!("{note}"));
    document.json(&machine)
}

fn add(document: &mut Document, course: &Course, said: &Said) {
    for ((contender, name), values) in said {
        let words = course.figures.iter().find(|figure| figure.0 == *name).map_or("", |figure| figure.1);
        let make = if words == EVENTS { Place::more } else { Place::less };
        document.row(make(course.workload, contender, course.size, words), values.iter().copied());
    }
}

/// Panics if the source of a program lacks the name of a workload or of a result.
#[cfg(test)]
pub(crate) fn check(courses: &[Course], source: &str) {
    for course in courses {
        assert!(source.contains(&format!("\"{}\"", course.workload)), "{}", course.workload);
        for (name, _) in course.figures {
            assert!(source.contains(&format!("\"{name}\"")), "{name}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_program_are_parsed() {
        assert_eq!(parse("bytes 152.5\nthreads 2\na word\n").len(), 2);
    }
}
