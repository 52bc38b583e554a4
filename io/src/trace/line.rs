//! A line of JSON, written without `fmt`, which would take half of an event's time.

/// Writes to the end of a buffer.
pub(super) struct Line<'a>(pub(super) &'a mut Vec<u8>);

/// The number of bytes of a text that are written; the rest is left out.
const TEXT_MAX: usize = 120;

impl Line<'_> {
    #[inline]
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Writes the inside of a string. Bytes that are not UTF-8 become U+FFFD.
    pub(super) fn text(&mut self, text: &[u8]) {
        let text = &text[..text.len().min(TEXT_MAX)];
        // Checks every byte: that is faster than stopping at the first one that needs an escape.
        if text.iter().fold(true, |all, &byte| all & is_plain(byte)) {
            self.raw(text);
        } else {
            self.escaped(text);
        }
    }

    #[cold]
    fn escaped(&mut self, text: &[u8]) {
        for chunk in text.utf8_chunks() {
            for &byte in chunk.valid().as_bytes() {
                match byte {
                    b'"' | b'\\' => self.raw(&[b'\\', byte]),
                    ..0x20 => {
                        let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                        self.raw(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
                    }
                    _ => self.raw(&[byte]),
                }
            }
            if !chunk.invalid().is_empty() {
                self.raw("\u{fffd}".as_bytes());
            }
        }
    }

    pub(super) fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        while number >= 100 {
            first -= 2;
            digits[first..first + 2].copy_from_slice(&pair(number % 100));
            number /= 100;
        }
        if number >= 10 {
            first -= 2;
            digits[first..first + 2].copy_from_slice(&pair(number));
        } else {
            first -= 1;
            digits[first] = b'0' + number as u8;
        }
        self.raw(&digits[first..]);
    }

    /// Writes nanoseconds as microseconds, the unit of the format, with three decimals.
    pub(super) fn microseconds(&mut self, ns: u64) {
        self.number(ns / 1000);
        let rest = ns % 1000;
        let [tens, ones] = pair(rest % 100);
        self.raw(&[b'.', b'0' + (rest / 100) as u8, tens, ones]);
    }
}

/// Whether a byte needs no escape in a string of JSON.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\'
}

/// The two digits of a number below 100.
const fn pair(number: u64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}
