//! Text in a buffer of fixed size. A message must not need memory, because it may be about a lack of memory.

use std::ffi::{c_char, c_int};
use std::fmt::{self, Display, Write};
use std::io;

use crate::sys::errno;

const LENGTH: usize = 512;

/// A C string. A text that is too long is cut between two characters.
#[derive(Copy, Clone, Debug)]
pub(super) struct Words {
    /// The bytes from `length` on are zeros.
    bytes: [u8; LENGTH],
    length: usize,
}

impl Words {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; LENGTH], length: 0 }
    }

    pub(super) fn of(text: impl Display) -> Self {
        let mut words = Self::new();
        // A write error only means that a long text was cut.
        let _ = write!(words, "{text}");
        words
    }

    /// The text, which ends with a zero. The pointer is valid until this value is moved or dropped.
    pub(super) fn as_ptr(&self) -> *const c_char {
        self.bytes.as_ptr().cast()
    }
}

impl Write for Words {
    /// Leaves out zero bytes. The library's own texts have none.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars().filter(|&character| character != '\0') {
            let mut room = [0; 4];
            let encoded = character.encode_utf8(&mut room).as_bytes();
            // The last byte stays zero.
            if self.length + encoded.len() >= LENGTH {
                return Err(fmt::Error);
            }
            self.bytes[self.length..self.length + encoded.len()].copy_from_slice(encoded);
            self.length += encoded.len();
        }
        Ok(())
    }
}

/// The system's text for an error number. The standard library would allocate that text.
struct OfNumber(c_int);

impl Display for OfNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = [0_u8; LENGTH];
        match errno::text(self.0, &mut room) {
            Some(words) => f.write_str(words),
            None => write!(f, "Unknown error {}", self.0),
        }
    }
}

/// The text of an error of the system.
pub(super) struct OfError<'a>(pub(super) &'a io::Error);

impl Display for OfError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.raw_os_error() {
            Some(number) => write!(f, "{} (os error {number})", OfNumber(number)),
            None => self.0.fmt(f),
        }
    }
}

/// The text for an error number.
pub(super) fn of_number(number: c_int) -> Words {
    Words::of(OfNumber(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn words_are_cut_between_characters_and_end_with_a_zero() {
        let long = Words::of("ß\0".repeat(LENGTH));
        assert_eq!((long.length, long.bytes[LENGTH - 1]), (LENGTH - 2, 0));
        let text = CStr::from_bytes_until_nul(&long.bytes).unwrap().to_str().unwrap();
        assert_eq!(text, "ß".repeat((LENGTH - 2) / 2));
    }

    #[test]
    fn the_text_of_an_error_is_that_of_the_standard_library() {
        for number in [1, 9, 24, 9999] {
            let theirs = io::Error::from_raw_os_error(number);
            assert_eq!(OfError(&theirs).to_string(), theirs.to_string());
        }
        assert_eq!(OfError(&io::ErrorKind::NotFound.into()).to_string(), "entity not found");
    }
}
