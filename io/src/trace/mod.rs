//! Writes the events of a loop as a trace in the JSON format of Chrome, which Perfetto and `chrome://tracing` draw.
//!
//! ```text
//!   the driver of the turns ──► span( kind, name, start, end, detail ) ──► 256 KiB of lines ──► the file
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
//! bindings use the type [`Trace`]. Times are those of the loop's clock, so the trace of a loop on virtual time is the
//! same each time.
//!
//! - The file never gets larger than its limit. A full trace ends with an event named `the trace is full`. The file is
//!   then completed and closed.
//! - A program that is killed loses at most the events of the last second, and of the time since the last turn began.
//!   Perfetto and Chrome also read a file that lacks its end.
//! - After a fork the child writes nothing.
//! - Nothing is allocated after the trace was made.

mod line;

use crate::fork::ForkMark;
use crate::memory;
use line::{LINE_MAX, Line};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// The subject of an event: its category in the file.
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

/// The first bytes of a trace's file.
pub const BEGINNING: &[u8] = b"[\n{\"ph\":";

/// The default size limit of a trace: 64 MiB, which is half a million events.
pub const DEFAULT_LIMIT: u64 = 64 << 20;

/// The least limit. It has room for the events that every trace has.
pub const LEAST_LIMIT: u64 = 4 << 10;

/// Lines are written to the file in pieces of this size. With pieces of 64 KiB the kernel takes a third more time for a
/// line.
const BUFFER: usize = 256 << 10;

/// The length of the longest middle, see [`Middle`].
const MIDDLE_MAX: usize = 80;

/// The bytes that must be free before the small parts of a trace are allocated. The calls that allocate them return no
/// error: when memory runs out, they abort.
const FOR_THE_REST: usize = memory::FOR_A_MESSAGE;

/// Room for the end of the file.
const END_MAX: u64 = 256;

/// The end of a turn writes the lines to the file if the last write is more than this time ago.
const FLUSH_NS: u64 = 1_000_000_000;

