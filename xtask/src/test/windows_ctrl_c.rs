//! Presses Ctrl-C in the program `cogloop.exe` in Wine. `bindings/runner/tests/ctrl_c.rs` has the same tests for Unix.
//!
//! ```text
//!   here ── 3, the character ──► script (a terminal) ──► Wine's console ──► the program's handler, in a thread of its own
//! ```

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::failures::Failures;
use super::summary::Tally;
use crate::process;
use crate::project::Project;
use crate::wine::Wine;

/// A test: its name; its code, which prints `ready`; its output after Ctrl-C; its exit status.
const STORIES: [(&str, &str, &str, i32); 4] = [
    (
        "a waiting loop returns, and the next run raises",
        "local loop = require 't.Loop'( )
         loop:addTask( 600000, error, 'the wait was not ended' )
         loop:addTask( 0, ready )
         loop:run( )
         print( 'after, ' .. select( 2, pcall( loop.run, loop ) ) )",
        "after, interrupted!",
        130,
    ),
    (
        "a callback that never returns is interrupted",
        "local c = require 'cogloop'
         c.spawn( function( ) ready( ) while true do end end )
         c.run( )",
        "cogloop: interrupted!",
        130,
    ),
    ("a sleep ends", "ready( ) require 't.Loop'.sleep( 600000 ) print 'not reached'", "interrupted!", 130),
    (
        "a script that watches Ctrl-C goes on",
        "local c = require 'cogloop'
         local watcher
         watcher = c.signal( 'INT', function( name ) print( name .. ' came' ) watcher:off( ) end )
         c.after( 0, ready )
         c.run( )",
        "INT came",
        0,
    ),
];

const READY: &str = "local function ready( ) print 'ready' io.stdout:flush( ) end ";

pub(super) fn run(project: &Project, wine: &Wine, program: &Path, failures: &mut Failures) -> Result<Tally, String> {
    if !process::exists("script") {
        let line = "skipped: Ctrl-C: the program `script`, which makes a terminal, is not there".to_owned();
        println!("{line}");
        return Ok(Tally::of(&[line]));
    }
    let mut tally = Tally::default();
    for (story, code, wanted, status) in STORIES {
        let (said, ended) = press(project, wine, program, code)?;
        let is_as_told = said.contains(&plain(wanted.as_bytes())) && ended == Some(status);
        let wrong = || format!("{story}: ended with {ended:?}, and said: {said}");
        failures.note(Path::new("Ctrl-C"), &[], if is_as_told { Ok(()) } else { Err(wrong()) });
        let (passed, failed) = if is_as_told { (1, 0) } else { (0, 1) };
        tally.add(&Tally::of(&[format!("{passed} passed, {failed} failed")]));
    }
    Ok(tally)
}

/// Runs the code, presses Ctrl-C when it is ready, and returns its output and its exit status.
fn press(project: &Project, wine: &Wine, program: &Path, code: &str) -> Result<(String, Option<i32>), String> {
    let failed = |error: std::io::Error| format!("`script` with {}: {error}", program.display());
    let file = project.target.join("wine/ctrl_c.lua");
    std::fs::write(&file, format!("{READY}{code}")).map_err(failed)?;
    // `timeout` ends a program that goes on after Ctrl-C, so the test fails.
    let mut command: Command = project.program("timeout");
    // Without `exec`, a shell may stay between `script` and the program. Ctrl-C would reach the shell, too, and the
    // shell's status would hide the program's status.
    let line = format!("exec wine '{}' '{}'", program.display(), file.display());
    command.args(["900", "script", "-qec", &line, "/dev/null"]);
    wine.surround(command.env("TERM", "xterm")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(mut stdout)) = (stdin, stdout) else { return Err("`script` has no pipes".into()) };
    let (mut said, mut is_pressed, mut room) = (Vec::new(), false, [0; 4096]);
    while let Ok(count @ 1..) = stdout.read(&mut room) {
        said.extend(&room[..count]);
        if !is_pressed && plain(&said).contains("ready") {
            is_pressed = true;
            stdin.write_all(&[3]).and_then(|()| stdin.flush()).map_err(failed)?;
        }
    }
    let ended = child.wait().map_err(failed)?.code();
    Ok((plain(&said), ended))
}

/// The text that a terminal shows, without spaces. Wine's console writes each character separately, with commands
/// around it, and moves the cursor instead of writing a space.
fn plain(said: &[u8]) -> String {
    const ESCAPE: char = '\u{1b}';
    let text = String::from_utf8_lossy(said);
    let mut parts = text.split(ESCAPE);
    let first = parts.next().unwrap_or_default();
    // A command ends with a letter.
    let others = parts.map(|part| part.split_once(|end: char| end.is_ascii_alphabetic()).map_or("", |(_, rest)| rest));
    let all: String = std::iter::once(first).chain(others).collect();
    all.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_to_a_terminal_and_spaces_are_left_out() {
        let said = b"\x1b[?25lr\x1b[?25h\x1b[?25le\x1b[?25h\x1b[K\x1b[1Cady!\r\n";
        assert_eq!(plain(said), "ready!");
    }
}
