//! Runs the examples unchanged and checks their output.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::interpreters::Interpreter;
use super::rust_examples;
use super::step::StepResult;
use crate::lua::VERSIONS;
use crate::process;
use crate::project::Project;

const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn run(project: &Project) -> StepResult {
    for interpreter in Interpreter::all(project)? {
        // One backend is enough: the Lua suite shows that all backends behave in the same way.
        let backend = interpreter.backends[0];
        println!("--- {} on {backend}", interpreter.name);
        hello(project, &interpreter, backend)?;
        tail(project, &interpreter, backend)?;
        echo(project, &interpreter, backend)?;
        daemon(project, &interpreter, backend)?;
        tls(project, &interpreter, backend)?;
    }
    rust_examples::run(project)
}

fn hello(project: &Project, interpreter: &Interpreter, backend: &str) -> Result<(), String> {
    let (lines, verdict) = process::watch(interpreter.command(project, backend).arg("examples/hello.lua"), LIMIT);
    verdict?;
    let shows = |what: &str| lines.iter().any(|line| line.contains(what));
    for (what, wanted) in
        [("one-shot", true), ("tick 8 of 8", true), ("hello from a child", true), ("EARLY", false), ("must not", false)]
    {
        if shows(what) != wanted {
            let verb = if wanted { "does not show" } else { "shows" };
            return Err(format!("hello.lua {verb} `{what}` ({})", interpreter.name));
        }
    }
    Ok(())
}

fn echo(project: &Project, interpreter: &Interpreter, backend: &str) -> Result<(), String> {
    let (lines, verdict) =
        process::watch(interpreter.command(project, backend).args(["examples/echo.lua", "5", "10"]), LIMIT);
    verdict?;
    if lines.iter().any(|line| line.starts_with("5 clients, 50 messages echoed")) {
        return Ok(());
    }
    Err(format!("echo.lua does not say how many messages came back ({})", interpreter.name))
}

/// Runs the example for LuaSec over a real connection. The first step installs LuaSec for the stock interpreters. The
/// Luas of the runner cannot load it.
fn tls(project: &Project, interpreter: &Interpreter, backend: &str) -> Result<(), String> {
    let (lines, verdict) =
        process::watch(interpreter.command(project, backend).args(["examples/tls.lua", "3", "5"]), LIMIT);
    verdict?;
    let has = |what: &str| lines.iter().any(|line| line.starts_with(what));
    if has("this example needs") {
        let story = format!("tls.lua with {}: LuaSec or openssl is missing", interpreter.name);
        if VERSIONS.iter().any(|version| version.interpreter == interpreter.name) {
            return Err(story);
        }
        println!("skipped: {story}");
        return Ok(());
    }
    if has("3 clients, 15 messages echoed over TLS") && has("a silent client: timeout") {
        return Ok(());
    }
    Err(format!("tls.lua does not say how many messages came back ({})", interpreter.name))
}

/// Runs the example for luamockit. No report may be early, and a callback that fails must not stop the other callbacks.
fn daemon(project: &Project, interpreter: &Interpreter, backend: &str) -> Result<(), String> {
    let mut command = interpreter.command(project, backend);
    let (lines, verdict) = process::watch(command.args(["examples/mockit.lua", "400"]), LIMIT);
    verdict?;
    let has = |what: &str| lines.iter().any(|line| line.starts_with(what));
    let shows_all = has("report 1: ") && has("a callback failed: ") && has("report 4: ") && has("done: ");
    if shows_all && !has("EARLY") {
        return Ok(());
    }
    Err(format!("mockit.lua does not show its reports, the failed callback and the end ({})", interpreter.name))
}

/// Runs the example on a file that grows. On a busy machine the file may not grow in so short a time. Then the example
/// gets more time.
fn tail(project: &Project, interpreter: &Interpreter, backend: &str) -> Result<(), String> {
    let mut shown = tail_for("1.5", project, interpreter, backend);
    for longer in ["6", "24", "96"] {
        shown = shown.or_else(|_| tail_for(longer, project, interpreter, backend));
    }
    shown
}

fn tail_for(seconds: &str, project: &Project, interpreter: &Interpreter, backend: &str) -> Result<(), String> {
    let path = project.target.join("growing.log");
    let mut file = create(&path)?;
    writeln!(file, "an old line").map_err(|error| error.to_string())?;
    let ended = AtomicBool::new(false);
    let (lines, verdict) = thread::scope(|scope| {
        scope.spawn(|| grow(&mut file, &ended));
        let mut command = interpreter.command(project, backend);
        let result = process::watch(command.arg("examples/tail.lua").arg(&path).arg(seconds), LIMIT);
        ended.store(true, Ordering::Relaxed);
        result
    });
    verdict?;
    let has = |what: &str| lines.iter().any(|line| line == what || line.starts_with("-- ") && line.contains(what));
    if has("a new line") && has("in the last second") && !has("an old line") {
        return Ok(());
    }
    Err(format!("tail.lua does not show the new lines only, with their rate ({})", interpreter.name))
}

fn create(path: &Path) -> Result<File, String> {
    // Removes the file of an earlier run, if there is one.
    let _ = std::fs::remove_file(path);
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn grow(file: &mut File, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) && writeln!(file, "a new line").is_ok() {
        thread::sleep(Duration::from_millis(200));
    }
}
