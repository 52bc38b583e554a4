//! `cargo xtask mutants`: old bugs, put into a copy of the sources and switched on one at a time; the tests must catch each.
//! docs/mutants.md has the list, `proptests/mutants` the bugs.
//!
//! One build of the copy has all of them, and the environment names the one that is on.

mod form;
mod scratch;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use form::{FOLDER, Mutant, path_of};
use scratch::VARIABLE;

use crate::project::Project;
use crate::{built, process};

/// The list: a row for each.
pub(crate) const LIST: &str = "docs/mutants.md";

/// The test programs that are to catch them, in the order in which they are asked.
const SUITES: [&str; 4] = ["simulation", "stories", "event_loop", "scheduler"];

/// Where those are.
const PACKAGES: [&str; 3] = ["cogloop-engine", "cogloop-io", "cogloop-proptests"];

/// Far more than any suite takes: one that is still at work then has been hung by its mutant.
const SUITE_LIMIT: Duration = Duration::from_secs(120);

/// All bugs, in the order of their names.
fn read_all(project: &Project) -> Result<Vec<Mutant>, String> {
    let told = |error: std::io::Error| format!("{FOLDER}: {error}");
    let entries = std::fs::read_dir(project.root.join(FOLDER)).map_err(told)?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(told)?;
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Mutant::parse(&name, &std::fs::read_to_string(path).map_err(told)?)
    };
    paths.iter().map(read).collect()
}

/// A test program, built in the copy.
struct Suite {
    name: &'static str,
    program: PathBuf,
}

/// What a suite says of the code that it is run on.
enum Answer {
    Passed,
    /// What it has found: the first test that failed, or the promise that was broken.
    Failed(String),
    Hung,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("–"),
            Self::Failed(test) => f.write_str(test),
            Self::Hung => f.write_str("does not end"),
        }
    }
}

/// Runs the mutants that `arguments` name, all without a name; `--all` asks every suite about each.
pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<String, String> {
    let asks_all = arguments.contains(&"--all");
    let names: Vec<_> = arguments.iter().filter(|argument| **argument != "--all").collect();
    let mut mutants = read_all(project)?;
    if let Some(unknown) = names.iter().find(|name| mutants.iter().all(|mutant| mutant.name != ***name)) {
        return Err(format!("no such mutant: `{unknown}`; {LIST} lists them"));
    }
    let scratch = scratch::prepare(project, &mutants)?;
    mutants.retain(|mutant| names.is_empty() || names.iter().any(|name| **name == mutant.name));

    let suites = build_suites(&scratch)?;
    for suite in &suites {
        let answer = suite.ask(&scratch, None)?;
        if !matches!(answer, Answer::Passed) {
            return Err(format!("`{}` fails without any mutant: {answer}", suite.name));
        }
    }
    println!("{:18} {:30} {:>5}  caught by", "mutant", "where it was", "s");
    let mut survivors = Vec::new();
    for mutant in &mutants {
        if !mutant.is_caught(&scratch, &suites, asks_all)? {
            survivors.push(mutant.name.as_str());
        }
    }
    let tally = format!("{} passed, {} failed", mutants.len() - survivors.len(), survivors.len());
    println!("{tally}");
    if survivors.is_empty() { Ok(tally) } else { Err(format!("{tally}: nothing catches {}", survivors.join(", "))) }
}

impl Mutant {
    /// Asks the suites, and shows who has caught it.
    fn is_caught(&self, project: &Project, suites: &[Suite], asks_all: bool) -> Result<bool, String> {
        let start = Instant::now();
        let mut caught_by = Vec::new();
        for suite in suites {
            let answer = suite.ask(project, Some(&self.name))?;
            if !matches!(answer, Answer::Passed) {
                caught_by.push(format!("{}: {answer}", suite.name));
                if !asks_all {
                    break;
                }
            }
        }
        let (name, source, seconds) = (&self.name, &self.source, start.elapsed().as_secs_f64());
        let first = caught_by.first().map_or("NOBODY", String::as_str);
        println!("{name:18} {source:30} {seconds:5.1}  {first}");
        caught_by.iter().skip(1).for_each(|other| println!("{:57}{other}", ""));
        Ok(!caught_by.is_empty())
    }
}

impl Suite {
    fn ask(&self, project: &Project, mutant: Option<&str>) -> Result<Answer, String> {
        let mut command = project.program(&self.program);
        command.env_remove(VARIABLE).envs(mutant.map(|name| (VARIABLE, name)));
        // What fails is enough; the shortest case that fails, kept for the next time, is for a bug of our own.
        command.envs([("PROPTEST_MAX_SHRINK_ITERS", "0"), ("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")]);
        let (lines, status) = process::listen(&mut command, SUITE_LIMIT)?;
        let failed = lines.iter().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
        Ok(match (status, failed) {
            (Some(status), _) if status.success() => Answer::Passed,
            (_, Some(test)) => Answer::Failed(promise(&lines).unwrap_or(test).to_owned()),
            (Some(status), None) => Answer::Failed(status.to_string()),
            (None, None) => Answer::Hung,
        })
    }
}

/// The promise that a simulated life has found broken: it says more than the name of a test that runs hundreds.
fn promise(lines: &[String]) -> Option<&str> {
    let mut lines = lines.iter().skip_while(|line| !line.contains("panicked at proptests/src/simulation"));
    lines.nth(1).map(|said| said.trim_start_matches("assertion `left == right` failed: "))
}

/// Builds the suites in the copy.
fn build_suites(scratch: &Project) -> Result<Vec<Suite>, String> {
    let mut cargo = scratch.cargo(&["test", "--no-run"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let built = built::build(cargo.args(SUITES.iter().flat_map(|suite| ["--test", suite])))?;
    SUITES.into_iter().map(|name| Ok(Suite { name, program: built::program(&built, name)? })).collect()
}
