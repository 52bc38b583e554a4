//! `cargo xtask mutants`: old bugs, switched on one at a time; the tests must catch each. docs/mutants.md has the list.
//!
//! One build with `--cfg cogloop_mutants` has all of them, and the environment names the one that is on.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::project::Project;
use crate::{built, process};

/// The list: a row for each.
pub(crate) const LIST: &str = "docs/mutants.md";

/// The environment variable that switches one on.
const VARIABLE: &str = "COGLOOP_MUTANT";

/// The test programs that are to catch them, in the order in which they are asked.
const SUITES: [&str; 4] = ["simulation", "stories", "event_loop", "scheduler"];

/// Where those are.
const PACKAGES: [&str; 3] = ["cogloop-engine", "cogloop-io", "cogloop-proptests"];

/// Far more than any suite takes: one that is still at work then has been hung by its mutant.
const SUITE_LIMIT: Duration = Duration::from_secs(120);

/// A row of the list.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    pub(crate) source: String,
    /// Where it stands in the list.
    pub(crate) line: usize,
}

impl Mutant {
    /// The mutants of a list's text.
    pub(crate) fn list(text: &str) -> Vec<Self> {
        let row = |(index, line): (usize, &str)| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            let name = cells.next()?.strip_suffix('`')?.to_owned();
            Some(Self { name, source: cells.next()?.to_owned(), line: index + 1 })
        };
        text.lines().enumerate().filter_map(row).collect()
    }
}

/// A test program, built with the mutants.
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
    let text = std::fs::read_to_string(project.root.join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
    let asks_all = arguments.contains(&"--all");
    let names: Vec<_> = arguments.iter().filter(|argument| **argument != "--all").collect();
    let mut mutants = Mutant::list(&text);
    if let Some(unknown) = names.iter().find(|name| mutants.iter().all(|mutant| mutant.name != ***name)) {
        return Err(format!("no such mutant: `{unknown}`; {LIST} lists them"));
    }
    mutants.retain(|mutant| names.is_empty() || names.iter().any(|name| **name == mutant.name));

    check_absent(project, &mutants)?;
    let suites = build_suites(project)?;
    for suite in &suites {
        let answer = suite.ask(project, None)?;
        if !matches!(answer, Answer::Passed) {
            return Err(format!("`{}` fails without any mutant: {answer}", suite.name));
        }
    }
    println!("{:18} {:30} {:>5}  caught by", "mutant", "where it was", "s");
    let mut survivors = Vec::new();
    for mutant in &mutants {
        if !mutant.is_caught(project, &suites, asks_all)? {
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

/// Builds the suites with the mutants, in a folder of their own: everything is built with the flag.
fn build_suites(project: &Project) -> Result<Vec<Suite>, String> {
    let mut cargo = project.cargo(&["test", "--no-run"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    cargo.env("RUSTFLAGS", "--cfg cogloop_mutants").env("CARGO_TARGET_DIR", project.target.join("mutants"));
    let built = built::build(cargo.args(SUITES.iter().flat_map(|suite| ["--test", suite])))?;
    SUITES.into_iter().map(|name| Ok(Suite { name, program: built::program(&built, name)? })).collect()
}

/// Nothing of the mutants is in the libraries of a normal build.
fn check_absent(project: &Project, mutants: &[Mutant]) -> Result<(), String> {
    let built = built::build(&mut project.cargo(&["build", "--package", "cogloop-io"]))?;
    for library in ["cogloop_engine", "cogloop_io"] {
        let files = built.iter().filter(|built| built.name == library).flat_map(|built| &built.files);
        let rlib = files.clone().find(|file| file.extension().is_some_and(|extension| extension == "rlib"));
        let rlib = rlib.ok_or_else(|| format!("cargo has built no library `{library}`"))?;
        let bytes = std::fs::read(rlib).map_err(|error| format!("{}: {error}", rlib.display()))?;
        let is_there = |word: &&str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        let mut words = mutants.iter().map(|mutant| mutant.name.as_str()).chain([VARIABLE]);
        if let Some(word) = words.find(is_there) {
            return Err(format!("`{word}` is in `{library}`, built without mutants"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_the_list_are_its_mutants() {
        let text = "# Mutants\n\n| mutant | where | what |\n|---|---|---|\n| `c01-a` | A | early |\n| `c02-b-7` | B | twice |\n";
        let expected = [("c01-a", "A", 5), ("c02-b-7", "B", 6)];
        let expected = expected.map(|(name, source, line)| Mutant { name: name.into(), source: source.into(), line });
        assert_eq!(Mutant::list(text), expected);
    }
}
