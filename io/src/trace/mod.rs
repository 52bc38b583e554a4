//! Writes the events of a loop as a trace in the JSON format of Chrome, which Perfetto and `chrome://tracing` draw.
//!
//! ```text
//!   the driver of the turns ──► span( kind, name, start, end, detail ) ──► 64 KiB of lines ──► the file
//!                                                                          full, or a second old
//!
//!   [
//!   {"ph":"M", …}                                   the name of the loop
//!   {"ph":"X","ts":…,"dur":…,"name":"a.lua:12", …}  a turn, a wait, a callback: one line each
//!   {"ph":"M", …}                                   the name of the process
//!   ]
//! ```
//!
//! The driver of the turns (each binding has one) knows which callbacks it calls and when, so it writes the events. All
//! bindings use this type. Times are those of the loop's clock, so the trace of a loop on virtual time is the same each
//! time.
//!
//! - The file never gets larger than its limit. A full trace ends with an event named `the trace is full`. The file is
//!   then completed and closed.
//! - A program that is killed loses at most the events of the last second, and of the time since the last turn began.
//!   Perfetto and Chrome read a file without its end.
//! - After a fork the child writes nothing.
//! - Nothing is allocated after the trace was made.

mod line;

use crate::fork::ForkMark;
use crate::memory;
use line::Line;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// What an event is about: its category in the file.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Kind {
    /// A turn, from the beginning of its wait to the end of its last callback.
    Turn,
    /// The wait of a turn.
    Wait,
    /// A timer's callback.
    Timer,
    /// A descriptor's callback.
    Descriptor,
    /// A task, from one wait to the next.
    Task,
    /// Another callback: a post of another thread, a hook, an idle callback.
    Other,
    /// A callback that ended by an error.
    Error,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Turn, Self::Wait, Self::Timer, Self::Descriptor, Self::Task, Self::Other, Self::Error];

    const fn name(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Wait => "wait",
            Self::Timer => "timer",
            Self::Descriptor => "descriptor",
            Self::Task => "task",
            Self::Other => "other",
            Self::Error => "error",
        }
    }
}

/// The name of an event: a text of any bytes, and the number of a line, which is appended as `:line`.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Name<'a>(pub &'a [u8], pub Option<u32>);

/// An additional detail of an event.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Detail {
    /// Nothing.
    None,
    /// How late a timer was, in nanoseconds.
    Late(u64),
    /// The number of a descriptor.
    Number(u64),
}

/// The default size limit of a trace: 64 MiB, which is half a million events.
pub const DEFAULT_LIMIT: u64 = 64 << 20;

/// The least limit. It has room for the events that every trace has.
pub const LEAST_LIMIT: u64 = 4 << 10;

/// Lines are written to the file in pieces of this size.
const BUFFER: usize = 64 << 10;

/// The length of the longest line.
const LINE_MAX: usize = 1 << 10;

/// Room for the end of the file.
const END_MAX: u64 = 256;

/// A line is written to the file at most a second later, if there is a further turn.
const FLUSH_NS: u64 = 1_000_000_000;

