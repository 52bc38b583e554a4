//! The terminal: where standard output goes while a line runs, and while one is being typed.
//!
//! ```text
//!   a line runs:            1, 2 ──► the terminal
//!   a line is being typed:  1, 2 ──► pipe ──► collector ──► queue ──► printer ──► above the line
//! ```
//!
//! The collector never waits for the printer. So a callback that prints much does not wait for an editor that waits for Lua.

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

/// How long a piece of a line waits for its rest before it is printed.
const FOR_THE_REST: Duration = Duration::from_millis(20);

/// Output that waits to be printed: with more of it, what comes is dropped.
const WAITING_MAX: usize = 8 << 20;

/// A text that changes nothing: a row up, and down again. The editor's channel holds one text, and the editor takes the next one when it
/// has shown the last. So a second fence is taken off our hands only when all before the first one is shown.
const FENCE: &str = "\x1b[A\n";

/// How long a line that was typed waits for the output before it.
const FOR_THE_OUTPUT_MS: u32 = 200;

/// The terminal and the pipe.
struct Screen {
    terminal: File,
    /// Standard output, and standard error if it is a terminal, as they were.
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
    /// How the terminal was set before the editor changed it.
    settings: libc::termios,
    write_end: PipeWriter,
    read_end: PipeReader,
    queue: Mutex<Sender<Vec<u8>>>,
    queued: Mutex<Option<Receiver<Vec<u8>>>>,
    /// Whether the collector has read something that it has not counted yet.
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
/// The system's.
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
    // SAFETY: `leave` is a function for the end of the process: it makes system calls and no Lua call. It changes nothing if the
    // terminal is as it was.
    unsafe { libc::atexit(leave) };
    Ok(())
}

/// Whether there is something to read.
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

/// Prints the output above the line that is being typed, in a thread of its own, from now on.
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

/// Writes what C's streams hold back.
fn flush() {
    // SAFETY: a null pointer stands for all streams.
    unsafe { libc::fflush(null_mut()) };
}

/// A line is going to run: output goes to the terminal, after what was printed before.
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
        // In the order in which the collector changes them.
        let is_readable = is_readable(&screen.read_end, PollTimeout::ZERO);
        if !is_readable && !screen.is_reading.load(SeqCst) && screen.waiting.load(SeqCst) == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// A line is going to be typed: output goes to the pipe.
pub(super) fn withdraw() {
    flush();
    if let Some(screen) = SCREEN.get() {
        let _ = dup2_stdout(&screen.write_end);
        if screen.stderr.is_some() {
            let _ = dup2_stderr(&screen.write_end);
        }
    }
}

/// After callbacks: what they have printed is shown.
pub(super) fn show() {
    flush();
}

/// Moves the cursor to the start of a row, without asking the terminal where it is: so many spaces as a row has columns end in the
/// same row only if they began at its start. A line that a chunk has left unfinished stays readable.
pub(super) fn begin_row(columns: usize) {
    if let Some(screen) = SCREEN.get() {
        let _ = (&screen.terminal).write_all(format!("{}\r", " ".repeat(columns)).as_bytes());
    }
}

/// At the end of the process, which may be in a callback: output goes to the terminal, and the terminal is as it was.
extern "C" fn leave() {
    let Some(screen) = SCREEN.get() else { return };
    enter();
    // An empty text is the last one, after which there is a fence.
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
