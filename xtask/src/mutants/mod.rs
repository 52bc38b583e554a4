//! `cargo xtask mutants`: puts old bugs into a copy of the sources and switches them on one at a time. The tests must
//! catch each one. docs/mutants.md lists the bugs, and `proptests/mutants` contains them.
//!
//! The copy is built once, with all bugs in it. The environment names the bug that is switched on. A suite runs without
//! any bug before its verdict counts. A suite that no bug needs is not built.

mod form;
mod scratch;
mod suites;

use std::path::PathBuf;
use std::time::Instant;

pub(crate) use form::{FOLDER, Mutant, path_of};
use suites::{Answer, Suite};

use crate::project::Project;

/// The page with the list of bugs, which has a row for each.
pub(crate) const LIST: &str = "docs/mutants.md";

/// All bugs, in the order of their names.
fn read_all(project: &Project) -> Result<Vec<Mutant>, String> {
    let with_path = |error: std::io::Error| format!("{FOLDER}: {error}");
    let entries = std::fs::read_dir(project.root.join(FOLDER)).map_err(with_path)?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(with_path)?;
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Mutant::parse(&name, &std::fs::read_to_string(path).map_err(with_path)?)
    };
    paths.iter().map(read).collect()
}

/// Runs the mutants that `arguments` name, or all. `--quick` leaves out the mutants whose files name a suite. `--all`
/// runs every suite for each mutant.
pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<String, String> {
    let asks_all = arguments.contains(&"--all");
    let is_quick = arguments.contains(&"--quick");
    let names: Vec<_> = arguments.iter().filter(|argument| !["--all", "--quick"].contains(*argument)).collect();
    let mut mutants = read_all(project)?;
    if let Some(unknown) = names.iter().find(|name| mutants.iter().all(|mutant| mutant.name != ***name)) {
        return Err(format!("no such mutant: `{unknown}`; {LIST} lists them"));
    }
    let scratch = scratch::prepare(project, &mutants)?;
    mutants.retain(|mutant| !is_quick || mutant.asked.is_none());
    mutants.retain(|mutant| names.is_empty() || names.iter().any(|name| **name == mutant.name));

    let asked: Vec<_> = mutants.iter().map(|mutant| mutant.asked.as_deref()).collect();
    let mut suites = suites::choose(&asked)?;
    println!("{:28} {:30} {:>5}  caught by", "mutant", "where it was", "s");
    let mut survivors = Vec::new();
    for mutant in &mutants {
        if !is_caught(&scratch, mutant, &mut suites, asks_all)? {
            survivors.push(mutant.name.as_str());
        }
    }
    let tally = format!("{} passed, {} failed", mutants.len() - survivors.len(), survivors.len());
    println!("{tally}");
    if survivors.is_empty() { Ok(tally) } else { Err(format!("{tally}: nothing catches {}", survivors.join(", "))) }
}

/// Runs the suites with the mutant, and prints which one caught it.
fn is_caught(scratch: &Project, mutant: &Mutant, suites: &mut [Suite], asks_all: bool) -> Result<bool, String> {
    let start = Instant::now();
    let mut caught_by = Vec::new();
    for suite in suites.iter_mut().filter(|suite| asks_all || suite.is_for(mutant.asked.as_deref())) {
        let answer = suite.ask(scratch, &mutant.name)?;
        if !matches!(answer, Answer::Passed) {
            caught_by.push(format!("{}: {answer}", suite.name));
            if !asks_all {
                break;
            }
        }
    }
    let (name, source, seconds) = (&mutant.name, &mutant.source, start.elapsed().as_secs_f64());
    let first = caught_by.first().map_or("NOTHING", String::as_str);
    println!("{name:28} {source:30} {seconds:5.1}  {first}");
    caught_by.iter().skip(1).for_each(|other| println!("{:67}{other}", ""));
    Ok(!caught_by.is_empty())
}
