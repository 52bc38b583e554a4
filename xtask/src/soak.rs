//! `cargo xtask soak`: runs tests that have no end, one after the other, each for its share of the time.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::border::{Tally, Target};
use crate::faces::{self, Compared};
use crate::project::Project;
use crate::test::interpreters::Interpreter;
use crate::test::limits;
use crate::{built, load, process};

const USAGE: &str = "\
usage: cargo xtask soak [--minutes N] [--programs N] [--only NAME]… [--seed S] | --case SEED
  --minutes N   the time for all tests together, 5 by default
  --programs N  the number of programs of the border's fuzzer on each Lua, instead of a time
  --only NAME   only this test, or the group `border`, `faces`, `load`, `models` or `tasks`; --list shows the names
  --seed S      repeats a run; it is also the seed of the border's first program
  --case SEED   runs one case of the wheel's model";

struct Options {
    minutes: f64,
    programs: Option<u64>,
    only: Vec<String>,
    seed: u64,
}

/// A test that can be soaked.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Entry {
    /// The wheel and its model.
    Wheel,
    /// The Lua modules and their models.
    Faces { interpreter: String },
    /// A test of `cogloop-proptests` that runs for `COGLOOP_SOAK_SECONDS`, begins with `COGLOOP_SEED`, and ends with a
    /// line such as `3 programs, 120 operations`.
    Model { test: &'static str },
    /// The border's fuzzer on a Lua, with or without valgrind.
    Border { interpreter: String, valgrind: bool },
    /// Scripts on Lua 5.4 that grow until memory runs out, each with fifty different limits. All limits are tried, even
    /// if that takes longer than the entry's share of the time.
    Limits,
    /// A server in Lua with a million timers and 6,000 connections.
    Load { backend: &'static str },
    /// 500 tasks on sockets with time limits, on the real clock and under load. A task may time out only if its time
    /// has passed and its answer cannot be read yet.
    Tasks { backend: &'static str },
}

/// The tests that compare the Rust crate and the C library with models.
const MODELS: &[&str] = &["rust_model", "c_model"];

/// The Luas whose entries `Faces` also belong to the group `models`, one for each kind of interpreter.
const MODELS_LUAS: [&str; 2] = ["lua5.4", "luajit"];

/// The time that a model's test may take beyond its share.
const GRACE: Duration = Duration::from_secs(300);

impl Entry {
    fn all() -> Vec<Self> {
        let border = |interpreter: String| Self::Border { interpreter, valgrind: false };
        let mut all = vec![Self::Wheel];
        all.extend(MODELS.iter().map(|&test| Self::Model { test }));
        all.extend(Interpreter::names().map(|interpreter| Self::Faces { interpreter }));
        all.extend(Interpreter::names().map(border));
        all.push(Self::Border { interpreter: "lua5.4".into(), valgrind: true });
        all.push(Self::Limits);
        all.extend(load::BACKENDS.iter().map(|backend| Self::Load { backend }));
        all.extend(load::BACKENDS.iter().map(|backend| Self::Tasks { backend }));
        all
    }

    fn name(&self) -> String {
        match self {
            Self::Wheel => "wheel".into(),
            Self::Model { test } => test.replace('_', "-"),
            Self::Faces { interpreter } => format!("faces-{}", interpreter.replace(' ', "-")),
            Self::Border { interpreter, valgrind } => {
                format!("border-{}{}", interpreter.replace(' ', "-"), if *valgrind { "-valgrind" } else { "" })
            }
            Self::Limits => "limits".into(),
            Self::Load { backend } => format!("load-{backend}"),
            Self::Tasks { backend } => format!("tasks-{backend}"),
        }
    }
}

impl Entry {
    /// Whether `only` is the entry's name or the name of its group.
    fn is_meant(&self, only: &str) -> bool {
        self.name() == only
            || only == "border" && matches!(self, Self::Border { .. })
            || only == "faces" && matches!(self, Self::Faces { .. })
            || only == "load" && matches!(self, Self::Load { .. })
            || only == "tasks" && matches!(self, Self::Tasks { .. })
            || only == "models" && self.is_a_model()
    }

    fn is_a_model(&self) -> bool {
        match self {
            Self::Model { .. } => true,
            Self::Faces { interpreter } => MODELS_LUAS.contains(&interpreter.as_str()),
            _ => false,
        }
    }
}

/// The result of an entry.
struct EntryResult {
    line: String,
    compared: Compared,
}

impl From<String> for EntryResult {
    fn from(line: String) -> Self {
        Self { line, compared: Compared::default() }
    }
}

impl From<Compared> for EntryResult {
    fn from(compared: Compared) -> Self {
        Self { line: compared.to_string(), compared }
    }
}

pub(crate) fn command(project: &Project, arguments: &[&str]) -> Result<(), String> {
    if arguments == ["--list"] {
        Entry::all().iter().for_each(|entry| println!("{}", entry.name()));
        return Ok(());
    }
    if let ["--case", ..] = arguments {
        return wheel(project, arguments);
    }
    let options = parse(arguments)?;
    let entries: Vec<_> = Entry::all()
        .into_iter()
        .filter(|entry| options.only.is_empty() || options.only.iter().any(|only| entry.is_meant(only)))
        .collect();
    if entries.is_empty() {
        return Err(format!(
            "there is no `{}`; `cargo xtask soak --list` shows the names",
            options.only.join("` and `")
        ));
    }
    println!("soak: {} minutes, seed {}", options.minutes, options.seed);
    let share = Duration::try_from_secs_f64(options.minutes * 60.0 / entries.len() as f64).unwrap_or(Duration::MAX);
    let mut lines = Vec::new();
    let (mut failed, mut sum) = (Vec::new(), Compared::default());
    for entry in entries {
        let line = match soak(project, &entry, &options, share) {
            Ok(result) => {
                sum += result.compared;
                result.line
            }
            Err(message) => {
                failed.push(entry.name());
                message
            }
        };
        println!("{}: {line}", entry.name());
        lines.push(format!("{:24} {line}", entry.name()));
    }
    println!("\n{}", lines.join("\n"));
    if sum != Compared::default() {
        println!("{:24} {sum}", "sum of all comparisons");
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn parse(arguments: &[&str]) -> Result<Options, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut options = Options { minutes: 5.0, programs: None, only: Vec::new(), seed: now.as_secs() };
    for pair in arguments.chunks(2) {
        let wrong = || format!("`{}` is not understood\n{USAGE}", pair.join(" "));
        let [name, value] = pair else { return Err(wrong()) };
        match *name {
            "--minutes" => options.minutes = value.parse().ok().filter(|&minutes| minutes > 0.0).ok_or_else(wrong)?,
            "--programs" => options.programs = Some(value.parse().map_err(|_| wrong())?),
            "--seed" => options.seed = value.parse().map_err(|_| wrong())?,
            "--only" => options.only.push((*value).to_owned()),
            _ => return Err(wrong()),
        }
    }
    Ok(options)
}

/// Runs an entry for its share of the time. Returns an error if a test failed.
fn soak(project: &Project, entry: &Entry, options: &Options, share: Duration) -> Result<EntryResult, String> {
    match entry {
        Entry::Wheel => {
            let minutes = (share.as_secs_f64() / 60.0).to_string();
            wheel(project, &["--minutes", &minutes, "--seed", &options.seed.to_string()])?;
            Ok(String::from("no difference").into())
        }
        Entry::Model { test } => Ok(model(project, test, share, options.seed)?.into()),
        Entry::Faces { interpreter } => {
            Ok(faces::soak(project, &Interpreter::named(project, interpreter)?, share, options.seed)?.into())
        }
        Entry::Limits => Ok(limits::all(project, &Interpreter::named(project, "lua5.4")?)?.into()),
        Entry::Load { backend } => Ok(load::soak(project, backend, share)?.into()),
        Entry::Tasks { backend } => Ok(load::tasks(project, backend, share)?.into()),
        Entry::Border { interpreter, valgrind } => {
            let interpreter = Interpreter::named(project, interpreter)?;
            let target = Target { project, interpreter, valgrind: *valgrind };
            let tally = border(&target, options, share)?;
            if tally.crashes.is_empty() { Ok(tally.to_string().into()) } else { Err(tally.to_string()) }
        }
    }
}

fn border(target: &Target<'_>, options: &Options, share: Duration) -> Result<Tally, String> {
    let start = Instant::now();
    let bar = std::io::stdout().is_terminal();
    let mut seeds = options.seed..;
    let mut some;
    let seeds: &mut dyn Iterator<Item = u64> = match options.programs {
        None => &mut seeds,
        Some(programs) => {
            some = seeds.take(usize::try_from(programs).unwrap_or(usize::MAX));
            &mut some
        }
    };
    let tally = target.fuzz(seeds, &mut |tally| {
        if bar {
            print!("\r{:4} s  {}: {tally} ", start.elapsed().as_secs(), target.name());
            let _ = std::io::stdout().flush();
        }
        options.programs.is_some() || start.elapsed() < share
    });
    if bar {
        println!();
    }
    tally
}

/// Runs the program of a test for the given time.
fn model(project: &Project, test: &str, share: Duration, seed: u64) -> Result<Compared, String> {
    let built =
        built::build(&mut project.cargo(&["test", "--no-run", "--package", "cogloop-proptests", "--test", test]))?;
    let mut program = project.program(built::program(&built, test)?);
    let seconds = share.as_secs().max(1).to_string();
    program.arg("--nocapture").env("COGLOOP_SOAK_SECONDS", seconds).env("COGLOOP_SEED", seed.to_string());
    let (lines, verdict) = process::watch(&mut program, share.saturating_add(GRACE));
    verdict?;
    let closing = lines.iter().rev().find_map(|line| Compared::of(line));
    closing.ok_or_else(|| format!("{test} printed no last line with its counts"))
}

/// Runs the wheel against its model. The program is built in the profile of the tests, which detects overflow.
fn wheel(project: &Project, arguments: &[&str]) -> Result<(), String> {
    let mut cargo = project.cargo(&["run", "--quiet", "-p", "cogloop-proptests", "--example", "soak", "--"]);
    process::run(cargo.args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_parsed_or_an_error_names_them() {
        let options = parse(&["--only", "border", "--programs", "5", "--seed", "7", "--minutes", "0.5"]).unwrap();
        assert_eq!((options.programs, options.seed, options.only.len()), (Some(5), 7, 1));
        for wrong in [&["--minutes", "0"][..], &["--seed"], &["--speed", "1"]] {
            assert!(parse(wrong).is_err_and(|message| message.contains(wrong[0])), "{wrong:?}");
        }
    }

    #[test]
    fn a_group_has_all_entries_of_its_kind_and_names_are_unique() {
        let all = Entry::all();
        let border = all.iter().filter(|entry| entry.is_meant("border")).count();
        assert_eq!(border, Interpreter::names().count() + 1, "each Lua, and one under valgrind");
        let models = all.iter().filter(|entry| entry.is_meant("models")).count();
        assert_eq!(models, MODELS.len() + MODELS_LUAS.len(), "Rust, C, and Lua on two interpreters");
        let names: std::collections::BTreeSet<_> = all.iter().map(Entry::name).collect();
        assert_eq!(names.len(), all.len());
    }
}
