//! A line of a recording, as text and as a value. docs/replay.md describes the lines.

use super::refusal::Refusal;
use crate::memory::try_string;
use crate::{Event, Interest, Token};
use std::collections::TryReserveError;
use std::fmt::{self, Display, Write};

/// The version of the lines. A change of any line needs another version. The lines of version 1 can be read as well: it
/// only has fewer words for errors.
pub(super) const VERSION: u64 = 2;

/// How the first line begins.
pub(super) const MAGIC: &str = "cogloop recording ";

/// The separator between an act and its line in the program.
const AT_PLACE: &str = " @ ";

/// What the program did.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Act {
    /// Armed a timer with this delay in nanoseconds.
    After(u64),
    /// Armed a timer for a deadline: the deadline, and the time of arming.
    At(u64, u64),
    /// Armed a timer by a plan: its period, which is 0 if it fires once, and the time until it is due first.
    Every(u64, u64),
    Add(Token, Interest),
    Modify(Token, Interest),
    Remove(Token),
    /// Began to wait. The numbers count the timers and the descriptors.
    Wait(usize, usize),
    /// Ended a run with nothing left.
    Idle,
}

impl Act {
    /// Whether the two acts are the same. A time that was computed from a reading of the clock may differ by as much as
    /// the readings do.
    pub(super) fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::At(one, from), Self::At(two, since)) => {
                one == two || one.wrapping_sub(from) == two.wrapping_sub(since)
            }
            _ => self == other,
        }
    }
}

/// An act as it is recorded.
#[derive(Clone, Eq, PartialEq, Debug)]
pub(super) struct Recorded {
    pub(super) act: Act,
    /// The error, if the call was refused.
    pub(super) refusal: Option<Refusal>,
    /// Of a wait: the descriptors that the program has marked ready.
    pub(super) events: Vec<Event>,
    pub(super) place: Option<String>,
}

/// A line.
#[derive(Clone, Eq, PartialEq, Debug)]
pub(super) enum Line {
    /// A reading of the clock, in nanoseconds since the last one.
    Time(u64),
    Act(Recorded),
    /// The wait reported these events. The number is the nanoseconds since the last reading.
    Ready(u64, Vec<Event>),
    /// The wait failed. The number is the nanoseconds since the last reading.
    Failed(u64, Refusal),
    /// Which directions of a descriptor were still ready.
    Look(Interest),
    Value(u64),
    End,
}

fn letters(interest: Interest) -> &'static str {
    match interest.bits() {
        0 => "-",
        1 => "r",
        2 => "w",
        3 => "rw",
        4 => "p",
        5 => "rp",
        6 => "wp",
        _ => "rwp",
    }
}

struct Named(Token);

impl Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.index(), self.0.generation())
    }
}

fn write_events(f: &mut fmt::Formatter<'_>, events: &[Event]) -> fmt::Result {
    events.iter().try_for_each(|event| write!(f, " {}:{}", Named(event.token), letters(event.ready)))
}

/// An act that is being written. It borrows its parts, because writing must need no memory.
pub(super) struct Acted<'a> {
    pub(super) act: Act,
    /// The error, or 0.
    pub(super) answer: &'a dyn Display,
    pub(super) events: &'a [Event],
    pub(super) place: Option<&'a str>,
}

impl Display for Acted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.act {
            Act::After(delay_ns) => write!(f, "after {delay_ns}")?,
            Act::At(deadline_ns, now_ns) => write!(f, "at {deadline_ns} {now_ns}")?,
            Act::Every(period_ns, first_ns) => write!(f, "every {period_ns} {first_ns}")?,
            Act::Add(token, interest) => write!(f, "add {} {} {}", Named(token), letters(interest), self.answer)?,
            Act::Modify(token, interest) => write!(f, "change {} {} {}", Named(token), letters(interest), self.answer)?,
            Act::Remove(token) => write!(f, "remove {} {}", Named(token), self.answer)?,
            Act::Wait(timers, descriptors) => {
                write!(f, "wait {timers} {descriptors}")?;
                write_events(f, self.events)?;
            }
            Act::Idle => f.write_str("idle")?,
        }
        let Some(place) = self.place else { return Ok(()) };
        f.write_str(AT_PLACE)?;
        // A script chooses the name of its chunk, which may contain anything.
        place.chars().try_for_each(|each| f.write_char(if each.is_control() { '?' } else { each }))
    }
}

/// The result of a wait that is being written.
pub(super) struct Reported<'a>(pub(super) u64, pub(super) &'a [Event]);

impl Display for Reported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ready {}", self.0)?;
        write_events(f, self.1)
    }
}

/// The error of a wait that is being written.
pub(super) struct FailedWait<'a>(pub(super) u64, pub(super) &'a dyn Display);

impl Display for FailedWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed {} {}", self.0, self.1)
    }
}

