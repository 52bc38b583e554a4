//! Runs one script in a process of its own, and reports how it ended or why it was killed.
//!
//! A process that prints nothing and does not use the processor is blocked. A process that uses the processor for long
//! without printing spins. Only the process's own processor time counts, so a process that waits for a busy processor
//! neither spins nor is blocked.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// The processor time that one program may use.
const SPINS_AFTER: Duration = Duration::from_secs(20);

/// The time after which a program that uses no CPU time counts as blocked.
const BLOCKED_AFTER: Duration = Duration::from_secs(30);

/// The length of the wait before a program counts as hanging.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// For a program that is known to hang.
    Short,
    Normal,
    /// For a program under valgrind, which is fifty times slower.
    Long,
}

impl Patience {
    fn limits(self) -> (Duration, Duration) {
        match self {
            Self::Short => (SPINS_AFTER / 10, BLOCKED_AFTER / 40),
            Self::Normal => (SPINS_AFTER, BLOCKED_AFTER),
            Self::Long => (SPINS_AFTER * 10, BLOCKED_AFTER * 10),
        }
    }
}

/// The output of a script.
#[derive(Default, Clone, Debug)]
pub(crate) struct Log {
    /// The number of the running program, from 1; 0 before the first.
    pub(crate) program: usize,
    pub(crate) programs_ended: usize,
    pub(crate) operations: u64,
    pub(crate) done: bool,
    pub(crate) panic: Option<String>,
    /// The last lines of other output.
    pub(crate) rest: Vec<String>,
}

/// The end of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Well,
    Signal(i32),
    /// An exit status above 1, such as valgrind's or that of an abort in a shell; or any status of a script that ended
    /// too early.
    Status(i32),
    Panic(String),
    Blocked,
    Spins,
}

impl End {
    /// Whether two ends are of the same kind, so that a shorter script can replace a longer one.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Well => write!(f, "ended well"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::Status(status) => write!(f, "ended with status {status}"),
            Self::Panic(text) => write!(f, "a panic was caught: {text}"),
            Self::Blocked => write!(f, "sleeps for ever"),
            Self::Spins => write!(f, "spins for ever"),
        }
    }
}

/// Runs `command` with the script, which is first written to `path`.
pub(crate) fn run(mut command: Command, path: &Path, text: &str, patience: Patience) -> Result<(End, Log), String> {
    let path: PathBuf = path.into();
    std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    command.arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let output = child.stderr.take().ok_or("no standard error")?;
    let log = Arc::new(Mutex::new(Log::default()));
    let reader = {
        let log = Arc::clone(&log);
        thread::spawn(move || {
            // A line may contain any bytes.
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                note(&mut lock(&log), &String::from_utf8_lossy(&line));
            }
        })
    };
    let ended = watch(&mut child, &log, patience);
    // A grandchild may keep the pipe open, so the reader is joined only if the process ended by itself.
    if ended.is_ok() {
        let _ = reader.join();
    }
    let log = lock(&log).clone();
    let end = match (ended, &log.panic) {
        (Err(end), _) => end,
        (Ok(_), Some(story)) => End::Panic(story.clone()),
        (Ok(status), None) => judge(status, &log),
    };
    Ok((end, log))
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn note(log: &mut Log, line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    match words[..] {
        ["@@", "begin", number] => log.program = number.parse().unwrap_or(0),
        ["@@", "end", _, operations] => {
            log.programs_ended += 1;
            log.operations += operations.parse::<u64>().unwrap_or(0);
        }
        ["@@", "done", _] => log.done = true,
        ["@@", "panic", ..] => log.panic = Some(words[2..].join(" ")),
        _ => {
            log.rest.push(line.to_owned());
            if log.rest.len() > 40 {
                log.rest.remove(0);
            }
        }
    }
}

/// The words with which 5.2 and 5.3 report an error of a finalizer. These versions raise the error wherever the
/// collector runs. Without a protected call the error ends the script.
const FINALIZER_RAISED: &str = "error in __gc metamethod";

/// A script ends with the status 0, or with 1 after an error. Both count as success if the script has printed its last
/// line. The status 1 also counts as success if a finalizer has raised.
fn judge(status: ExitStatus, log: &Log) -> End {
    let early = log.rest.iter().any(|line| line.contains(FINALIZER_RAISED));
    match (status.signal(), status.code()) {
        (Some(signal), _) => End::Signal(signal),
        (None, Some(0 | 1)) if log.done => End::Well,
        (None, Some(1)) if early => End::Well,
        (None, code) => End::Status(code.unwrap_or(-1)),
    }
}

/// Waits until the process ends, and kills it if it hangs.
fn watch(child: &mut Child, log: &Mutex<Log>, patience: Patience) -> Result<ExitStatus, End> {
    let (spins_after, blocked_after) = patience.limits();
    let mut at = (0, 0);
    let (mut since, mut cpu_then, mut cpu_last) = (Instant::now(), Duration::ZERO, Duration::ZERO);
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Ok(status);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
        let now = {
            let log = lock(log);
            (log.program, log.programs_ended)
        };
        let cpu = cpu_time(child.id()).unwrap_or(cpu_last);
        if now != at {
            (at, since, cpu_then, cpu_last) = (now, Instant::now(), cpu, cpu);
            continue;
        }
        let hang = if cpu.saturating_sub(cpu_then) > spins_after {
            End::Spins
        } else if cpu == cpu_last && is_asleep(child.id()) {
            if since.elapsed() < blocked_after {
                continue;
            }
            End::Blocked
        } else {
            (since, cpu_last) = (Instant::now(), cpu);
            continue;
        };
        let _ = child.kill();
        let _ = child.wait();
        return Err(hang);
    }
}

/// The fields of `/proc/N/stat` after the name, which may contain any characters. The first is the state.
fn stat(process: u32) -> Option<Vec<String>> {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    Some(line.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// The CPU time of the process, in its own code and in the kernel. The unit is a hundredth of a second on every Linux.
fn cpu_time(process: u32) -> Option<Duration> {
    let stat = stat(process)?;
    let ticks = stat.get(11)?.parse::<u64>().ok()? + stat.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

fn is_asleep(process: u32) -> bool {
    stat(process).is_some_and(|stat| stat.first().is_some_and(|state| state == "S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_script_are_parsed_and_others_are_kept() {
        let mut log = Log::default();
        for line in ["@@ begin 3", "lua: no", "@@ end 3 17", "@@ panic internal error: x", "@@ done 17"] {
            note(&mut log, line);
        }
        assert_eq!((log.program, log.programs_ended, log.operations, log.done), (3, 1, 17, true));
        assert_eq!((log.panic.as_deref(), &log.rest[..]), (Some("internal error: x"), &["lua: no".to_owned()][..]));
    }

    #[test]
    fn a_run_that_ends_before_its_last_line_has_failed() {
        let status = |code: i32| ExitStatus::from_raw(code << 8);
        let done = Log { done: true, ..Log::default() };
        let early = Log { rest: vec![format!("lua5.3: {FINALIZER_RAISED} (x)")], ..Log::default() };
        assert_eq!(judge(status(0), &done), End::Well);
        assert_eq!(judge(status(1), &done), End::Well, "an error is one of the ways to end");
        assert_eq!(judge(status(1), &Log::default()), End::Status(1));
        assert_eq!(judge(status(1), &early), End::Well);
        assert_eq!(judge(status(99), &done), End::Status(99));
        assert_eq!(judge(ExitStatus::from_raw(11), &done), End::Signal(11));
    }
}
