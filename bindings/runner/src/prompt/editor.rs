//! The thread that reads lines: with an editor on a terminal, without an editor elsewhere.

use super::history::{History, KEPT};
use super::requests::{Asking, Thread, What};
use super::screen;
use nix::sys::pthread::pthread_kill;
use nix::sys::signal::Signal;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, Config, Context, Editor, Helper};
use std::io::{BufRead, Write, stdin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

pub(super) const FIRST: &str = "> ";
const MORE: &str = ">> ";

/// The longest time that a key waits for Lua. Lua may be running a callback.
const PATIENCE: Duration = Duration::from_millis(300);

/// Whether the loop is serving callbacks at this moment, while a line is being typed. If so, Ctrl-C interrupts them.
pub(super) static IS_SERVING: AtomicBool = AtomicBool::new(false);

/// Asks Lua about names and chunks.
struct Asks<'a>(&'a Asking);

impl Helper for Asks<'_> {}
impl Hinter for Asks<'_> {
    type Hint = String;
}
impl Highlighter for Asks<'_> {}

impl Completer for Asks<'_> {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let answer = self.0.ask(What::Complete, &line[..at], Some(PATIENCE)).unwrap_or_default();
        let mut lines = answer.lines();
        let start = lines.next().and_then(|start| start.parse().ok()).filter(|&start| start <= at);
        Ok((start.unwrap_or(at), lines.map(str::to_owned).collect()))
    }
}

impl Validator for Asks<'_> {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match self.0.ask(What::Check, context.input(), Some(PATIENCE)).as_deref() {
            Some("incomplete") => ValidationResult::Incomplete,
            _ => ValidationResult::Valid(None),
        })
    }
}

/// Edits lines on the terminal until the user ends the prompt. `lua` is the thread of Lua.
///
/// # Errors
///
/// The terminal's error.
pub(super) fn edit(asking: &Asking, lua: &Thread) -> rustyline::Result<()> {
    let config = Config::builder()
        // Standard output is a pipe while a line is being typed; see `screen`.
        .behavior(Behavior::PreferTerm)
        .max_history_size(KEPT)?
        .history_ignore_dups(true)?
        .completion_type(rustyline::CompletionType::List)
        .build();
    let session = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, session)?;
    let (history, entries) = History::open();
    for entry in entries {
        editor.add_history_entry(entry)?;
    }
    editor.set_helper(Some(Asks(asking)));
    screen::print_above(editor.create_external_printer()?);
    loop {
        match editor.readline(FIRST) {
            Ok(line) => {
                if !line.trim().is_empty() && editor.add_history_entry(&line)? {
                    history.append(&line);
                }
                if asking.ask(What::Line, &line, None).is_none() {
                    return Ok(());
                }
                if let Some((columns, _)) = editor.dimensions() {
                    screen::begin_row(columns.into());
                }
            }
            Err(ReadlineError::Interrupted) if IS_SERVING.load(SeqCst) => pthread_kill(lua.0, Signal::SIGINT)?,
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Reads lines from standard input until its end, without an editor. Prints prompts if `prompts` is true. The caller
/// sets `prompts` if a person would see the prompts.
pub(super) fn read(asking: &Asking, prompts: bool) {
    let tell = |prompt: &str| {
        if prompts {
            let mut stdout = std::io::stdout();
            let _ = stdout.write_all(prompt.as_bytes()).and_then(|()| stdout.flush());
        }
    };
    let (mut chunk, mut input) = (Vec::new(), stdin().lock());
    tell(FIRST);
    while input.read_until(b'\n', &mut chunk).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&chunk).into_owned();
        if asking.ask(What::Check, &text, None).as_deref() == Some("incomplete") {
            tell(MORE);
            continue;
        }
        chunk.clear();
        if asking.ask(What::Line, &text, None).is_none() {
            return;
        }
        tell(FIRST);
    }
    // An incomplete chunk at the end of the input is run, too: its error reports that it is incomplete.
    if !chunk.is_empty() {
        let _ = asking.ask(What::Line, &String::from_utf8_lossy(&chunk), None);
    }
    tell("\n");
}