impl Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { act, refusal, events, place } = self;
        let answer = refusal.as_ref().map_or(&0 as &dyn Display, |refusal| refusal);
        Acted { act: *act, answer, events, place: place.as_deref() }.fmt(f)
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(ns) => write!(f, "t {ns}"),
            Self::Act(recorded) => recorded.fmt(f),
            Self::Ready(ns, events) => Reported(*ns, events).fmt(f),
            Self::Failed(ns, refusal) => FailedWait(*ns, refusal).fmt(f),
            Self::Look(ready) => write!(f, "look {}", letters(*ready)),
            Self::Value(value) => write!(f, "value {value}"),
            Self::End => f.write_str("end"),
        }
    }
}

/// The words of a line, taken one after the other; `None` if none is left.
struct Words<'a>(Option<&'a str>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (word, rest) = self.0?.split_once(' ').map_or((self.0?, None), |(word, rest)| (word, Some(rest)));
        self.0 = rest;
        Some(word)
    }

    fn number<N: std::str::FromStr>(&mut self) -> Option<N> {
        self.next()?.parse().ok()
    }

    fn interest(&mut self) -> Option<Interest> {
        interest(self.next()?)
    }

    fn token(&mut self) -> Option<Token> {
        token(self.next()?)
    }

    /// The error of a call, with all words that are left; `None` for 0.
    fn answer(&mut self) -> Option<Option<Refusal>> {
        match self.next()? {
            "0" => Some(None),
            word => Refusal::parse(word, self.0.take()).map(Some),
        }
    }

    /// The rest of the words as events; `None` if one is not an event.
    fn events(&mut self) -> Result<Option<Vec<Event>>, TryReserveError> {
        let event = |word: &str| {
            let (name, ready) = word.split_once(':')?;
            Some(Event::new(token(name)?, interest(ready)?))
        };
        let mut events = Vec::new();
        events.try_reserve_exact(self.0.map_or(0, |rest| rest.split(' ').count()))?;
        while let Some(word) = self.next() {
            let Some(event) = event(word) else { return Ok(None) };
            events.push(event);
        }
        Ok(Some(events))
    }
}

fn interest(word: &str) -> Option<Interest> {
    (0..=Interest::ALL.bits()).filter_map(Interest::from_bits).find(|&interest| letters(interest) == word)
}

fn token(word: &str) -> Option<Token> {
    let (index, generation) = word.split_once('.')?;
    Some(Token::new(index.parse().ok()?, generation.parse().ok()?))
}

impl Line {
    /// Parses a line without its end; `None` if it is not a line of a recording. Without memory for the act's place in
    /// the program, the result has no place.
    ///
    /// # Errors
    /// When there is no memory for the events.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, TryReserveError> {
        let (text, place) = text.split_once(AT_PLACE).map_or((text, None), |(text, place)| (text, Some(place)));
        let mut words = Words(Some(text));
        let Some(mut line) = Self::begin(&mut words, place) else { return Ok(None) };
        if let Self::Ready(_, events) | Self::Act(Recorded { act: Act::Wait(..), events, .. }) = &mut line {
            match words.events()? {
                Some(read) => *events = read,
                None => return Ok(None),
            }
        }
        Ok(words.next().is_none().then_some(line))
    }

    /// Parses the words of a line, up to its events.
    fn begin(words: &mut Words<'_>, place: Option<&str>) -> Option<Self> {
        Some(match words.next()? {
            "t" => Self::Time(words.number()?),
            "ready" => Self::Ready(words.number()?, Vec::new()),
            "failed" => Self::Failed(words.number()?, words.answer()??),
            "look" => Self::Look(words.interest()?),
            "value" => Self::Value(words.number()?),
            "end" => Self::End,
            name => {
                let act = match name {
                    "after" => Act::After(words.number()?),
                    "at" => Act::At(words.number()?, words.number()?),
                    "every" => Act::Every(words.number()?, words.number()?),
                    "add" => Act::Add(words.token()?, words.interest()?),
                    "change" => Act::Modify(words.token()?, words.interest()?),
                    "remove" => Act::Remove(words.token()?),
                    "wait" => Act::Wait(words.number()?, words.number()?),
                    "idle" => Act::Idle,
                    _ => return None,
                };
                let is_call = matches!(act, Act::Add(..) | Act::Modify(..) | Act::Remove(_));
                let refusal = if is_call { words.answer()? } else { None };
                Self::Act(Recorded { act, refusal, events: Vec::new(), place: place.and_then(try_string) })
            }
        })
    }
}

/// Nanoseconds as milliseconds, for people.
struct Ms(u64);

impl Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0 as f64 / 1e6)
    }
}

/// A number of things, in words.
struct Count(usize, &'static str);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        write!(f, "{count} {noun}{}", if *count == 1 { "" } else { "s" })
    }
}

