//! The state of a loop's trace: the trace, and the names of functions.

use crate::sys::names;
use cogloop_io::trace::Trace;
use std::cell::{Cell, RefCell};
use std::collections::TryReserveError;
use std::io::{self, Write};

/// The number of names that are kept. Most programs have fewer callbacks. The names beyond this number are looked up
/// each time.
const NAMES_MAX: usize = 4096;

/// The greatest length of a name, in bytes.
const NAME_MAX: usize = 120;

/// The state of a loop's trace.
#[derive(Default)]
pub(super) struct Tracing {
    pub(super) is_on: Cell<bool>,
    pub(super) trace: RefCell<Option<Trace>>,
    /// When the last callback of this turn ended. The time of the next callback counts from then, which saves a reading
    /// of the clock.
    pub(super) ended_ns: Cell<Option<u64>>,
    /// The names of functions, by their addresses, in order.
    names: RefCell<Vec<(usize, Text)>>,
}

/// A name in a buffer of fixed size.
#[derive(Copy, Clone)]
pub(super) struct Text {
    bytes: [u8; NAME_MAX],
    length: usize,
}

impl Text {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let length = bytes.len().min(NAME_MAX);
        let mut text = Self { bytes: [0; NAME_MAX], length };
        text.bytes[..length].copy_from_slice(&bytes[..length]);
        text
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The name that the system knows for a function.
    fn found(address: usize) -> Self {
        let mut text = Self::of(b"");
        names::of_function(address, |name, offset| {
            text = Self::of(name);
            if let Some(offset) = offset {
                let mut rest = &mut text.bytes[text.length.min(NAME_MAX - 20)..];
                let before = rest.len();
                // The buffer has room for these 20 bytes.
                let _ = write!(rest, "+{offset:#x}");
                text.length = text.length.min(NAME_MAX - 20) + before - rest.len();
            }
        });
        text
    }
}

impl Tracing {
    /// Gives a function its name.
    pub(super) fn put(&self, address: usize, text: Text) -> Result<(), TryReserveError> {
        let mut names = self.names.borrow_mut();
        match names.binary_search_by_key(&address, |name| name.0) {
            Ok(place) => names[place].1 = text,
            Err(place) => {
                names.try_reserve(1)?;
                names.insert(place, (address, text));
            }
        }
        Ok(())
    }

    pub(super) fn name_of(&self, address: usize) -> Text {
        let known = {
            let names = self.names.borrow();
            names.binary_search_by_key(&address, |name| name.0).ok().map(|place| names[place].1)
        };
        known.unwrap_or_else(|| {
            let text = Text::found(address);
            if self.names.borrow().len() < NAMES_MAX {
                // If there is no memory to keep the name, it is looked up again the next time.
                let _ = self.put(address, text);
            }
            text
        })
    }

    /// Ends the trace, if there is one.
    pub(super) fn end(&self) -> io::Result<()> {
        self.is_on.set(false);
        self.trace.borrow_mut().take().map_or(Ok(()), Trace::finish)
    }
}
