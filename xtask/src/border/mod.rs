//! Fuzzes the border between Lua and Rust. Random programs call all functions and methods of the modules `cogloop`,
//! `t.Loop`, `t.Net` and `luamockit` with hostile values, on each Lua. A program may do anything, but it must not end
//! the process by a signal, cause a panic, or hang.
//!
//! ```text
//!   seed ─► generate ─► program ─► script ─► run: a process for a hundred programs
//!             ▲  values, surface     prelude    │ ended badly
//!             └──────── shrink ◄────────────────┘ a shorter script, for a person to run
//! ```
//!
//! A program is Lua text that is generated here, so every Lua runs the same program. A shorter program is the same text
//! without some of its statements. `faults.rs` describes the faults of the interpreters themselves, and the prelude
//! keeps programs from triggering them.

mod dice;
mod faults;
mod generate;
mod hostile;
mod program;
mod run;
mod script;
mod shrink;
mod surface;
mod values;

pub(crate) use faults::check as check_faults;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::project::Project;
use crate::test::interpreters::Interpreter;
use crate::test::valgrind::VALGRIND;
use run::{End, Log, Patience};
use script::Script;

/// The number of programs in one process. Under valgrind it is a quarter of this number.
const BATCH: u64 = 100;

/// The number of failures that are shrunk.
const SHRUNK_MAX: usize = 3;
/// After this number of failures no further batch of programs is run.
const FAILURES_MAX: usize = 10;

/// Shrinking stops after this time and keeps the shortest script that it has found.
const SHRINK_FOR: Duration = Duration::from_secs(60);

/// The limit of a process's address space in kilobytes, so that a program cannot use up the machine's memory.
const MEMORY_MAX_KB: u32 = 4_000_000;

/// The interpreter and the settings with which the programs run.
pub(crate) struct Target<'a> {
    pub(crate) project: &'a Project,
    pub(crate) interpreter: Interpreter,
    pub(crate) valgrind: bool,
}

/// The results of the programs.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) programs: u64,
    pub(crate) operations: u64,
    /// A description of each crash, with the path of its script.
    pub(crate) crashes: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.programs += other.programs;
        self.operations += other.operations;
        self.crashes.extend(other.crashes);
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} programs, {} operations, {} crashes", self.programs, self.operations, self.crashes.len())
    }
}

/// The number of script files so far. It is part of each file's name, so that two runs at the same time do not use the
/// same file.
static FILES: AtomicU64 = AtomicU64::new(0);

impl Target<'_> {
    pub(crate) fn name(&self) -> String {
        if self.valgrind { format!("{} under valgrind", self.interpreter.name) } else { self.interpreter.name.clone() }
    }

    /// Runs the programs with these seeds. Before each batch it passes the results so far to `go_on`, which decides
    /// whether to continue.
    pub(crate) fn fuzz(
        &self,
        seeds: &mut dyn Iterator<Item = u64>,
        go_on: &mut dyn FnMut(&Tally) -> bool,
    ) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let size = if self.valgrind { BATCH / 4 } else { BATCH };
        let mut number = 0;
        while tally.crashes.len() < FAILURES_MAX && go_on(&tally) {
            let batch: Vec<u64> = seeds.take(size as usize).collect();
            if batch.is_empty() {
                break;
            }
            self.batch(&batch, number, &mut tally)?;
            number += 1;
        }
        Ok(tally)
    }

    /// Runs the programs in one process. If the process ends early, a new one runs the programs that are left.
    fn batch(&self, mut seeds: &[u64], number: usize, tally: &mut Tally) -> Result<(), String> {
        let backends = self.interpreter.backends;
        // Valgrind does not know all system calls of the other backends.
        let backend = if self.valgrind { "select" } else { backends[number % backends.len()] };
        while !seeds.is_empty() {
            let script = Script::new(seeds.iter().copied());
            let (end, log) = self.run(&script, backend, self.patience())?;
            tally.programs += log.programs_ended as u64;
            tally.operations += log.operations;
            if end == End::Well && log.done {
                return Ok(());
            }
            let failed = if log.done { seeds.len() } else { log.program.clamp(1, seeds.len()) };
            tally.programs += (failed as u64).saturating_sub(log.programs_ended as u64);
            if end == End::Well {
                seeds = &seeds[failed..];
                continue;
            }
            let story =
                self.describe(&seeds[..failed], &script, backend, &end, &log, tally.crashes.len() < SHRUNK_MAX)?;
            println!("{story}");
            tally.crashes.push(story);
            seeds = &seeds[failed..];
        }
        Ok(())
    }

    fn run(&self, script: &Script, backend: &str, patience: Patience) -> Result<(End, Log), String> {
        let path = self.folder()?.join(format!("{}-{}.lua", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed)));
        // A program may write files, such as a trace, under any name. So each process runs in a folder of its own.
        let scratch = path.with_extension("files");
        std::fs::create_dir_all(&scratch).map_err(|error| format!("cannot make {}: {error}", scratch.display()))?;
        let mut command = self.command(backend);
        command.current_dir(&scratch);
        let result = run::run(command, &path, &script.text(), patience);
        let _ = std::fs::remove_dir_all(scratch);
        let _ = std::fs::remove_file(path);
        result
    }

    fn patience(&self) -> Patience {
        if self.valgrind { Patience::Long } else { Patience::Normal }
    }

    fn command(&self, backend: &str) -> Command {
        let plain = self.interpreter.command(self.project, backend);
        let mut command = if self.valgrind {
            let mut command = self.project.program("valgrind");
            command.args(VALGRIND);
            command
        } else {
            let mut command = self.project.program("sh");
            command.args(["-c", &format!("ulimit -v {MEMORY_MAX_KB}; exec \"$0\" \"$@\"")]);
            command
        };
        command.arg(plain.get_program());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    fn folder(&self) -> Result<PathBuf, String> {
        let folder = self.project.target.join("border");
        std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        Ok(folder)
    }

    /// Describes a failure, and writes a script for a person to run. If `shrink` is set and the failure happens again,
    /// the script is shortened first.
    fn describe(
        &self,
        seeds: &[u64],
        whole: &Script,
        backend: &str,
        end: &End,
        log: &Log,
        shrink: bool,
    ) -> Result<String, String> {
        let mut script = Script::new(seeds.iter().copied());
        script.end = if log.done { whole.end } else { 1 };
        let mut note = "not shrunk".to_owned();
        if shrink {
            let hangs = matches!(end, End::Blocked | End::Spins);
            let patience = if hangs && !self.valgrind { Patience::Short } else { self.patience() };
            let start = Instant::now();
            let mut fails = |script: &Script| {
                let in_time = start.elapsed() < SHRINK_FOR;
                in_time && self.run(script, backend, patience).is_ok_and(|(other, _)| end.is_like(&other))
            };
            if fails(&script) {
                script = shrink::shortest(script, &mut fails);
                note = format!("shrunk to {} programs", script.members.len());
            } else {
                note = "did not happen again".into();
            }
        }
        let name = self.name().replace(' ', "-");
        let last = seeds.last().copied().unwrap_or_default();
        let path = self.folder()?.join(format!("crash-{name}-{backend}-{last}.lua"));
        let story = format!("{} on {backend}: {end}, seed {last}, {note}", self.name());
        let text = format!("-- {story}\n{}", script.text());
        std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let rest = log.rest.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join("\n    ");
        Ok(format!("{story}\n    {}\n    {rest}", path.display()))
    }
}