/// An act in words, with its place.
pub(super) struct InWords<'a>(pub(super) Act, pub(super) Option<&'a str>);

impl Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // A plan without a period fires once.
            Act::After(delay_ns) | Act::Every(0, delay_ns) => {
                write!(f, "a timer armed for {} from now", Ms(delay_ns))?;
            }
            Act::At(deadline_ns, _) => write!(f, "a timer armed for the time {}", Ms(deadline_ns))?,
            Act::Every(period_ns, first_ns) => {
                write!(f, "a timer armed for every {}, first in {}", Ms(period_ns), Ms(first_ns))?;
            }
            Act::Add(token, interest) => write!(f, "descriptor {} added for {}", Named(token), letters(interest))?,
            Act::Modify(token, interest) => write!(f, "descriptor {} changed to {}", Named(token), letters(interest))?,
            Act::Remove(token) => write!(f, "descriptor {} removed", Named(token))?,
            Act::Wait(timers, descriptors) => {
                let (timers, descriptors) = (Count(timers, "timer"), Count(descriptors, "descriptor"));
                write!(f, "a wait with {timers} and {descriptors}")?;
            }
            Act::Idle => f.write_str("the end of the run, with nothing left")?,
        }
        self.1.map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

/// An event in words.
pub(super) struct ReadyInWords<'a>(pub(super) &'a Event);

impl Display for ReadyInWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "descriptor {} ready for {}", Named(self.0.token), letters(self.0.ready))
    }
}

/// A line in words.
pub(super) struct LineInWords<'a>(pub(super) &'a Line);

impl Display for LineInWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Line::Act(recorded) => return InWords(recorded.act, recorded.place.as_deref()).fmt(f),
            Line::Time(_) => "a reading of the clock",
            Line::Ready(..) | Line::Failed(..) => "the result of a wait",
            Line::Look(_) => "the question whether a descriptor is still ready",
            Line::Value(_) => "a value from outside",
            Line::End => "the end of the loop",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::num::NonZeroU32;

    fn token(index: u32, generation: u32) -> Token {
        Token::new(index, NonZeroU32::new(generation).unwrap())
    }

    #[test]
    fn every_line_is_read_as_it_was_written() {
        let events = vec![Event::new(token(3, 1), Interest::READ), Event::new(token(0, 4_000_000_000), Interest::BOTH)];
        let acts = [
            Act::After(u64::MAX),
            Act::At(5, 4),
            Act::Every(1, 0),
            Act::Add(token(3, 1), Interest::NONE),
            Act::Modify(token(3, 1), Interest::WRITE),
            Act::Remove(token(7, 2)),
            Act::Wait(3, 1),
            Act::Idle,
        ];
        let of_act = |act| {
            let refusal = match act {
                Act::Add(..) => Some(Refusal::Number(9)),
                Act::Modify(..) => Some(Refusal::Kind(ErrorKind::InvalidInput, Some("it is a b".to_owned()))),
                _ => None,
            };
            let events = if matches!(act, Act::Wait(..)) { events.clone() } else { Vec::new() };
            [None, Some("a @ b c:1".to_owned())]
                .map(|place| Line::Act(Recorded { act, refusal: refusal.clone(), events: events.clone(), place }))
        };
        let others = [Line::Time(0), Line::Ready(9, events.clone()), Line::Ready(9, vec![])];
        let failures = [Refusal::Number(9), Refusal::Kind(ErrorKind::OutOfMemory, None)];
        let failures = failures.map(|refusal| Line::Failed(1, refusal));
        let looks = (0..=7).filter_map(Interest::from_bits).map(Line::Look);
        let more = [Line::Value(u64::MAX), Line::End];
        for line in acts.into_iter().flat_map(of_act).chain(others).chain(failures).chain(looks).chain(more) {
            assert_eq!(Line::parse(&line.to_string()).unwrap(), Some(line.clone()), "{line}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_line_is_refused() {
        for text in [
            "",
            "t",
            "t x",
            "t 1 2",
            "t -1",
            "ready",
            "ready 1 3:r",
            "ready 1 3.0:r",
            "add 3.1 x 0",
            "add 3.1 r 0 1",
            "add 3.1 r 9 1",
            "add 3.1 r Nonsense",
            "add 3.1 r",
            "failed 1 0",
            "wait 1",
            "look",
            "end 1",
        ] {
            assert_eq!(Line::parse(text).unwrap(), None, "{text:?}");
        }
    }

    #[test]
    fn a_place_cannot_break_its_line() {
        let place = Some("a\nend\r:1".to_owned());
        let line = Recorded { act: Act::Idle, refusal: None, events: vec![], place };
        assert_eq!(line.to_string(), "idle @ a?end?:1");
    }
}
