//! Directs standard output to the terminal. While a line is being typed, the output appears above that line.
//!
//! ```text
//!   a line runs:            1, 2 ──► the terminal
//!   a line is being typed:  1, 2 ──► pipe ──► collector ──► queue ──► printer ──► above the line
//! ```
//!
//! The collector never waits for the printer. So a callback that prints much does not wait for the editor, which may be
//! waiting for Lua.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{dup, dup2_stderr, dup2_stdout};
use rustyline::ExternalPrinter;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

/// The time that an unfinished line waits for its rest before it is printed.
const FOR_THE_REST: Duration = Duration::from_millis(20);

/// The greatest number of bytes of output that may wait to be printed. Further output is dropped.
const WAITING_MAX: usize = 8 << 20;

/// A text that moves the cursor a row up and down again, so it changes nothing. The editor's channel holds one text.
/// The editor takes a text after it has shown the previous one. So when the channel accepts a second fence, all output
/// before the first fence is shown.
const FENCE: &str = "\x1b[A\n";

/// The longest time that a typed line waits for the output before it.
const FOR_THE_OUTPUT_MS: u32 = 200;

/// The terminal and the pipe.
struct Screen {
    terminal: File,
    /// The original standard output.
    stdout: OwnedFd,
    /// The original standard error, if it is a terminal.
    stderr: Option<OwnedFd>,
    /// The terminal's settings before the editor changed them.
    settings: libc::termios,
    write_end: PipeWriter,
    read_end: PipeReader,
    queue: Mutex<Sender<Vec<u8>>>,
    queued: Mutex<Option<Receiver<Vec<u8>>>>,
    /// Whether the collector has read output that it has not counted in `waiting` yet.
    is_reading: AtomicBool,
    /// The bytes in the queue.
    waiting: AtomicUsize,
}

static SCREEN: OnceLock<Screen> = OnceLock::new();

/// Whether lines can be edited: input and output are a terminal that has a cursor.
pub(super) fn is_there() -> bool {
    let is_dumb =
        std::env::var_os("TERM").is_some_and(|term| ["dumb", "cons25", "emacs"].iter().any(|&dumb| term == dumb));
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb && open_terminal().is_ok()
}

fn open_terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

/// Prepares the terminal.
///
/// # Errors
///
/// The system's error.
pub(super) fn prepare() -> io::Result<()> {
    let terminal = open_terminal()?;
    let stderr = if io::stderr().is_terminal() { Some(dup(io::stderr())?) } else { None };
    let (read_end, write_end) = pipe()?;
    let (queue, queued) = channel();
    let screen = Screen {
        settings: tcgetattr(&terminal)?.into(),
        terminal,
        stdout: dup(io::stdout())?,
        stderr,
        write_end,
        read_end,
        queue: Mutex::new(queue.clone()),
        queued: Mutex::new(Some(queued)),
        is_reading: AtomicBool::new(false),
        waiting: AtomicUsize::new(0),
    };
    let screen = SCREEN.get_or_init(|| screen);
    thread::Builder::new().spawn(move || collect(screen, &queue))?;
    // SAFETY: `leave` is a function for the end of the process: it makes system calls and no Lua call. It changes
    // nothing if the terminal has its original settings.
    unsafe { libc::atexit(leave) };
    Ok(())
}

/// Whether the pipe has data.
fn is_readable(pipe: &PipeReader, timeout: PollTimeout) -> bool {
    poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], timeout).is_ok_and(|ready| ready > 0)
}

/// Moves output from the pipe to the queue, for ever.
fn collect(screen: &Screen, queue: &Sender<Vec<u8>>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        if !is_readable(&screen.read_end, PollTimeout::NONE) {
            continue;
        }
        screen.is_reading.store(true, SeqCst);
        let count = (&screen.read_end).read(&mut buffer).unwrap_or_default();
        if count > 0 && screen.waiting.load(SeqCst) < WAITING_MAX {
            screen.waiting.fetch_add(count, SeqCst);
            let _ = queue.send(buffer[..count].to_vec());
        }
        screen.is_reading.store(false, SeqCst);
    }
}

