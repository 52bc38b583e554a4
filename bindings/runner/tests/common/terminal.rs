//! The program on a terminal of its own. The test types into the terminal and reads it.

use crate::common::cogloop;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A key that the terminal turns into a signal while the terminal is not raw.
pub(crate) const CTRL_C: &str = "\x03";
pub(crate) const CTRL_D: &str = "\x04";

/// A test that hangs ends after this time. No test measures time with it.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) struct Terminal {
    keys: File,
    program: Child,
    /// All output of the program, unchanged.
    output: Vec<u8>,
    /// All output of the program, without escape sequences.
    shown: String,
    /// The length of the output that was expected so far.
    seen: usize,
    other_end: OwnedFd,
    keeps_escapes: bool,
}

impl Terminal {
    /// Starts the program. Its history is in `home`.
    pub(crate) fn start(home: &Path, set_up: impl FnOnce(&mut Command)) -> Self {
        let pty = openpty(None, None).expect("a terminal");
        // No other program of this test may inherit the terminal. Otherwise this program would not notice that its
        // terminal is gone.
        for end in [pty.master.as_fd(), pty.slave.as_fd()] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("an open descriptor");
        }
        let end = || pty.slave.try_clone().expect("a descriptor");
        let mut command = cogloop();
        command.env("XDG_STATE_HOME", home).env("TERM", "xterm").env("NO_COLOR", "1");
        command.stdin(end()).stdout(end()).stderr(end());
        set_up(&mut command);
        // SAFETY: between fork and exec the closure makes only system calls.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let program = command.spawn().expect("the program starts");
        Self {
            keys: pty.master.into(),
            program,
            output: Vec::new(),
            shown: String::new(),
            seen: 0,
            other_end: pty.slave,
            keeps_escapes: false,
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until this text comes after the text that was expected before. Returns the output in between.
    pub(crate) fn expect(&mut self, wanted: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(at) = self.shown[self.seen..].find(wanted) {
                let between = self.shown[self.seen..self.seen + at].to_owned();
                self.seen += at + wanted.len();
                return between;
            }
            assert!(begin.elapsed() < LIMIT, "{wanted:?} does not come: {:?}", &self.shown);
            assert!(self.read(), "the program has ended before {wanted:?}: {:?}", &self.shown);
        }
    }

    /// From now on escape sequences are text, too.
    pub(crate) fn keep_escapes(&mut self) {
        self.keeps_escapes = true;
    }

    /// Reads the output of a short time. Returns false at the end.
    fn read(&mut self) -> bool {
        let moment = PollTimeout::from(10_u16);
        if poll(&mut [PollFd::new(self.keys.as_fd(), PollFlags::POLLIN)], moment) != Ok(1) {
            return true;
        }
        let mut buffer = [0; 4096];
        let count = self.keys.read(&mut buffer).unwrap_or_default();
        // A read may end within a character or a sequence. So the text is made from all output. The beginning of an
        // unfinished character or sequence is left out until its rest has come.
        self.output.extend_from_slice(&buffer[..count]);
        let whole = self.output.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        self.shown = if self.keeps_escapes { whole.to_owned() } else { without_escapes(whole) };
        count > 0
    }

    /// Types a line, and waits for its output and for the next prompt.
    pub(crate) fn line(&mut self, typed: &str, printed: &str) {
        self.press(&format!("{typed}\r"));
        self.expect(printed);
        self.prompt();
    }

    pub(crate) fn prompt(&mut self) {
        self.expect("> ");
    }

    /// Cancels the line that is being typed.
    pub(crate) fn cancel(&mut self) {
        self.press(CTRL_C);
        self.expect("\r\n");
        self.prompt();
    }

    /// Waits for the program's end. Returns its status.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.wait()
    }

    /// Whether the terminal has the settings that a shell needs.
    pub(crate) fn is_as_before(&self) -> bool {
        let flags = tcgetattr(&self.other_end).expect("its settings").local_flags;
        flags.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
    }

    /// Like [`Self::end`], but the terminal stays open.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.program.try_wait().expect("it is ours") {
                return status.code();
            }
            assert!(begin.elapsed() < LIMIT, "the program does not end: {:?}", self.shown);
            // Unread output would block the program.
            self.read();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
    }
}

/// Removes each sequence `ESC [ … letter`, and the beginning of an unfinished sequence at the end.
fn without_escapes(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\x1b' {
            plain.push(char);
        } else if chars.next() == Some('[') {
            chars.find(|char| char.is_ascii_alphabetic());
        }
    }
    plain
}
