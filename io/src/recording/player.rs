//! Plays a recording: reads the file, and compares the program's acts with it. If a replay has no memory to go on, it
//! departs from its recording.

use super::format::{Act, InWords, Line, LineInWords, MAGIC, ReadyInWords, Recorded, VERSION};
use super::refusal::Refusal;
use crate::fork::ForkMark;
use crate::memory::{ByIndex, error_in_words, expect_bytes, try_format};
use crate::number::Number;
use crate::sys::Identity;
use crate::{Event, Interest, Token, look};
use rustix::fd::BorrowedFd;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{Arguments, Display};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

/// The longest line that is read. A program may mark millions of descriptors in a turn, each with at most 26 bytes.
const LINE_MAX: usize = 1 << 27;

/// The longest first line that is read. So a file that is no recording is refused soon, however long its first line is.
const HEAD_MAX: usize = 128;

/// The bytes that must be free before a player is made. The calls that then allocate its buffer, its name, and boxes of
/// the standard library return no error: when memory runs out, they abort.
const FOR_A_PLAYER: usize = 16 << 10;

/// How long a replay waits, in real time, for a descriptor that was ready in the recording. The loop's recorded time
/// at the beginning of the wait is added.
const PATIENCE: Duration = Duration::from_secs(10);

/// The departure of a replay that found no memory.
const NO_MEMORY: &str = "the replay has no memory to go on";

/// The file that is played.
pub(crate) struct Player {
    file: BufReader<File>,
    // A forked child shares the position in the file with its parent.
    mark: ForkMark,
    name: String,
    // The text of the last line.
    text: Vec<u8>,
    // The line that comes next, and its number.
    next: Option<Line>,
    number: u64,
    // Why there is no next line.
    ending: Cow<'static, str>,
    pub(super) now_ns: u64,
    // Whether the next reading of the clock is `now_ns`; see `Recorder`.
    pub(super) is_known: bool,
    departure: Option<Cow<'static, str>>,
    pub(super) place: Option<String>,
    // What the program marked ready before this wait: according to the recording, and in the replay.
    pub(super) marks: Vec<Event>,
    pub(super) marked_now: HashMap<u64, Interest>,
    // By the index of the token.
    observed: ByIndex<Option<Watched>>,
    // Whether a wait for a descriptor has to end, and the result of a wait that was ended in this way.
    pub(super) is_interrupted: fn() -> bool,
    pub(super) begun: Option<Outcome>,
}

fn refused(message: Arguments<'_>) -> io::Error {
    error_in_words(io::ErrorKind::InvalidData, message)
}