/// Starts a thread that prints the output above the line that is being typed.
pub(super) fn print_above(mut printer: impl ExternalPrinter + Send + 'static) {
    let Some(screen) = SCREEN.get() else { return };
    let Some(queued) = screen.queued.lock().ok().and_then(|mut queued| queued.take()) else { return };
    let print = move || {
        while let Ok(mut text) = queued.recv() {
            let mut is_last = text.is_empty();
            while !is_last {
                let wait = if text.ends_with(b"\n") { Duration::ZERO } else { FOR_THE_REST };
                match queued.recv_timeout(wait) {
                    Ok(more) => {
                        is_last = more.is_empty();
                        text.extend(more);
                    }
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
            }
            // If the terminal is gone, the editor notices it.
            if !text.is_empty() {
                let _ = printer.print(String::from_utf8_lossy(&text).into_owned());
            }
            if is_last {
                let _ = printer.print(FENCE.to_owned()).and_then(|()| printer.print(FENCE.to_owned()));
            }
            screen.waiting.fetch_sub(text.len() + usize::from(is_last), SeqCst);
        }
    };
    // Without a thread the output waits in the queue, up to its limit.
    let _ = thread::Builder::new().spawn(print);
}

/// Writes the buffered output of C's streams.
fn flush() {
    // SAFETY: a null pointer stands for all streams.
    unsafe { libc::fflush(null_mut()) };
}

/// Called before a line runs: output goes to the terminal, after the earlier output.
pub(super) fn enter() {
    let Some(screen) = SCREEN.get() else { return };
    flush();
    let _ = dup2_stdout(&screen.stdout);
    if let Some(stderr) = &screen.stderr {
        let _ = dup2_stderr(stderr);
    }
    await_output(screen);
}

/// Waits until the output so far has been handed to the editor.
fn await_output(screen: &Screen) {
    for _ in 0..FOR_THE_OUTPUT_MS {
        // The three conditions are read in the order in which the collector changes them.
        let is_readable = is_readable(&screen.read_end, PollTimeout::ZERO);
        if !is_readable && !screen.is_reading.load(SeqCst) && screen.waiting.load(SeqCst) == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Called before a line is typed: output goes to the pipe.
pub(super) fn withdraw() {
    flush();
    if let Some(screen) = SCREEN.get() {
        let _ = dup2_stdout(&screen.write_end);
        if screen.stderr.is_some() {
            let _ = dup2_stderr(&screen.write_end);
        }
    }
}

/// Called after callbacks: shows their output.
pub(super) fn show() {
    flush();
}

/// Moves the cursor to the start of a row without asking the terminal for its position. The function writes one space
/// for each column of a row, then `\r`. A cursor at the start of a row stays in that row. A cursor at any other place
/// moves to the next row. So an unfinished line that a chunk has printed stays readable.
pub(super) fn begin_row(columns: usize) {
    if let Some(screen) = SCREEN.get() {
        let _ = (&screen.terminal).write_all(format!("{}\r", " ".repeat(columns)).as_bytes());
    }
}

/// Called at the end of the process, perhaps in a callback. Output goes to the terminal, which gets its original
/// settings.
extern "C" fn leave() {
    let Some(screen) = SCREEN.get() else { return };
    enter();
    // An empty text ends the output. The printer then writes fences.
    if let Ok(queue) = screen.queue.lock() {
        screen.waiting.fetch_add(1, SeqCst);
        let _ = queue.send(Vec::new());
    }
    await_output(screen);
    let is_raw = tcgetattr(&screen.terminal).is_ok_and(|now| !now.local_flags.contains(LocalFlags::ICANON));
    if is_raw {
        let _ = tcsetattr(&screen.terminal, SetArg::TCSANOW, &Termios::from(screen.settings));
        // Ends the bracketed paste that the editor has asked for.
        let _ = (&screen.terminal).write_all(b"\x1b[?2004l\n");
    }
}
