//! Runs other programs. Every error contains the whole command, so that it can be typed again.

use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs a command to its end, with its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    judge(command, status)
}

/// Runs a command to its end and returns its standard output. Its standard error goes to the terminal.
pub(crate) fn capture(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    judge(command, output.status)?;
    String::from_utf8(output.stdout).map_err(|_| format!("`{}` printed text that is not UTF-8", words(command)))
}

/// Runs a command to its end, or kills it after `limit`; on a busy machine the limit is longer (see [`crowding`]).
/// Prints each line of the command's standard output at once. Returns all lines, and an error if the command failed.
pub(crate) fn watch(command: &mut Command, limit: Duration) -> (Vec<String>, Result<(), String>) {
    let (lines, status) = match follow(command, limit, |line| println!("{line}")) {
        Ok(followed) => followed,
        Err(message) => return (Vec::new(), Err(message)),
    };
    match status {
        None => {
            let last = lines.iter().rfind(|line| !line.trim().is_empty()).map_or("", String::as_str);
            let message =
                format!("`{}` did not end within {} s; its last line: {last}", words(command), limit.as_secs());
            (lines, Err(message))
        }
        Some(status) => (lines, judge(command, status)),
    }
}

/// Runs a command to its end, or kills it after `limit`. Prints nothing. Returns all lines of the command's standard
/// output, and its status, or `None` if it was killed.
pub(crate) fn listen(command: &mut Command, limit: Duration) -> Result<(Vec<String>, Option<ExitStatus>), String> {
    follow(command.stderr(Stdio::null()), limit, |_| ())
}

fn follow(
    command: &mut Command,
    limit: Duration,
    each: fn(&String),
) -> Result<(Vec<String>, Option<ExitStatus>), String> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    let output = child.stdout.take().ok_or_else(|| format!("`{}` has no standard output", words(command)))?;
    let reader = thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.inspect(each).collect::<Vec<_>>()
    });
    let status = wait_at_most(&mut child, limit);
    // The reader ends when no process has the pipe open any more.
    Ok((reader.join().unwrap_or_default(), status))
}

/// Whether `PATH` has a program of that name.
pub(crate) fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// The command as a user would type it.
pub(crate) fn words(command: &Command) -> String {
    let mut all = vec![short_name(command)];
    all.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    all.join(" ")
}

/// The status of the process; `None` if it had to be killed.
fn wait_at_most(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut waited = Duration::ZERO;
    let mut last = Instant::now();
    while waited < limit {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(_) => break,
        }
        let now = Instant::now();
        waited += (now - last).div_f64(crowding());
        last = now;
    }
    let processes: Vec<_> = with_descendants(child.id()).iter().map(u32::to_string).collect();
    // A process may have ended meanwhile. Then `kill` fails for it.
    let _ = Command::new("sh").args(["-c", &format!("kill -KILL {}", processes.join(" "))]).status();
    let _ = child.wait();
    None
}

/// The factor by which programs run slower now than on an idle machine: the number of runnable threads for each core,
/// at least 1. A limit is compared with the elapsed time divided by this factor, so a busy machine does not make a test
/// fail.
fn crowding() -> f64 {
    let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    runnable(&loads).map_or(1.0, |runnable| (f64::from(runnable) / cores).max(1.0))
}

/// The number of runnable threads. The fourth field of `/proc/loadavg` is `runnable/all`.
fn runnable(loads: &str) -> Option<u32> {
    loads.split_whitespace().nth(3)?.split_once('/')?.0.parse().ok()
}

/// The process and all its descendants. For example, we wait for `cargo`, but the test program that hangs is a child of
/// `cargo`.
fn with_descendants(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    let mut next = 0;
    while let Some(&parent) = all.get(next) {
        all.extend(processes().filter(|&process| parent_of(process) == Some(parent)));
        next += 1;
    }
    all
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The number of the process's parent. In `/proc/N/stat` it is the second field after the name of the process. The name
/// is in parentheses and may contain any characters.
fn parent_of(process: u32) -> Option<u32> {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    line.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn judge(command: &Command, status: ExitStatus) -> Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", words(command))) }
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    let name = short_name(command);
    if error.kind() == ErrorKind::NotFound {
        return format!(
            "`{name}` is not installed, so `{}` cannot run; `cargo xtask test` installs what it can",
            words(command)
        );
    }
    format!("`{}` cannot be started: {error}", words(command))
}

/// The program without its folder: `cargo` instead of the full path in the toolchain.
fn short_name(command: &Command) -> String {
    let path = std::path::Path::new(command.get_program());
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let message = run(&mut shell("exit 3")).unwrap_err();
        assert!(message.contains("`sh -c exit 3`") && message.contains('3'), "{message}");
    }

    #[test]
    fn a_missing_program_gives_a_message_and_no_panic() {
        let message = run(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        assert!(message.contains("not installed"), "{message}");
        assert!(!exists("no-such-program-anywhere") && exists("sh"));
    }

    #[test]
    fn watching_returns_the_lines_of_a_failed_program_too() {
        let (lines, verdict) = watch(&mut shell("echo one; echo two; exit 1"), Duration::from_secs(60));
        assert_eq!(lines, ["one", "two"]);
        assert!(verdict.is_err());
    }

    #[test]
    fn the_runnable_threads_are_read_and_the_crowding_is_at_least_1() {
        assert_eq!(runnable("9.10 4.20 1.00 18/345 6789\n"), Some(18));
        assert_eq!(runnable(""), None);
        assert!(crowding() >= 1.0);
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children_and_its_lines_are_kept() {
        // On a busy machine the shell may not have begun after a second.
        let with_limit = |seconds| watch(&mut shell("echo one; sleep 1000; echo two"), Duration::from_secs(seconds));
        let mut watched = [1, 4, 16, 64, 256].into_iter().map(with_limit);
        let (lines, verdict) = watched.find(|(lines, _)| !lines.is_empty()).unwrap();
        assert_eq!(lines, ["one"]);
        let message = verdict.unwrap_err();
        assert!(message.contains("did not end") && message.contains("one"), "{message}");
    }
}
