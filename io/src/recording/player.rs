//! Plays a recording: a clock and a backend that read the file, and a comparison of the program's acts with the file.

use super::format::{Act, InWords, Line, MAGIC, Recorded, VERSION, ready_in_words};
use crate::memory::error_in_words;
use crate::number::Number;
use crate::{Backend, Clock, Event, Interest, Token, Waker};
use rustix::fd::BorrowedFd;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The longest line that is read. A wait reports at most 2048 descriptors, each with at most 24 bytes.
const LINE_MAX: u64 = 1 << 17;

/// How long a replay waits, in real time, for a descriptor that was ready in the recording. The loop's recorded time
/// at the beginning of the wait is added.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a replay sleeps between two looks at such a descriptor.
const NAP_MAX: Duration = Duration::from_millis(1);

/// The file that is played.
pub(crate) struct Player {
    file: BufReader<File>,
    name: String,
    // The line that comes next, and its number.
    next: Option<Line>,
    number: u64,
    // Why there is no next line.
    ending: String,
    now_ns: u64,
    // Whether the next reading of the clock is `now_ns`; see `Recorder`.
    is_known: bool,
    departure: Option<String>,
    pub(super) place: Option<String>,
    // The marks of the recording for this turn, and those that the program makes now.
    pub(super) marks: Vec<Event>,
    pub(super) marked_now: Vec<Event>,
    pub(super) feigned: HashSet<u64>,
    observed: HashMap<u64, (Number, Interest)>,
    // Whether a wait for a descriptor has to end, and the result of a wait that was ended in this way.
    pub(super) is_interrupted: fn() -> bool,
    pub(super) begun: Option<Outcome>,
}

fn refused(message: std::fmt::Arguments<'_>) -> io::Error {
    error_in_words(io::ErrorKind::InvalidData, message)
}

