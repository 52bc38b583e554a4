//! A line of JSON, written without `fmt`, which would take half of an event's time.
//!
//! A function takes the line and returns it, so that the place of the next byte stays in a register. A piece of a
//! constant length is copied by a few instructions, without a call. So a short piece of a variable length is copied
//! with some bytes behind it, which the next piece overwrites.

/// The rest of the room for a line. Anything that does not fit is left out.
pub(super) struct Line<'a>(pub(super) &'a mut [u8]);

/// The most bytes of a text that are written; the rest is left out.
const TEXT_MAX: usize = 120;

/// The room that a line needs. An escaped byte of a text takes up to six bytes.
pub(super) const LINE_MAX: usize = 1 << 10;

impl Line<'_> {
    /// Writes a text of a constant length.
    #[inline]
    pub(super) fn raw<const N: usize>(self, bytes: &[u8; N]) -> Self {
        self.first(N, bytes)
    }

    /// Writes the first `length` of these bytes.
    #[inline]
    pub(super) fn first<const N: usize>(self, length: usize, bytes: &[u8; N]) -> Self {
        let room = self.0;
        let Some(place) = room.first_chunk_mut() else { return Self(&mut []) };
        *place = *bytes;
        Self(&mut room[length.min(N)..])
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        let Some((place, rest)) = self.0.split_at_mut_checked(bytes.len()) else { return Self(&mut []) };
        place.copy_from_slice(bytes);
        Self(rest)
    }

    /// Writes the inside of a string. Bytes that are not UTF-8 become U+FFFD.
    #[inline]
    pub(super) fn text(self, text: &[u8]) -> Self {
        let text = &text[..text.len().min(TEXT_MAX)];
        let room = self.0;
        let is_plain = room.get_mut(..text.len()).is_some_and(|place| match text.len() {
            16.. => copy::<16>(place, text),
            8.. => copy::<8>(place, text),
            _ => copy::<1>(place, text),
        });
        if is_plain { Self(&mut room[text.len()..]) } else { Self(room).escaped(text) }
    }

    #[cold]
    fn escaped(mut self, text: &[u8]) -> Self {
        for chunk in text.utf8_chunks() {
            for &byte in chunk.valid().as_bytes() {
                self = match byte {
                    b'"' | b'\\' => self.raw(&[b'\\', byte]),
                    ..0x20 => {
                        let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                        self.raw(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)])
                    }
                    _ => self.raw(&[byte]),
                }
            }
            if !chunk.invalid().is_empty() {
                self = self.bytes("\u{fffd}".as_bytes());
            }
        }
        self
    }

    #[inline]
    pub(super) fn number(self, number: u64) -> Self {
        if number < 1000 {
            let [triple @ .., zeros] = TRIPLES[number as usize];
            let digits = u32::from_le_bytes([triple[0], triple[1], triple[2], 0]) >> (8 * zeros);
            self.first(3 - usize::from(zeros), &digits.to_le_bytes())
        } else {
            self.upper_digits(number / 1000).triple(number)
        }
    }

    fn upper_digits(self, number: u64) -> Self {
        self.number(number)
    }

    /// Writes the last three digits of a number.
    #[inline]
    fn triple(self, number: u64) -> Self {
        self.first(3, &TRIPLES[(number % 1000) as usize])
    }

    /// Writes nanoseconds as microseconds, the unit of the format, with three decimals.
    #[inline]
    pub(super) fn microseconds(self, ns: u64) -> Self {
        self.number(ns / 1000).raw(b".").triple(ns)
    }
}

/// Copies a text of at least N bytes to a place of the same length, in pieces. Returns whether no byte needs an escape.
#[inline]
fn copy<const N: usize>(place: &mut [u8], text: &[u8]) -> bool {
    let mut all_plain = true;
    let mut take = |place: &mut [u8; N], piece: &[u8; N]| {
        *place = *piece;
        // Checks every byte: that is faster than stopping at the first one that needs an escape.
        all_plain &= piece.iter().fold(true, |all, &byte| all & is_plain(byte));
    };
    // The last piece overlaps the one before it.
    if let (Some(place), Some(piece)) = (place.last_chunk_mut(), text.last_chunk()) {
        take(place, piece);
    }
    for (place, piece) in place.as_chunks_mut().0.iter_mut().zip(text.as_chunks().0) {
        take(place, piece);
    }
    all_plain
}

/// Whether a byte needs no escape in a string of JSON.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\'
}

/// The three digits of each number below 1000, and the number of its leading zeros. Computing them would take three
/// times as long.
static TRIPLES: [[u8; 4]; 1000] = {
    let mut triples = [[0; 4]; 1000];
    let mut number = 0;
    while number < 1000 {
        let zeros = if number < 10 { 2 } else { (number < 100) as u8 };
        let digits = [number / 100, number / 10 % 10, number % 10];
        triples[number] = [b'0' + digits[0] as u8, b'0' + digits[1] as u8, b'0' + digits[2] as u8, zeros];
        number += 1;
    }
    triples
};
