//! The error of a recorded call or wait, as words of a line and as a value.
//!
//! ```text
//!   9                                        an error with a number of the system
//!   OutOfMemory                              an error of a kind, without a message
//!   InvalidInput select cannot watch …       an error of a kind, with its message
//!   -1                                       version 1 has this for each error without a number
//! ```

use crate::memory::{error_in_words, try_string};
use std::fmt::{self, Display, Write};
use std::io::{self, ErrorKind};

/// The kinds that a recording names. An error of another kind is recorded as `Other`.
const KINDS: [(&str, ErrorKind); 12] = [
    ("AlreadyExists", ErrorKind::AlreadyExists),
    ("InvalidData", ErrorKind::InvalidData),
    ("InvalidInput", ErrorKind::InvalidInput),
    ("NotFound", ErrorKind::NotFound),
    ("Other", ErrorKind::Other),
    ("OutOfMemory", ErrorKind::OutOfMemory),
    ("PermissionDenied", ErrorKind::PermissionDenied),
    ("QuotaExceeded", ErrorKind::QuotaExceeded),
    ("ResourceBusy", ErrorKind::ResourceBusy),
    ("TimedOut", ErrorKind::TimedOut),
    ("Unsupported", ErrorKind::Unsupported),
    ("WouldBlock", ErrorKind::WouldBlock),
];

/// What version 1 has for each error without a number.
const NO_NUMBER: i32 = -1;

/// The error of a recorded call or wait.
#[derive(Clone, Eq, PartialEq, Debug)]
pub(super) enum Refusal {
    /// The number of the system's error.
    Number(i32),
    /// The kind of an error without a number, and its message, if it has one of its own.
    Kind(ErrorKind, Option<String>),
}

impl Refusal {
    /// Parses a refusal: its first word, and the text after it. Without memory for the message, the result has none.
    pub(super) fn parse(word: &str, message: Option<&str>) -> Option<Self> {
        if let Ok(number) = word.parse() {
            return message.is_none().then_some(Self::Number(number));
        }
        let &(_, kind) = KINDS.iter().find(|(name, _)| *name == word)?;
        Some(Self::Kind(kind, message.and_then(try_string)))
    }

    /// The error for the program.
    pub(super) fn to_error(&self) -> io::Error {
        match self {
            Self::Number(NO_NUMBER) => error_in_words(ErrorKind::Other, format_args!("the recorded call failed")),
            Self::Number(number) => io::Error::from_raw_os_error(*number),
            Self::Kind(kind, None) => (*kind).into(),
            Self::Kind(kind, Some(message)) => error_in_words(*kind, format_args!("{message}")),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Kind(kind, None) => write!(f, "{kind:?}"),
            Self::Kind(kind, Some(message)) => write!(f, "{kind:?} {message}"),
        }
    }
}

/// An error that is being written. Writing needs no memory.
pub(super) struct Refused<'a>(pub(super) &'a io::Error);

impl Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        if let Some(number) = error.raw_os_error() {
            return write!(f, "{number}");
        }
        let name = KINDS.iter().find(|(_, kind)| *kind == error.kind()).map(|(name, _)| *name);
        f.write_str(name.unwrap_or("Other"))?;
        if name.is_some() && error.get_ref().is_none() {
            return Ok(());
        }
        write!(Message(f), " {error}")
    }
}

/// Writes a message without what would end the line, or begin a place in the program.
struct Message<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Message<'_, '_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        part.chars().try_for_each(|each| self.0.write_char(if each.is_control() || each == '@' { '?' } else { each }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error as it is after it was written and read.
    fn replayed(error: &io::Error) -> io::Error {
        let text = Refused(error).to_string();
        let (word, message) = text.split_once(' ').map_or((&*text, None), |(word, message)| (word, Some(message)));
        Refusal::parse(word, message).unwrap().to_error()
    }

    #[test]
    fn an_error_is_replayed_with_its_number_or_with_its_kind_and_message() {
        let mut errors = vec![io::Error::from_raw_os_error(9), io::Error::other("a  b")];
        errors.extend(KINDS.map(|(_, kind)| kind.into()));
        errors.extend(KINDS.map(|(_, kind)| io::Error::new(kind, "why: 1 2")));
        errors.push(io::Error::new(ErrorKind::Unsupported, ""));
        for error in errors {
            let again = replayed(&error);
            assert_eq!((again.kind(), again.raw_os_error()), (error.kind(), error.raw_os_error()), "{error:?}");
            assert_eq!(again.to_string(), error.to_string());
        }
    }

    #[test]
    fn an_error_of_another_kind_keeps_its_message() {
        let again = replayed(&ErrorKind::UnexpectedEof.into());
        assert_eq!((again.kind(), again.to_string()), (ErrorKind::Other, "unexpected end of file".to_owned()));
    }

    #[test]
    fn a_message_cannot_break_its_line() {
        assert_eq!(Refused(&io::Error::other("a\nend @ b")).to_string(), "Other a?end ? b");
    }

    #[test]
    fn an_error_without_a_number_in_version_1_is_an_error() {
        let error = Refusal::parse("-1", None).unwrap().to_error();
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::Other, None));
        assert_eq!((Refusal::parse("Nonsense", None), Refusal::parse("9", Some("why"))), (None, None));
    }
}
