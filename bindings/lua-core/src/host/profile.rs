//! Finds the callbacks that take the most time, for `top`.

use crate::lua::guard::{ErrorText, Text};
use cogloop_io::memory::expect_bytes;
use cogloop_io::trace::Detail;
use std::fmt::{self, Write};

/// The number of places that are counted separately. All others are counted together.
const PLACES_MAX: usize = 256;

/// The greatest number of lines that are shown of each list.
const SHOWN: usize = 10;

/// A place in the script, and the time that its callbacks took.
#[derive(Clone, Copy)]
struct Entry {
    place: Text<80>,
    calls: u64,
    total_ns: u64,
    longest_ns: u64,
    latest_ns: u64,
    descriptor: Option<u64>,
}

/// A list that `top` shows: its title, the value by which it is ordered, and a filter for its entries.
type List = (&'static str, fn(&Entry) -> u64, fn(&Entry) -> bool);

/// The time that callbacks took since `since_ns`.
pub(crate) struct Profile {
    pub(crate) since_ns: u64,
    entries: Vec<Entry>,
}

impl Profile {
    /// Makes room for all entries.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    pub(crate) fn try_new(now_ns: u64) -> Result<Self, ErrorText> {
        expect_bytes((PLACES_MAX + 1) * size_of::<Entry>())?;
        Ok(Self { since_ns: now_ns, entries: Vec::with_capacity(PLACES_MAX + 1) })
    }

    /// The time of all callbacks together.
    pub(crate) fn busy_ns(&self) -> u64 {
        self.entries.iter().map(|entry| entry.total_ns).sum()
    }

    /// Writes the busiest callbacks, the latest timers, and the busiest descriptors.
    pub(crate) fn write_lists(&mut self, text: &mut impl Write) -> fmt::Result {
        let lists: [List; 3] = [
            ("busiest callbacks", |entry| entry.total_ns, |_| true),
            ("latest timers", |entry| entry.latest_ns, |entry| entry.latest_ns > 0),
            ("busiest descriptors", |entry| entry.total_ns, |entry| entry.descriptor.is_some()),
        ];
        for (title, rank, is_shown) in lists {
            // The sort needs no memory. Equal entries are ordered by their names, so their order is always the same.
            self.entries.sort_unstable_by(|a, b| {
                rank(b).cmp(&rank(a)).then_with(|| a.place.as_bytes().cmp(b.place.as_bytes()))
            });
            let mut shown = self.entries.iter().filter(|entry| is_shown(entry)).take(SHOWN).peekable();
            if shown.peek().is_none() {
                continue;
            }
            writeln!(text, "\n{title}\n    calls     total ms   longest ms    latest ms  callback")?;
            for entry in shown {
                let times = [entry.total_ns, entry.longest_ns, entry.latest_ns].map(Ms);
                write!(text, "{:>9} {} {} {}  {}", entry.calls, times[0], times[1], times[2], entry.place)?;
                match entry.descriptor {
                    Some(number) => writeln!(text, ", descriptor {number}")?,
                    None => writeln!(text)?,
                }
            }
        }
        Ok(())
    }

    pub(crate) fn begin_again(&mut self, now_ns: u64) {
        self.since_ns = now_ns;
        self.entries.clear();
    }

    /// Adds a callback of this place.
    pub(crate) fn add(&mut self, place: &[u8], took_ns: u64, detail: Detail) {
        let known = self.entries.iter().position(|entry| entry.place.as_bytes() == place);
        let place = if known.is_none() && self.entries.len() >= PLACES_MAX { b"others".as_slice() } else { place };
        let known = known.or_else(|| self.entries.iter().position(|entry| entry.place.as_bytes() == place));
        let at = known.unwrap_or(self.entries.len());
        if known.is_none() {
            let place = Text::of_raw(place);
            self.entries.push(Entry { place, calls: 0, total_ns: 0, longest_ns: 0, latest_ns: 0, descriptor: None });
        }
        let entry = &mut self.entries[at];
        entry.calls += 1;
        entry.total_ns = entry.total_ns.saturating_add(took_ns);
        entry.longest_ns = entry.longest_ns.max(took_ns);
        match detail {
            Detail::Late(late_ns) => entry.latest_ns = entry.latest_ns.max(late_ns),
            Detail::Number(number) => entry.descriptor = Some(number),
            Detail::None => {}
        }
    }
}

/// Milliseconds, with three decimals.
pub(crate) struct Ms(pub(crate) u64);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / 1_000_000;
        write!(f, "{whole:>8}.{:03}", self.0 / 1_000 % 1_000)
    }
}
