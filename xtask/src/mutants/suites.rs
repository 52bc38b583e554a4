//! The programs that must catch the bugs, and their verdicts. Each program is built in the copy when it is needed for
//! the first time. Then it must pass without any bug.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use super::scratch::VARIABLE;
use crate::project::Project;
use crate::{built, faces, lua, process};

/// The tests of the event loop, in the order in which they are run.
const OF_THE_LOOP: [&str; 4] = ["simulation", "stories", "event_loop", "scheduler"];

/// The models of the Rust crate and of the C library.
const MODELS: [&str; 2] = ["rust_model", "c_model"];

/// The models of the Lua modules, on Lua 5.4.
const FACES: &str = "faces";

/// The packages of the suites that are cargo tests.
const PACKAGES: [&str; 3] = ["cogloop-engine", "cogloop-io", "cogloop-proptests"];

/// The time limit, far more than any suite needs. A suite that takes longer hangs because of the mutant.
const LIMIT: Duration = Duration::from_secs(120);

/// The time limit for a suite without a mutant. It is longer, so that a suite on a slow machine does not count as hung.
const LIMIT_WITHOUT: Duration = Duration::from_secs(1_200);

/// A program that must catch bugs.
pub(super) struct Suite {
    pub(super) name: &'static str,
    /// `None` until the suite is built.
    command: Option<Command>,
}

/// The verdict of a suite on the code.
pub(super) enum Answer {
    Passed,
    /// The first test that failed, or the promise that was broken.
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

/// The requested suites. Suites that are not tests of the loop come last.
pub(super) fn choose(asked: &[Option<&str>]) -> Result<Vec<Suite>, String> {
    let known = || OF_THE_LOOP.iter().chain(&MODELS).chain([&FACES]);
    if let Some(unknown) = asked.iter().flatten().find(|asked| known().all(|name| name != *asked)) {
        return Err(format!("there is no suite `{unknown}` to be asked"));
    }
    Ok(known().filter(|name| is_asked(name, asked)).map(|name| Suite { name, command: None }).collect())
}

fn build(scratch: &Project, name: &str) -> Result<Command, String> {
    if name == FACES {
        return faces::on_stock_lua(scratch, lua::find("5.4")?);
    }
    let mut cargo = scratch.cargo(&["test", "--no-run", "--test", name]);
    let built = built::build(cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package])))?;
    Ok(scratch.program(built::program(&built, name)?))
}

fn is_asked(suite: &str, asked: &[Option<&str>]) -> bool {
    asked.iter().any(|asked| asked.map_or(OF_THE_LOOP.contains(&suite), |asked| asked == suite))
}

impl Suite {
    /// Whether this suite must catch a bug. `asked` is the suite that the bug's file names; `None` means the tests of
    /// the event loop.
    pub(super) fn is_for(&self, asked: Option<&str>) -> bool {
        is_asked(self.name, &[asked])
    }

    /// The suite's answer to a bug.
    pub(super) fn ask(&mut self, scratch: &Project, mutant: &str) -> Result<Answer, String> {
        let command = match &mut self.command {
            Some(command) => command,
            none => {
                let command = none.insert(build(scratch, self.name)?);
                match run(command, None)? {
                    Answer::Passed => command,
                    answer => return Err(format!("`{}` fails without any mutant: {answer}", self.name)),
                }
            }
        };
        run(command, Some(mutant))
    }
}

fn run(command: &mut Command, mutant: Option<&str>) -> Result<Answer, String> {
    command.env_remove(VARIABLE).envs(mutant.map(|name| (VARIABLE, name)));
    // A failure is enough: these settings keep proptest from shrinking the case and from storing it.
    command.envs([("PROPTEST_MAX_SHRINK_ITERS", "0"), ("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")]);
    command.env("COGLOOP_SHRINK", "0");
    let (lines, status) = process::listen(command, if mutant.is_some() { LIMIT } else { LIMIT_WITHOUT })?;
    let failed = lines.iter().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let differs = || lines.last().filter(|line| line.ends_with("differ")).map(String::as_str);
    Ok(match (status, failed.or_else(differs)) {
        (Some(status), _) if status.success() => Answer::Passed,
        (_, Some(test)) => Answer::Failed(promise(&lines).unwrap_or(test).to_owned()),
        (Some(status), None) => Answer::Failed(status.to_string()),
        (None, None) => Answer::Hung,
    })
}

/// The broken promise that a simulated world or a model has printed. The promise says more than the name of the test,
/// which runs hundreds of cases.
fn promise(lines: &[String]) -> Option<&str> {
    let panicked = |line: &&String| line.contains("panicked at proptests/");
    let mut lines = lines.iter().skip_while(|line| !panicked(line)).skip(1);
    let said = lines.next()?.trim_start_matches("assertion `left == right` failed: ");
    (!said.starts_with("Test failed")).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_asks_the_tests_of_the_loop_or_the_suite_that_it_names() {
        assert!(is_asked("stories", &[None]) && !is_asked("faces", &[None]));
        assert!(is_asked("faces", &[None, Some("faces")]) && !is_asked("stories", &[Some("faces")]));
        let suite = |name| Suite { name, command: None };
        assert!(suite("c_model").is_for(Some("c_model")) && !suite("c_model").is_for(None));
        let chosen = |asked: &[_]| choose(asked).map(|suites| suites.iter().map(|suite| suite.name).collect());
        assert_eq!(chosen(&[Some("faces"), Some("c_model")]), Ok(vec!["c_model", "faces"]));
        assert_eq!(chosen(&[None, Some("face")]), Err("there is no suite `face` to be asked".to_owned()));
    }
}