/// A trace that is being written. Dropping it completes the file.
pub struct Trace {
    sink: Option<Box<dyn Write>>,
    /// Lines that are not written yet, and room for one more.
    buffer: Vec<u8>,
    /// How many bytes of the buffer are lines.
    filled: usize,
    /// The part that is the same in every event: the numbers of the process and of the loop.
    ids: String,
    middles: [Middle; Kind::ALL.len()],
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

/// The middle of an event's line, which all events of a kind share: from `ids` to the beginning of the name.
struct Middle {
    bytes: [u8; MIDDLE_MAX],
    length: usize,
}

impl Middle {
    fn new(ids: &str, kind: Kind) -> Self {
        let text = format!(r#"{ids},"cat":"{}","name":""#, kind.name());
        let mut bytes = [0; MIDDLE_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self { bytes, length: text.len() }
    }
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
    /// # Errors
    /// An error of the system if it refuses the file, or if there is no memory.
    pub fn create(path: &Path, limit: u64, number: u64, name: &str) -> io::Result<Self> {
        Self::create_after(path, limit, number, name, || ())
    }

    /// Like [`create`](Self::create), for a loop that may have a trace already. Calls `end_old`, which ends the old
    /// trace, when the new file is open and the memory is there. So if the file cannot be opened or memory is short,
    /// the old trace goes on. Both traces may have the same file.
    ///
    /// # Errors
    /// Those of [`create`](Self::create).
    pub fn create_after(path: &Path, limit: u64, number: u64, name: &str, end_old: impl FnOnce()) -> io::Result<Self> {
        // A file that exists is not emptied if there is no memory for its trace.
        memory::expect_bytes(BUFFER + LINE_MAX + FOR_THE_REST)?;
        let file = Arc::new(File::options().write(true).create(true).truncate(false).open(path)?);
        let new = Self::to(Box::new(Arc::clone(&file)), limit, number, name)?;
        end_old();
        if file.metadata().is_ok_and(|data| data.is_file()) {
            file.set_len(0)?;
        }
        Ok(new)
    }

    /// Begins a trace that goes to `sink`.
    ///
    /// # Errors
    /// If there is no memory, or the system refuses the mark by which a forked process is recognised.
    pub fn to(sink: Box<dyn Write>, limit: u64, number: u64, name: &str) -> io::Result<Self> {
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(BUFFER + LINE_MAX)?;
        buffer.resize(BUFFER + LINE_MAX, 0);
        memory::expect_bytes(FOR_THE_REST)?;
        let ids = format!(r#","pid":{},"tid":{}"#, std::process::id(), number.saturating_add(1));
        let mut trace = Self {
            sink: Some(sink),
            buffer,
            filled: 0,
            middles: Kind::ALL.map(|kind| Middle::new(&ids, kind)),
            ids,
            limit: limit.max(LEAST_LIMIT),
            size: 0,
            flushed_ns: 0,
            turn: None,
            last_ns: 0,
            failed: None,
            mark: ForkMark::new()?,
        };
        trace.filled += trace.line(|line, ids| {
            let line = line.raw(b"[\n{\"ph\":\"M\"").bytes(ids.as_bytes());
            line.raw(b",\"name\":\"thread_name\",\"args\":{\"name\":\"").text(name.as_bytes()).raw(b"\"}},\n")
        });
        trace.size = trace.filled as u64;
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
        let middle = &self.middles[kind as usize];
        let room = &mut self.buffer[self.filled..];
        let before = room.len();
        let line = Line(room).raw(b"{\"ph\":\"X\",\"ts\":").microseconds(start_ns);
        let line = line.raw(b",\"dur\":").microseconds(end_ns.saturating_sub(start_ns));
        let line = line.first(middle.length, &middle.bytes).text(name.0);
        let line = match name.1 {
            Some(number) => line.raw(b":").number(number.into()),
            None => line,
        };
        let line = match detail {
            Detail::None => line.raw(b"\"},\n"),
            Detail::Late(late_ns) => line.raw(b"\",\"args\":{\"late_us\":").microseconds(late_ns).raw(b"}},\n"),
            Detail::Number(number) => line.raw(b"\",\"args\":{\"descriptor\":").number(number).raw(b"}},\n"),
        };
        let length = before - line.0.len();
        if self.size + length as u64 + END_MAX > self.limit {
            self.end(Some(end_ns));
            return;
        }
        self.size += length as u64;
        self.filled += length;
        if self.filled >= BUFFER {
            self.flush(end_ns);
        }
    }

    /// Writes a line behind the others. Returns its length, by which the caller increases `filled`.
    fn line(&mut self, write: impl for<'a> FnOnce(Line<'a>, &str) -> Line<'a>) -> usize {
        let room = &mut self.buffer[self.filled..];
        let before = room.len();
        before - write(Line(room), &self.ids).0.len()
    }

    /// Begins a turn: its wait began at `start_ns` and ended at `served_ns`. The turn before ended when this one began.
    pub fn begin_turn(&mut self, start_ns: u64, served_ns: u64) {
        self.end_turn(start_ns);
        self.turn = Some((start_ns, served_ns));
    }

    /// Ends the turn, if there is one, and writes it. Without this call the turn ends when the next turn begins, or
    /// with the last event of the trace.
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
    /// # Errors
    /// The first error of writing. That error has ended the trace.
    pub fn finish(mut self) -> io::Result<()> {
        self.end(None);
        self.failed.take().map_or(Ok(()), Err)
    }

    fn flush(&mut self, now_ns: u64) {
        self.flushed_ns = now_ns;
        if let Some(sink) = &mut self.sink {
            let written = if self.mark.is_ours() { sink.write_all(&self.buffer[..self.filled]) } else { Ok(()) };
            if let Err(error) = written {
                self.failed = Some(error);
                self.sink = None;
            }
        }
        self.filled = 0;
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
        self.filled += self.line(|mut line, ids| {
            if let Some(full_ns) = full_ns {
                line = line.raw(b"{\"ph\":\"i\",\"s\":\"p\",\"ts\":").microseconds(full_ns);
                line = line.bytes(ids.as_bytes()).raw(b",\"name\":\"the trace is full\"},\n");
            }
            // Each line so far ends with a comma, so the list needs a last element.
            let line = line.raw(b"{\"ph\":\"M\"").bytes(ids.as_bytes());
            line.raw(b",\"name\":\"process_name\",\"args\":{\"name\":\"cogloop\"}}\n]\n")
        });
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