impl Player {
    pub(super) fn open(path: &Path, resolution_ns: u64) -> io::Result<Self> {
        let mut player = Self {
            file: BufReader::new(crate::sys::own(|| File::open(path))?),
            name: path.file_name().unwrap_or_default().display().to_string(),
            next: None,
            number: 1,
            ending: String::new(),
            now_ns: 0,
            is_known: true,
            departure: None,
            place: None,
            marks: Vec::new(),
            marked_now: Vec::new(),
            feigned: HashSet::new(),
            observed: HashMap::new(),
            is_interrupted: || false,
            begun: None,
        };
        let head = player.read_line()?;
        let Some(rest) = head.strip_prefix(MAGIC.as_bytes()) else {
            return Err(match MAGIC.as_bytes().starts_with(&head) {
                true => refused(format_args!("the recording is cut off in its first line")),
                false => refused(format_args!("this file is not a recording")),
            });
        };
        let Some(rest) = rest.strip_suffix(b"\n") else {
            return Err(refused(format_args!("the recording is cut off in its first line")));
        };
        let mut words = std::str::from_utf8(rest).unwrap_or("").split(' ').map(str::parse::<u64>);
        match (words.next(), words.next()) {
            (Some(Ok(version)), _) if version != u64::from(VERSION) => Err(refused(format_args!(
                "the recording has version {version}, and only version {VERSION} can be played"
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

    /// The next line of the file with its end; the end is missing if the file is cut off.
    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.file.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
        Ok(line)
    }

    /// Goes on to the next line.
    fn advance(&mut self) {
        self.next = None;
        let line = match self.read_line() {
            Ok(line) => line,
            Err(error) => {
                return self.ending = format!("the recording cannot be read after line {}: {error}", self.number);
            }
        };
        let Some(text) = line.strip_suffix(b"\n") else {
            let after = if line.is_empty() { "" } else { " in the middle of a line" };
            return self.ending = format!(
                "the recording breaks off{after} after line {}: the recorded program was killed, or the file was cut off",
                self.number
            );
        };
        self.number += 1;
        self.next = std::str::from_utf8(text).ok().and_then(Line::parse);
        if self.next.is_none() {
            self.ending = format!("line {} is not a line of a recording", self.number);
        }
    }

    /// Skips readings of the clock that the program has not made.
    fn skip_readings(&mut self) {
        while let Some(Line::Time(passed_ns)) = self.next {
            self.pass(passed_ns);
            self.advance();
        }
    }

    fn pass(&mut self, by_ns: u64) {
        self.now_ns = self.now_ns.saturating_add(by_ns);
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    pub(super) fn departure(&self) -> Option<&str> {
        self.departure.as_deref()
    }

    /// Notes that the program departs from the recording here. Only the first departure counts.
    fn depart(&mut self, done: &str) {
        if self.departure.is_some() {
            return;
        }
        let name = &self.name;
        self.departure = Some(match &self.next {
            Some(line) => {
                let number = self.number;
                let expected = line.in_words();
                format!("replay of '{name}', line {number}: the recording has {expected}; the program has {done}")
            }
            None => format!("replay of '{name}': {}; the program goes on with {done}", self.ending),
        });
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
                self.depart(&InWords(act, place.as_deref()).to_string());
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
    fn asked(&mut self, act: Act) -> io::Result<()> {
        match self.act(act).map_or(0, |recorded| recorded.errno) {
            0 => Ok(()),
            ..0 => Err(error_in_words(io::ErrorKind::Other, format_args!("the recorded call failed"))),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    pub(super) fn value(&mut self, now: u64) -> u64 {
        self.answer("a value from outside", |line| if let Line::Value(value) = line { Some(*value) } else { None }, now)
    }

    /// The recorded answer, if an answer of this kind comes next; otherwise the present answer.
    fn answer<T>(&mut self, done: &str, read: impl FnOnce(&Line) -> Option<T>, now: T) -> T {
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
                self.depart(done);
                now
            }
        }
    }

    fn departed(&self) -> io::Error {
        error_in_words(io::ErrorKind::InvalidData, format_args!("{}", self.departure().unwrap_or_default()))
    }

    /// The result of the wait.
    fn result(&mut self) -> Result<Outcome, io::Error> {
        if let Some(begun) = self.begun.take() {
            return Ok(begun);
        }
        self.skip_readings();
        let line = self.number;
        let outcome = match (&self.departure, self.next.take()) {
            (None, Some(Line::Ready(passed_ns, events))) => Outcome { line, passed_ns, result: Ok(events) },
            (None, Some(Line::Failed(passed_ns, errno))) => Outcome { line, passed_ns, result: Err(errno) },
            (_, other) => {
                self.next = other;
                self.depart("a wait");
                return Err(self.departed());
            }
        };
        self.advance();
        Ok(outcome)
    }

    /// Notes that a descriptor which was ready in the recording did not become ready.
    fn miss(&mut self, line: u64, event: &Event) {
        let (name, seconds) = (&self.name, PATIENCE.as_secs());
        let missed = format!(
            "replay of '{name}', line {line}: the recording has {}; it has not become ready within {seconds} s",
            ready_in_words(event)
        );
        self.departure.get_or_insert(missed);
    }

    /// The directions of this event for which the replay waits: those that are observed and that the program has not
    /// marked ready itself.
    fn awaited(&self, event: &Event) -> Option<(Number, Interest)> {
        let (number, interest) = *self.observed.get(&event.token.to_bits())?;
        let mut wanted = event.ready & interest;
        self.marked_now.iter().filter(|mark| mark.token == event.token).for_each(|mark| wanted.remove(mark.ready));
        let is_real = !wanted.is_empty() && !self.feigned.contains(&event.token.to_bits());
        is_real.then_some((number, wanted))
    }
}

/// The recorded result of a wait: its line, its time, and the events or the error's number.
pub(super) struct Outcome {
    line: u64,
    passed_ns: u64,
    result: Result<Vec<Event>, i32>,
}

/// The recorded clock.
pub(super) struct PlayedClock(Rc<RefCell<Player>>);

impl PlayedClock {
    pub(super) fn new(player: Rc<RefCell<Player>>) -> Self {
        Self(player)
    }
}

impl Clock for PlayedClock {
    fn now_ns(&self) -> u64 {
        let mut player = self.0.borrow_mut();
        if !std::mem::take(&mut player.is_known)
            && let Some(Line::Time(passed_ns)) = player.next
        {
            player.pass(passed_ns);
            player.advance();
        }
        player.now_ns
    }
}

/// The recorded kernel.
pub(super) struct PlayedBackend {
    player: Rc<RefCell<Player>>,
    waker: Option<Waker>,
}

impl PlayedBackend {
    pub(super) fn new(player: Rc<RefCell<Player>>) -> Self {
        Self { player, waker: None }
    }

    /// Waits, in real time, until the descriptors are ready. Returns `false` if the user has ended the wait. A wake
    /// does not end the wait: in a replay only the recorded wakes count.
    fn wait_for(&self, events: &[Event], line: u64) -> io::Result<bool> {
        let begin = Instant::now();
        for event in events {
            let mut nap = Duration::from_micros(10);
            let Some((number, wanted)) = self.player.borrow().awaited(event) else { continue };
            while !crate::look::now(number.as_fd(), wanted).contains(wanted) {
                let mut player = self.player.borrow_mut();
                if (player.is_interrupted)() {
                    return Ok(false);
                }
                if begin.elapsed() > PATIENCE + Duration::from_nanos(player.now_ns) {
                    player.miss(line, event);
                    return Err(player.departed());
                }
                drop(player);
                std::thread::sleep(nap);
                nap = (nap * 2).min(NAP_MAX);
            }
        }
        Ok(true)
    }
}

impl Backend for PlayedBackend {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        self.waker = Some(waker.clone());
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        let mut player = self.player.borrow_mut();
        player.asked(Act::Add(token, interest))?;
        player.observed.insert(token.to_bits(), (Number::of(fd), interest));
        Ok(())
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        let mut player = self.player.borrow_mut();
        player.asked(Act::Modify(token, interest))?;
        player.observed.insert(token.to_bits(), (Number::of(fd), interest));
        Ok(())
    }

    fn remove(&mut self, _fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let mut player = self.player.borrow_mut();
        player.observed.remove(&token.to_bits());
        player.feigned.remove(&token.to_bits());
        player.asked(Act::Remove(token))
    }

    fn wait(&mut self, events: &mut Vec<Event>, _timeout_ns: Option<u64>) -> io::Result<()> {
        let outcome = self.player.borrow_mut().result()?;
        let mut awaited = self.player.borrow().marks.clone();
        awaited.extend(outcome.result.iter().flatten());
        let is_ready = self.wait_for(&awaited, outcome.line)?;
        self.waker.iter().for_each(Waker::drain);
        let mut player = self.player.borrow_mut();
        player.is_known = true;
        if !is_ready {
            player.begun = Some(outcome);
            return Ok(());
        }
        player.marked_now.clear();
        player.pass(outcome.passed_ns);
        match outcome.result {
            Ok(reported) => events.extend(reported),
            Err(errno) => return Err(io::Error::from_raw_os_error(errno)),
        }
        Ok(())
    }

    /// Does not wait until the descriptor is ready. The loop asks only about blocking descriptors, and reading such a
    /// descriptor waits.
    fn look(&mut self, _fd: BorrowedFd<'_>, directions: Interest, _token: Token) -> Interest {
        let read = |line: &Line| if let Line::Look(ready) = line { Some(*ready) } else { None };
        self.player.borrow_mut().answer("the question whether a descriptor is still ready", read, directions)
    }

    fn prepare(&mut self) -> io::Result<bool> {
        Ok(self.player.borrow_mut().value(0) != 0)
    }
}