fn words(message: Arguments<'_>) -> Cow<'static, str> {
    try_format(message).map_or(Cow::Borrowed(NO_MEMORY), Cow::Owned)
}

impl Player {
    pub(super) fn open(path: &Path, resolution_ns: u64) -> io::Result<Self> {
        expect_bytes(FOR_A_PLAYER)?;
        let mut player = Self {
            file: BufReader::new(crate::sys::own(|| File::open(path))?),
            name: path.file_name().unwrap_or_default().display().to_string(),
            mark: ForkMark::new()?,
            text: Vec::new(),
            next: None,
            number: 1,
            ending: Cow::Borrowed(""),
            now_ns: 0,
            is_known: true,
            departure: None,
            place: None,
            marks: Vec::new(),
            marked_now: HashMap::new(),
            observed: ByIndex::new(),
            is_interrupted: || false,
            begun: None,
        };
        player.read_line(HEAD_MAX)?;
        let head = player.text.as_slice();
        let Some(rest) = head.strip_prefix(MAGIC.as_bytes()) else {
            return Err(match MAGIC.as_bytes().starts_with(head) {
                true => refused(format_args!("the recording is cut off in its first line")),
                false => refused(format_args!("this file is not a recording")),
            });
        };
        let Some(rest) = rest.strip_suffix(b"\n") else {
            return Err(refused(format_args!("the recording is cut off in its first line")));
        };
        let mut words = std::str::from_utf8(rest).unwrap_or("").split(' ').map(str::parse::<u64>);
        match (words.next(), words.next()) {
            (Some(Ok(version)), _) if !(1..=VERSION).contains(&version) => Err(refused(format_args!(
                "the recording has version {version}, and only versions 1 to {VERSION} can be played"
            ))),
            (Some(Ok(_)), Some(Ok(recorded_ns))) if recorded_ns == resolution_ns => {
                player.advance();
                Ok(player)
            }
            (Some(Ok(_)), Some(Ok(recorded_ns))) => Err(refused(format_args!(
                "the recorded loop has a resolution of {recorded_ns} ns, and this one of {resolution_ns} ns"
            ))),
            _ => Err(refused(format_args!("this file is not a recording"))),
        }
    }

    /// Reads the next line of the file into `text`, with its newline. The newline is missing if the file is cut off, or
    /// if the line has more than `max` bytes.
    fn read_line(&mut self, max: usize) -> io::Result<()> {
        self.text.clear();
        self.mark.check()?;
        while !self.text.ends_with(b"\n") && self.text.len() < max {
            let read = match self.file.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read.is_empty() {
                break;
            }
            let read = &read[..read.len().min(max - self.text.len())];
            let count = read.iter().position(|&byte| byte == b'\n').map_or(read.len(), |end| end + 1);
            self.text.try_reserve(count)?;
            self.text.extend_from_slice(&read[..count]);
            self.file.consume(count);
        }
        Ok(())
    }

    /// Goes on to the next line.
    fn advance(&mut self) {
        self.next = None;
        let number = self.number;
        if let Err(error) = self.read_line(LINE_MAX) {
            if error.kind() == io::ErrorKind::OutOfMemory {
                return self.run_out();
            }
            return self.ending = words(format_args!("the recording cannot be read after line {number}: {error}"));
        }
        let Some(text) = self.text.strip_suffix(b"\n") else {
            let after = if self.text.is_empty() { "" } else { " in the middle of a line" };
            return self.ending = words(format_args!(
                "the recording breaks off{after} after line {number}: the recorded program was killed, or the file was \
                 cut off"
            ));
        };
        self.number += 1;
        match std::str::from_utf8(text).map_or(Ok(None), Line::parse) {
            Ok(Some(line)) => self.next = Some(line),
            Ok(None) => self.ending = words(format_args!("line {} is not a line of a recording", self.number)),
            Err(_) => self.run_out(),
        }
    }

    /// Skips readings of the clock that the program has not made.
    fn skip_readings(&mut self) {
        while let Some(Line::Time(passed_ns)) = self.next {
            self.pass(passed_ns);
            self.advance();
        }
    }

    pub(super) fn pass(&mut self, by_ns: u64) {
        self.now_ns = self.now_ns.saturating_add(by_ns);
    }

    /// A reading of the clock.
    pub(super) fn read_clock(&mut self) -> u64 {
        if !std::mem::take(&mut self.is_known)
            && let Some(Line::Time(passed_ns)) = self.next
        {
            self.pass(passed_ns);
            self.advance();
        }
        self.now_ns
    }

    pub(super) fn departure(&self) -> Option<&str> {
        self.departure.as_deref()
    }

    /// Notes that the program departs from the recording here. Only the first departure counts.
    fn depart(&mut self, done: &dyn Display) {
        if self.departure.is_some() {
            return;
        }
        let Self { name, number, ending, .. } = self;
        self.departure = Some(match self.next.as_ref().map(LineInWords) {
            Some(expected) => words(format_args!(
                "replay of '{name}', line {number}: the recording has {expected}; the program has {done}"
            )),
            None => words(format_args!("replay of '{name}': {ending}; the program goes on with {done}")),
        });
    }

    /// Ends the replay, because there is no memory to go on.
    #[cold]
    pub(super) fn run_out(&mut self) {
        self.departure.get_or_insert(Cow::Borrowed(NO_MEMORY));
    }

    /// The program acts. Returns the recorded act if it is the same.
    pub(super) fn act(&mut self, act: Act) -> Option<Recorded> {
        let place = self.place.take();
        if self.departure.is_some() {
            return None;
        }
        self.skip_readings();
        match &self.next {
            Some(Line::Act(recorded)) if recorded.act.is_like(act) => {}
            _ => {
                self.depart(&InWords(act, place.as_deref()));
                return None;
            }
        }
        let recorded = self.next.take();
        self.advance();
        match recorded {
            Some(Line::Act(recorded)) => Some(recorded),
            _ => None,
        }
    }

    /// The program makes a call that the kernel answers. Returns the recorded answer.
    pub(super) fn asked(&mut self, act: Act) -> io::Result<()> {
        match self.act(act).and_then(|recorded| recorded.refusal) {
            None => Ok(()),
            Some(refusal) => Err(refusal.to_error()),
        }
    }

    pub(super) fn value(&mut self, now: u64) -> u64 {
        self.answer("a value from outside", |line| if let Line::Value(value) = line { Some(*value) } else { None }, now)
    }

    /// The recorded answer, if an answer of this kind comes next; otherwise `now`, the answer of the replay itself.
    pub(super) fn answer<T>(&mut self, done: &str, read: impl FnOnce(&Line) -> Option<T>, now: T) -> T {
        if self.departure.is_some() {
            return now;
        }
        self.skip_readings();
        match self.next.as_ref().and_then(read) {
            Some(answer) => {
                self.advance();
                answer
            }
            None => {
                self.depart(&done);
                now
            }
        }
    }

    /// Observes a descriptor.
    ///
    /// # Errors
    /// When there is no memory. The replay ends then.
    pub(super) fn observe(&mut self, token: Token, fd: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
        if let Err(refused) = self.observed.try_grow(token.index()) {
            self.run_out();
            return Err(refused.into());
        }
        let is_feigned = self.watched(token).is_some_and(|known| known.is_feigned);
        let new = Watched { token, number: Number::of(fd), file: Identity::of(fd).ok(), interest, is_feigned };
        self.observed.replace(token.index(), Some(new));
        Ok(())
    }

    /// Forgets a descriptor.
    pub(super) fn forget(&mut self, token: Token) {
        self.observed.take(token.index());
    }

    fn watched(&mut self, token: Token) -> Option<&mut Watched> {
        self.observed.get_mut(token.index())?.as_mut().filter(|known| known.token == token)
    }

    /// The program marks a descriptor ready.
    pub(super) fn mark(&mut self, event: Event) {
        match self.marked_now.try_reserve(1) {
            Ok(()) => {
                let marked = self.marked_now.entry(event.token.to_bits()).or_default();
                *marked = *marked | event.ready;
            }
            Err(_) => self.run_out(),
        }
    }

    /// Everything that is read from this descriptor is a value from outside.
    pub(super) fn feign(&mut self, token: Token) {
        if let Some(known) = self.watched(token) {
            known.is_feigned = true;
        }
    }

    /// The departure as an error.
    pub(super) fn departed(&self) -> io::Error {
        match self.departure().unwrap_or_default() {
            NO_MEMORY => io::ErrorKind::OutOfMemory.into(),
            departure => refused(format_args!("{departure}")),
        }
    }

    /// The result of the wait.
    pub(super) fn result(&mut self) -> io::Result<Outcome> {
        if let Some(begun) = self.begun.take() {
            return Ok(begun);
        }
        self.skip_readings();
        let line = self.number;
        let outcome = match (&self.departure, self.next.take()) {
            (None, Some(Line::Ready(passed_ns, events))) => Outcome { line, passed_ns, result: Ok(events) },
            (None, Some(Line::Failed(passed_ns, refusal))) => Outcome { line, passed_ns, result: Err(refusal) },
            (_, other) => {
                self.next = other;
                self.depart(&"a wait");
                return Err(self.departed());
            }
        };
        self.advance();
        Ok(outcome)
    }

    /// Notes that a descriptor which was ready in the recording did not become ready.
    pub(super) fn miss(&mut self, line: u64, event: &Event) {
        let (name, seconds) = (&self.name, self.patience().as_secs());
        let missed = words(format_args!(
            "replay of '{name}', line {line}: the recording has {}; it has not become ready within {seconds} s",
            ReadyInWords(event)
        ));
        self.departure.get_or_insert(missed);
    }

    /// How long the replay waits for descriptors that were ready in the recording.
    pub(super) fn patience(&self) -> Duration {
        PATIENCE + Duration::from_nanos(self.now_ns)
    }

    /// Whether the replay still has to wait for this event: until the descriptor is ready for the directions that are
    /// observed and that the program has not marked ready itself. It waits for nothing else: not if all that is read is
    /// recorded ([`feign`](Self::feign)), and not if the number is closed or names another file. The kernel may have
    /// reported the old file, if a duplicate has kept it open.
    pub(super) fn awaits(&mut self, event: &Event) -> bool {
        let marked = self.marked_now.get(&event.token.to_bits()).copied().unwrap_or(Interest::NONE);
        let Some(known) = self.watched(event.token).filter(|known| !known.is_feigned) else { return false };
        let (fd, wanted) = (known.number.as_fd(), (event.ready & known.interest).without(marked));
        !wanted.is_empty()
            && !look::now(fd, wanted).contains(wanted)
            && known.file.as_ref().is_some_and(|file| file.still(fd))
    }
}

/// A descriptor that the program observes in the replay.
struct Watched {
    token: Token,
    number: Number,
    // `None` if the system could not identify the file.
    file: Option<Identity>,
    interest: Interest,
    is_feigned: bool,
}

/// The recorded result of a wait: its line, its time, and the events or the error.
pub(super) struct Outcome {
    pub(super) line: u64,
    pub(super) passed_ns: u64,
    pub(super) result: Result<Vec<Event>, Refusal>,
}
