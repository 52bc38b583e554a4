//! Runs several steps at a time. Each step has a process of its own. Its output goes to a file, and is printed as a
//! whole when the step has ended.
//!
//! ```text
//!   queue: rust miri lua …  ──► lane 1: `xtask test rust` ──► target/steps/rust.log ──► the terminal
//!                           └─► lane 2: `xtask test miri` ──► target/steps/miri.log ──► the terminal
//! ```
//!
//! Many steps wait most of the time, or use only one core. So the default number of lanes is the number of cores plus
//! one, but at most four.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::step::{FAILED, Step, StepResult};
use super::summary::Report;
use crate::project::Project;

/// A step that is running.
struct Running {
    step: &'static Step,
    process: Child,
    log: PathBuf,
    start: Instant,
}

/// The default number of steps that run at the same time.
pub(super) fn default_lanes() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() + 1).min(4))
}

/// Runs the steps in the order given, as many at once as there are lanes, with these environment variables. Reports each
/// step when it ends.
pub(super) fn run(
    project: &Project,
    steps: Vec<&'static Step>,
    lanes: usize,
    env: &[(&str, OsString)],
    report: &mut Report,
) -> Result<(), String> {
    let folder = project.target.join("steps");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let all = steps.len();
    let mut queue = VecDeque::from(steps);
    let mut running: Vec<Running> = Vec::new();
    let mut ended = 0;
    while !(queue.is_empty() && running.is_empty()) {
        while running.len() < lanes
            && let Some(step) = queue.pop_front()
        {
            running.push(Running::start(step, folder.join(format!("{}.log", step.name)), env)?);
        }
        show_progress(&running, ended, all);
        thread::sleep(Duration::from_millis(100));
        let mut position = 0;
        while position < running.len() {
            if running[position].has_ended() {
                clear_progress();
                running.swap_remove(position).finish(report);
                ended += 1;
            } else {
                position += 1;
            }
        }
    }
    Ok(())
}

impl Running {
    fn start(step: &'static Step, log: PathBuf, env: &[(&str, OsString)]) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("{}: {error}", log.display());
        let output = File::create(&log).map_err(said)?;
        let errors = output.try_clone().map_err(said)?;
        let program = std::env::current_exe().map_err(|error| format!("the path of this program: {error}"))?;
        let mut command = Command::new(program);
        command
            .args(["test", step.name])
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let process = command.spawn().map_err(|error| format!("the step {} cannot be started: {error}", step.name))?;
        if !std::io::stdout().is_terminal() {
            println!("... {}", step.name);
        }
        Ok(Self { step, process, log, start: Instant::now() })
    }

    /// If the state of the process cannot be read, this also counts as an end. Then `finish` finds no result in the log
    /// and reports that.
    fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Prints the output of the step, and reports its verdict.
    fn finish(self, report: &mut Report) {
        let text = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let (said, outcome) = split(self.step.name, &text);
        println!("{}", said.trim_end());
        report.add(self.step.name, self.start.elapsed(), outcome);
    }
}

/// Splits the output of a step into the text before its table and the result in the table's one row.
fn split<'a>(name: &str, text: &'a str) -> (&'a str, StepResult) {
    let Some((said, table)) = text.rsplit_once(Report::HEADING) else {
        return (text, Err("it ended without a verdict".to_owned()));
    };
    let row = table.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let mut words = row.trim_start().splitn(2, ' ');
    let (word, rest) = (words.next(), words.next().unwrap_or_default().trim_start());
    // The first word is the number of seconds. It is not used, because this process measures the time itself.
    let note = rest.split_once(' ').map_or("", |(_, note)| note.trim_start()).to_owned();
    if word == Some("ok") {
        return (said, Ok(note));
    }
    // The row has only the first line of the message.
    let (before, message) = said.rsplit_once(FAILED).unwrap_or((said, &note));
    (said, Err([&[message.trim_end()], &failed_tests(before)[..]].concat().join("\n")))
}

/// The lines with which test programs report failed tests, and the line after each panic, which is its message. A
/// property test panics again and again while it shrinks its input; equal lines are left out. The number of lines is
/// limited, so that the end of a long run stays readable.
fn failed_tests(said: &str) -> Vec<&str> {
    const MOST: usize = 12;
    let mut found: Vec<&str> = Vec::new();
    let mut lines = said.lines().peekable();
    while let Some(line) = lines.next() {
        let is_panic = line.contains(" panicked at ");
        if is_panic || line.starts_with("FAILED") || line.ends_with("FAILED") {
            let message = if is_panic { lines.peek().copied() } else { None };
            let new = [Some(line), message].into_iter().flatten().filter(|line| !found.contains(line));
            found.extend(new.collect::<Vec<_>>());
        }
    }
    found.truncate(MOST);
    found
}

fn show_progress(running: &[Running], ended: usize, all: usize) {
    let mut output = std::io::stdout();
    if output.is_terminal() {
        let names = running.iter().map(|each| format!("{} {} s", each.step.name, each.start.elapsed().as_secs()));
        let names = names.collect::<Vec<_>>().join(", ");
        // The steps go on even if the terminal is closed.
        let _ = write!(output, "\r\x1b[K[{}{}] {ended} of {all}: {names}", "#".repeat(ended), ".".repeat(all - ended));
        let _ = output.flush();
    }
}

fn clear_progress() {
    if std::io::stdout().is_terminal() {
        print!("\r\x1b[K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(name: &'static str, outcome: StepResult) -> StepResult {
        let mut report = Report::default();
        report.add(name, Duration::from_millis(1234), outcome);
        let text = format!("\n=== {name}\nline\n\n{report}");
        let (said, outcome) = split(name, &text);
        assert_eq!(said.trim(), format!("=== {name}\nline"));
        outcome
    }

    #[test]
    fn a_verdict_is_read_from_the_table_as_it_was_written() {
        assert_eq!(there_and_back("rust", Ok("3 passed, 0 failed".into())), Ok("3 passed, 0 failed".into()));
        assert_eq!(there_and_back("c-threads", Ok(String::new())), Ok(String::new()));
        assert_eq!(there_and_back("lua", Err("no lua5.4\nmore".into())), Err("no lua5.4".into()));
    }

    #[test]
    fn a_failure_is_read_as_a_whole_with_the_failed_tests() {
        let text = format!(
            "\n=== lua\nFAILED  a story\n3 passed, 1 failed\n{FAILED}a.lua: exit 1\nb.lua: exit 2\n\n{}lua        FAILED      2.0  a.lua: exit 1\n",
            Report::HEADING
        );
        assert_eq!(split("lua", &text).1, Err("a.lua: exit 1\nb.lua: exit 2\nFAILED  a story".into()));
    }

    #[test]
    fn a_panic_is_read_with_its_message_and_once() {
        let panic = "thread 'a' (1) panicked at a.rs:1:2:\nit is 3\nnote: run with\n";
        let said = format!("test a ... FAILED\n{panic}{panic}test b ... ok\n");
        let found = ["test a ... FAILED", "thread 'a' (1) panicked at a.rs:1:2:", "it is 3"];
        assert_eq!(failed_tests(&said), found);
    }

    #[test]
    fn a_step_that_was_killed_has_failed() {
        assert!(split("rust", "half a line").1.is_err());
    }
}
