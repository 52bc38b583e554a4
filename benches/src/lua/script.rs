//! One process of `benches/lua`: starts it, reads its output, and kills it if it hangs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::workload::{Sample, Script};

/// The longest time that a process may take. Every process needs far less.
const LIMIT: Duration = Duration::from_secs(120);

impl Script<'_> {
    pub(super) fn start(&self) -> Result<Running, String> {
        let modules = self.interpreter.modules.display();
        let mut command = Command::new(&self.interpreter.program);
        command.current_dir(self.scripts).arg(self.workload.script).arg(self.file).args(&self.workload.arguments);
        command.env("LUA_PATH", format!("./?.lua;{modules}/?.lua;;")).env("LUA_CPATH", format!("{modules}/?.so;;"));
        match self.backend {
            Some(backend) => command.env("COGLOOP_BACKEND", backend),
            None => command.env_remove("COGLOOP_BACKEND"),
        };
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", self.interpreter.program))?;
        let output = child.stdout.take().ok_or("no standard output")?;
        Ok(Running { child, lines: BufReader::new(output) })
    }
}

/// Starts a process, and waits for its results.
pub(super) fn run(script: &Script<'_>) -> Result<Sample, String> {
    script.start()?.finish()
}

/// A process that has not ended yet. Dropping this value kills the process.
pub(super) struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    /// Reads the next line that the process prints: a name and a value.
    pub(super) fn line(&mut self) -> Result<(String, f64), String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).map_err(|error| error.to_string())?;
        figure(&line).unwrap_or_else(|| {
            Err(format!("the line `{}` has no figure; standard error: {}", line.trim(), self.complaint()))
        })
    }

    /// Waits for the end of the process, and returns all results that it has printed.
    pub(super) fn finish(mut self) -> Result<Sample, String> {
        self.wait()?;
        let mut figures = Vec::new();
        for line in (&mut self.lines).lines().map_while(Result::ok) {
            figures.extend(figure(&line).transpose()?);
        }
        if figures.is_empty() {
            Err(format!("it has printed no result; standard error: {}", self.complaint()))
        } else {
            Ok(figures)
        }
    }

    /// Waits until the process ends. The process prints so little that the pipe never blocks it.
    fn wait(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while self.child.try_wait().map_err(|error| error.to_string())?.is_none() {
            if start.elapsed() > LIMIT {
                return Err(format!("it has not ended within {} s", LIMIT.as_secs()));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Kills the process, and returns the first line of its standard error.
    fn complaint(&mut self) -> String {
        let _ = self.child.kill();
        let error = self.child.stderr.take().map(BufReader::new);
        let first = error.and_then(|error| error.lines().map_while(Result::ok).next());
        first.unwrap_or_else(|| "empty".to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Usually the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Parses a line `name value`. A line `missing REASON` becomes an error with the reason. Any other line becomes
/// `None`.
fn figure(line: &str) -> Option<Result<(String, f64), String>> {
    let (name, value) = line.trim().split_once(char::is_whitespace)?;
    match (name, value.trim().parse()) {
        ("missing", _) => Some(Err(value.to_owned())),
        (_, Ok(value)) => Some(Ok((name.to_owned(), value))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_name_and_a_number_is_a_result() {
        assert_eq!(figure("add\t862.75\n"), Some(Ok(("add".to_owned(), 862.75))));
        assert_eq!(figure("bytes 1e3"), Some(Ok(("bytes".to_owned(), 1000.0))));
        assert_eq!(figure("missing it is not installed"), Some(Err("it is not installed".to_owned())));
        assert_eq!(figure("luv: a warning"), None);
        assert_eq!(figure(""), None);
    }
}
