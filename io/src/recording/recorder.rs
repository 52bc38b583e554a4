//! Writes a recording: wraps the real clock and the real backend, and writes a line for each of their answers.

use super::format::{Act, Acted, FailedWait, Line, MAGIC, Reported, VERSION};
use super::refusal::Refused;
use crate::fork::ForkMark;
use crate::memory::{error_in_words, expect_bytes};
use crate::{Backend, Clock, Event, Interest, Token, Waker};
use rustix::fd::BorrowedFd;
use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

/// The bytes that must be free before a recorder is made. The calls that then allocate its buffer and the boxes of the
/// standard library return no error: when memory runs out, they abort.
const FOR_A_RECORDER: usize = 16 << 10;

/// The file that is written. Nothing is allocated for a line. If there is no memory to keep the program's line or a
/// descriptor that is marked ready, the recording ends with an error. The recording also ends if the file cannot be
/// written. A forked child writes nothing, because it shares the file with its parent.
pub(crate) struct Recorder {
    // `None` only while the recorder is dropped.
    file: Option<BufWriter<File>>,
    mark: ForkMark,
    // The last reading, on the real clock's scale, and the first one.
    last_ns: u64,
    origin_ns: u64,
    // Whether the next reading is `last_ns`: the loop reads the clock after a wait, and the recorder has just read it.
    is_known: bool,
    // The file's first error. After it nothing is written.
    refused: Option<io::Error>,
    is_over: bool,
    // The program's line of the next act; empty if it is not known.
    place: String,
    // The descriptors that the program has marked since the last wait.
    marks: Vec<Event>,
}

impl Recorder {
    pub(super) fn create(path: &Path, resolution_ns: u64, now_ns: u64) -> io::Result<Self> {
        expect_bytes(FOR_A_RECORDER)?;
        let mut file = BufWriter::new(crate::sys::own(|| File::create(path))?);
        writeln!(file, "{MAGIC}{VERSION} {resolution_ns}")?;
        file.flush()?;
        Ok(Self {
            file: Some(file),
            mark: ForkMark::new()?,
            last_ns: now_ns,
            origin_ns: now_ns,
            // The loop's time begins with this reading.
            is_known: true,
            refused: None,
            is_over: false,
            place: String::new(),
            marks: Vec::new(),
        })
    }

    fn write(&mut self, line: impl Display) {
        if self.is_over || !self.mark.is_ours() {
            return;
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| writeln!(file, "{line}")) {
            self.give_up(error);
        }
    }

    /// Ends the recording. The next wait returns the error.
    fn give_up(&mut self, error: io::Error) {
        if !self.is_over {
            self.refused = Some(error);
            self.is_over = true;
        }
    }

    /// Flushes the file. Returns its first error, once.
    fn settle(&mut self) -> io::Result<()> {
        if !self.is_over
            && self.mark.is_ours()
            && let Some(Err(error)) = self.file.as_mut().map(BufWriter::flush)
        {
            self.give_up(error);
        }
        match self.refused.take() {
            None => Ok(()),
            Some(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(error),
            Some(error) => Err(error_in_words(error.kind(), format_args!("writing the recording: {error}"))),
        }
    }

    /// The loop's time at the last reading.
    pub(super) fn now_ns(&self) -> u64 {
        self.last_ns - self.origin_ns
    }

    /// Takes a reading of the real clock and returns the time since the last one.
    fn pass(&mut self, now_ns: u64) -> u64 {
        let passed_ns = now_ns.saturating_sub(self.last_ns);
        self.last_ns += passed_ns;
        passed_ns
    }

    /// Names the program's line of the next act.
    pub(super) fn set_place(&mut self, place: &str) {
        self.place.clear();
        match self.place.try_reserve(place.len()) {
            Ok(()) => self.place.push_str(place),
            Err(error) => self.give_up(error.into()),
        }
    }

    /// A descriptor is marked ready.
    pub(super) fn mark(&mut self, event: Event) {
        match self.marks.try_reserve(1) {
            Ok(()) => self.marks.push(event),
            Err(error) => self.give_up(error.into()),
        }
    }

    /// Writes an act, and the error if it was refused.
    pub(super) fn act(&mut self, act: Act, refused: Option<&io::Error>) {
        self.acted(act, refused, &[]);
    }

    pub(super) fn wait(&mut self, act: Act) {
        let mut marks = std::mem::take(&mut self.marks);
        self.acted(act, None, &marks);
        marks.clear();
        self.marks = marks;
    }

    fn acted(&mut self, act: Act, refused: Option<&io::Error>, events: &[Event]) {
        let mut place = std::mem::take(&mut self.place);
        let refused = refused.map(Refused);
        let answer = refused.as_ref().map_or(&0 as &dyn Display, |refused| refused);
        self.write(Acted { act, answer, events, place: Some(&*place).filter(|place| !place.is_empty()) });
        place.clear();
        self.place = place;
    }

    pub(super) fn value(&mut self, value: u64) {
        self.write(Line::Value(value));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.write(Line::End);
        // A forked child drops the lines that are not written yet, because the parent has a copy of them.
        if !self.mark.is_ours()
            && let Some(file) = self.file.take()
        {
            drop(file.into_parts());
        }
    }
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
        self.recorder.borrow_mut().act(act, result.as_ref().err());
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
        match &result {
            Ok(()) => recorder.write(Reported(passed_ns, &events[before..])),
            Err(error) => recorder.write(FailedWait(passed_ns, &Refused(error))),
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
