//! The events of a run, line by line, and one hash of all of them.

use std::fmt::{self, Write};
use std::io;

use cogloop_io::Token;

/// The trace of one run. Every line is added to the hash. The lines are kept only if they will be printed.
#[derive(Debug)]
pub(super) struct Trace {
    hash: Fnv,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(super) fn new(is_kept: bool) -> Self {
        Self { hash: Fnv::default(), lines: is_kept.then(Vec::new) }
    }

    pub(super) fn note(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a hash never fails.
        let _ = writeln!(self.hash, "{line}");
        if let Some(lines) = &mut self.lines {
            lines.push(line.to_string());
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash.0
    }

    pub(super) fn take_lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}

/// FNV-1a (Fowler, Noll and Vo) with 64 bits. The hash is made from the text, so it is the same on every machine.
#[derive(Debug)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

/// A time or a span in the largest unit in which it is a whole number.
pub(super) struct Ns(pub(super) u64);

impl fmt::Display for Ns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 5] =
            [(86_400_000_000_000, "d"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];
        if self.0 == 0 {
            return f.write_str("0");
        }
        let (length, unit) = UNITS.into_iter().find(|(length, _)| self.0.is_multiple_of(*length)).unwrap_or((1, "ns"));
        write!(f, "{} {unit}", self.0 / length)
    }
}

/// A time in seconds.
pub(super) struct At(pub(super) u64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>3}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A token in short form: its index and its generation.
pub(super) struct Name(pub(super) Token);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {}.{}", self.0.index(), self.0.generation())
    }
}

/// An error by its number or kind, because its words differ between systems.
pub(super) struct Said<'a>(pub(super) &'a io::Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.raw_os_error() {
            Some(errno) => write!(f, "error {errno}"),
            None => write!(f, "{:?}", self.0.kind()),
        }
    }
}

/// The time that a wait may last.
pub(super) struct Patience(pub(super) Option<u64>);

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ns) => write!(f, "for {}", Ns(ns)),
            None => f.write_str("for ever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_has_the_published_values() {
        for (text, expected) in
            [("", 0xcbf2_9ce4_8422_2325_u64), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            let mut hash = Fnv::default();
            hash.write_str(text).expect("a hash takes anything");
            assert_eq!(hash.0, expected, "{text}");
        }
    }

    #[test]
    fn a_trace_that_keeps_no_lines_has_the_same_hash() {
        let (mut kept, mut bare) = (Trace::new(true), Trace::new(false));
        for trace in [&mut kept, &mut bare] {
            trace.note(format_args!("timer {}", 3));
        }
        assert_eq!(kept.hash(), bare.hash());
        assert_eq!((kept.take_lines(), bare.take_lines()), (vec!["timer 3".to_owned()], Vec::new()));
    }

    #[test]
    fn a_span_is_shown_in_the_largest_unit_of_which_it_is_a_whole_number() {
        for (ns, shown) in
            [(0, "0"), (999, "999 ns"), (2_000, "2 µs"), (1_000_001, "1000001 ns"), (5_000_000_000, "5 s")]
        {
            assert_eq!(Ns(ns).to_string(), shown);
        }
    }
}