/// A trace that is being written. Dropping it completes the file.
pub struct Trace {
    sink: Option<Box<dyn Write>>,
    buffer: Vec<u8>,
    /// The part that is the same in every event: the numbers of the process and of the loop.
    ids: String,
    /// The middle of the events of each kind: from the numbers to the name.
    middles: [Vec<u8>; Kind::ALL.len()],
    limit: u64,
    /// How many bytes are in the file and in the buffer.
    size: u64,
    flushed_ns: u64,
    /// When the present turn began, and when its wait ended.
    turn: Option<(u64, u64)>,
    /// When the last event ended.
    last_ns: u64,
    failed: Option<io::Error>,
    mark: ForkMark,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("size", &self.size).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Trace {
    /// Makes the file, or empties it, and begins a trace in it. `number` distinguishes the loops of a process, and a
    /// viewer shows `name`.
    ///
    /// An error of the system if it refuses the file, or if there is no memory.
    /// The system's, when it refuses the file; or there is no memory.
    pub fn create(path: &Path, limit: u64, number: u64, name: &str) -> io::Result<Self> {
        memory::expect_bytes(2 * BUFFER)?;
        let file = File::create(path)?;
        Self::to(Box::new(file), limit, number, name)
    }

    /// Begins a trace that goes to `sink`.
    ///
    /// # Errors
    /// If there is no memory, or the system refuses the mark by which a forked process is recognised.
    pub fn to(sink: Box<dyn Write>, limit: u64, number: u64, name: &str) -> io::Result<Self> {
        memory::expect_bytes(2 * BUFFER)?;
        let ids = format!(r#","pid":{},"tid":{}"#, std::process::id(), number.saturating_add(1));
        let mut trace = Self {
            sink: Some(sink),
            buffer: Vec::with_capacity(BUFFER + LINE_MAX),
            middles: Kind::ALL.map(|kind| format!(r#"{ids},"cat":"{}","name":""#, kind.name()).into_bytes()),
            ids,
            limit: limit.max(LEAST_LIMIT),
            size: 0,
            flushed_ns: 0,
            turn: None,
            last_ns: 0,
            failed: None,
            mark: ForkMark::new()?,
        };
        let mut line = Line(&mut trace.buffer);
        line.raw(b"[\n{\"ph\":\"M\"");
        line.raw(trace.ids.as_bytes());
        line.raw(b",\"name\":\"thread_name\",\"args\":{\"name\":\"");
        line.text(name.as_bytes());
        line.raw(b"\"}},\n");
        trace.size = trace.buffer.len() as u64;
        Ok(trace)
    }

    /// Whether events are still written: the trace is not full, and writing has not failed.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.sink.is_some()
    }

    /// Writes an event that began at `start_ns` and ended at `end_ns`.
    pub fn span(&mut self, kind: Kind, name: Name<'_>, start_ns: u64, end_ns: u64, detail: Detail) {
        if self.sink.is_none() {
            return;
        }
        self.last_ns = end_ns;
        let before = self.buffer.len();
        let mut line = Line(&mut self.buffer);
        line.raw(b"{\"ph\":\"X\",\"ts\":");
        line.microseconds(start_ns);
        line.raw(b",\"dur\":");
        line.microseconds(end_ns.saturating_sub(start_ns));
        line.raw(&self.middles[kind as usize]);
        line.text(name.0);
        if let Some(number) = name.1 {
            line.raw(b":");
            line.number(number.into());
        }
        match detail {
            Detail::None => line.raw(b"\"},\n"),
            Detail::Late(late_ns) => {
                line.raw(b"\",\"args\":{\"late_us\":");
                line.microseconds(late_ns);
                line.raw(b"}},\n");
            }
            Detail::Number(number) => {
                line.raw(b"\",\"args\":{\"descriptor\":");
                line.number(number);
                line.raw(b"}},\n");
            }
        }
        let length = (self.buffer.len() - before) as u64;
        if self.size + length + END_MAX > self.limit {
            self.buffer.truncate(before);
            self.end(Some(end_ns));
            return;
        }
        self.size += length;
        if self.buffer.len() >= BUFFER {
            self.flush(end_ns);
        }
    }

    /// Begins a turn: its wait began at `start_ns` and ended at `served_ns`. The turn before ended when this one began.
    pub fn begin_turn(&mut self, start_ns: u64, served_ns: u64) {
        self.end_turn(start_ns);
        self.turn = Some((start_ns, served_ns));
    }

    /// Ends the turn, if there is one, and writes it. Without this call the turn ends with the next turn, or with its
    /// last event.
    pub fn end_turn(&mut self, end_ns: u64) {
        let Some((start_ns, served_ns)) = self.turn.take() else { return };
        self.span(Kind::Turn, Name(b"turn", None), start_ns, end_ns, Detail::None);
        self.span(Kind::Wait, Name(b"wait", None), start_ns, served_ns, Detail::None);
        if end_ns.saturating_sub(self.flushed_ns) > FLUSH_NS {
            self.flush(end_ns);
        }
    }

    /// Completes the file.
    ///
    /// The first error of writing. That error has ended the trace.
    /// The first error of writing. The trace has ended when it came.
    pub fn finish(mut self) -> io::Result<()> {
        self.end(None);
        self.failed.take().map_or(Ok(()), Err)
    }

    fn flush(&mut self, now_ns: u64) {
        self.flushed_ns = now_ns;
        if let Some(sink) = &mut self.sink {
            let written = if self.mark.is_ours() { sink.write_all(&self.buffer) } else { Ok(()) };
            if let Err(error) = written {
                self.failed = Some(error);
                self.sink = None;
            }
        }
        self.buffer.clear();
    }

    /// Writes the end of the file; `full_ns` is the time at which the trace was full.
    fn end(&mut self, full_ns: Option<u64>) {
        if full_ns.is_none() {
            let served_ns = self.turn.map_or(0, |turn| turn.1);
            self.end_turn(self.last_ns.max(served_ns));
        }
        if self.sink.is_none() {
            return;
        }
        let mut line = Line(&mut self.buffer);
        if let Some(full_ns) = full_ns {
            line.raw(b"{\"ph\":\"i\",\"s\":\"p\",\"ts\":");
            line.microseconds(full_ns);
            line.raw(self.ids.as_bytes());
            line.raw(b",\"name\":\"the trace is full\"},\n");
        }
        // A line ends with a comma, and the list needs a last element.
        line.raw(b"{\"ph\":\"M\"");
        line.raw(self.ids.as_bytes());
        line.raw(b",\"name\":\"process_name\",\"args\":{\"name\":\"cogloop\"}}\n]\n");
        self.flush(0);
        if let Some(mut sink) = self.sink.take()
            && let Err(error) = sink.flush()
        {
            self.failed = Some(error);
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.end(None);
    }
}

#[cfg(test)]
mod tests;
