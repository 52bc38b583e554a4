//! Makes the texts of errors without allocating memory. The standard library's text of a system error is a `String`,
//! which allocates.

use crate::sys::errno;
use std::ffi::c_int;
use std::fmt::{Display, Formatter, Result, Write};
use std::io;

/// Displays bytes as text without allocating. Invalid UTF-8 is replaced.
pub(crate) struct Lossy<'a>(pub(crate) &'a [u8]);

impl Display for Lossy<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Lua's own message when memory has run out.
pub(crate) const NO_MEMORY: &str = "not enough memory";

/// Displays the system's text of an error number.
pub(crate) struct Reason(pub(crate) c_int);

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut room = errno::ROOM;
        match errno::text(self.0, &mut room) {
            Some(words) => Lossy(words).fmt(f),
            None => write!(f, "error {}", self.0),
        }
    }
}

/// Displays an error like its own `Display`, without allocating. If memory has run out, the text is Lua's own message.
pub(crate) struct ErrorMessage<'a>(pub(crate) &'a io::Error);

impl Display for ErrorMessage<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match errno::number(self.0) {
            Some(errno) => write!(f, "{} (os error {errno})", Reason(errno)),
            None if self.0.kind() == io::ErrorKind::OutOfMemory => f.write_str(NO_MEMORY),
            None => self.0.fmt(f),
        }
    }
}
