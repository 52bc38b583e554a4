//! Writes a recording: the real clock and the real backend, with a line for each answer.

use super::format::{Act, Line, MAGIC, Recorded, VERSION};
use crate::{Backend, Clock, Event, Interest, Token, Waker};
use rustix::fd::BorrowedFd;
use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

/// The file that is written.
pub(crate) struct Recorder {
    file: BufWriter<File>,
    // The last reading, on the real clock's scale, and the first one.
    last_ns: u64,
    origin_ns: u64,
    // Whether the next reading is `last_ns`: the loop reads the clock after a wait, and the recorder has just read it.
    is_known: bool,
    // The file's first error. After it nothing is written.
    refused: Option<io::Error>,
    is_over: bool,
    pub(super) place: Option<String>,
    // The descriptors that the program has marked since the last wait.
    pub(super) marks: Vec<Event>,
}

impl Recorder {
    pub(super) fn create(path: &Path, resolution_ns: u64, now_ns: u64) -> io::Result<Self> {
        let mut file = BufWriter::new(crate::sys::own(|| File::create(path))?);
        writeln!(file, "{MAGIC}{VERSION} {resolution_ns}")?;
        file.flush()?;
        Ok(Self {
            file,
            last_ns: now_ns,
            origin_ns: now_ns,
            // The loop's time begins with this reading.
            is_known: true,
            refused: None,
            is_over: false,
            place: None,
            marks: Vec::new(),
        })
    }

    fn write(&mut self, line: impl Display) {
        if self.is_over {
            return;
        }
        if let Err(error) = writeln!(self.file, "{line}") {
            self.give_up(error);
        }
    }

    fn give_up(&mut self, error: io::Error) {
        self.refused = Some(error);
        self.is_over = true;
    }

    /// Flushes the file. Returns its first error, once.
    fn settle(&mut self) -> io::Result<()> {
        if !self.is_over
            && let Err(error) = self.file.flush()
        {
            self.give_up(error);
        }
        let refused = self.refused.take();
        refused.map_or(Ok(()), |error| Err(io::Error::new(error.kind(), format!("writing the recording: {error}"))))
    }

    /// The time since the loop was made.
    pub(super) fn now_ns(&self) -> u64 {
        self.last_ns - self.origin_ns
    }

    /// Takes a reading of the real clock and returns the time since the last one.
    fn pass(&mut self, now_ns: u64) -> u64 {
        let passed_ns = now_ns.saturating_sub(self.last_ns);
        self.last_ns += passed_ns;
        passed_ns
    }

    pub(super) fn act(&mut self, act: Act, errno: i32, events: &[Event]) {
        let place = self.place.take();
        self.write(Recorded { act, errno, events: events.to_vec(), place });
    }

    pub(super) fn wait(&mut self, act: Act) {
        let marks = std::mem::take(&mut self.marks);
        self.act(act, 0, &marks);
    }

    pub(super) fn value(&mut self, value: u64) {
        self.write(Line::Value(value));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.write(Line::End);
    }
}

/// The error's number.
fn errno_of(result: &io::Result<()>) -> i32 {
    result.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(-1))
}

/// The real clock. Each reading is written.
pub(super) struct RecordedClock {
    clock: Rc<Box<dyn Clock>>,
    recorder: Rc<RefCell<Recorder>>,
}

impl RecordedClock {
    pub(super) fn new(clock: Rc<Box<dyn Clock>>, recorder: Rc<RefCell<Recorder>>) -> Self {
        Self { clock, recorder }
    }
}

impl Clock for RecordedClock {
    fn now_ns(&self) -> u64 {
        let mut recorder = self.recorder.borrow_mut();
        if !std::mem::take(&mut recorder.is_known) {
            let passed_ns = recorder.pass(self.clock.now_ns());
            recorder.write(Line::Time(passed_ns));
        }
        recorder.last_ns
    }
}

/// The real backend. Each answer is written.
pub(super) struct RecordedBackend {
    inner: Box<dyn Backend>,
    clock: Rc<Box<dyn Clock>>,
    recorder: Rc<RefCell<Recorder>>,
}

impl RecordedBackend {
    pub(super) fn new(inner: Box<dyn Backend>, clock: Rc<Box<dyn Clock>>, recorder: Rc<RefCell<Recorder>>) -> Self {
        Self { inner, clock, recorder }
    }

    fn note(&self, act: Act, result: io::Result<()>) -> io::Result<()> {
        self.recorder.borrow_mut().act(act, errno_of(&result), &[]);
        result
    }
}

impl Backend for RecordedBackend {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        self.inner.attach(waker)
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        let result = self.inner.add(fd, interest, token);
        self.note(Act::Add(token, interest), result)
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        let result = self.inner.modify(fd, interest, token);
        self.note(Act::Modify(token, interest), result)
    }

    fn expect_news(&mut self, token: Token) {
        self.inner.expect_news(token);
    }

    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let result = self.inner.remove(fd, token);
        self.note(Act::Remove(token), result)
    }

    /// Writes the end of the wait and its time in one line, and flushes it before any callback runs. So if a callback
    /// crashes, a replay reaches the same callback.
    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        let before = events.len();
        let result = self.inner.wait(events, timeout_ns);
        let now_ns = self.clock.now_ns();
        let mut recorder = self.recorder.borrow_mut();
        let passed_ns = recorder.pass(now_ns);
        recorder.is_known = true;
        match errno_of(&result) {
            0 => recorder.write(Line::Ready(passed_ns, events[before..].to_vec())),
            errno => recorder.write(Line::Failed(passed_ns, errno)),
        }
        let settled = recorder.settle();
        result.and(settled)
    }

    fn look(&mut self, fd: BorrowedFd<'_>, directions: Interest, token: Token) -> Interest {
        let ready = self.inner.look(fd, directions, token);
        self.recorder.borrow_mut().write(Line::Look(ready));
        ready
    }

    fn pollable(&mut self) -> io::Result<BorrowedFd<'_>> {
        self.inner.pollable()
    }

    fn prepare(&mut self) -> io::Result<bool> {
        let has_more = self.inner.prepare()?;
        self.recorder.borrow_mut().value(has_more.into());
        Ok(has_more)
    }
}
