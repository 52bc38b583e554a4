//! Colours an error that is shown on a terminal: its message, and the places in its traceback.

use std::env;
use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;

const MESSAGE: &[u8] = b"\x1b[1;31m";
const PLACE: &[u8] = b"\x1b[36m";
const END: &[u8] = b"\x1b[0m";

/// Whether standard error is a terminal that has colours, and the user wants them (<https://no-color.org>). Only the
/// first call checks standard error, because the prompt later redirects it.
pub(crate) fn is_wanted() -> bool {
    static IS_WANTED: OnceLock<bool> = OnceLock::new();
    *IS_WANTED.get_or_init(|| {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        stderr().is_terminal() && !is_set("NO_COLOR") && env::var_os("TERM").is_some_and(|term| term != "dumb")
    })
}

/// Formats an error. `text` is its message, which may contain a traceback.
pub(crate) fn error(text: &[u8], is_coloured: bool) -> Vec<u8> {
    if !is_coloured {
        return [b"cogloop: ", text, b"\n"].concat();
    }
    let mut told = [b"cogloop: ", MESSAGE].concat();
    let mut is_traceback = false;
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        if number > 0 {
            told.push(b'\n');
        }
        if line == b"stack traceback:" && !is_traceback {
            is_traceback = true;
            // The colour ends before the end of the line, so that the next line begins without colour.
            told.splice(
                told.len() - usize::from(number > 0)..,
                END.iter().copied().chain((number > 0).then_some(b'\n')),
            );
        }
        match place(line).filter(|_| is_traceback) {
            Some(length) => told.extend([b"\t", PLACE, &line[1..length], END, &line[length..]].concat()),
            None => told.extend_from_slice(line),
        }
    }
    if !is_traceback {
        told.extend_from_slice(END);
    }
    told.push(b'\n');
    told
}

/// Returns where the place ends in a line of a traceback. The form of a line is `<tab>place: in function`.
fn place(line: &[u8]) -> Option<usize> {
    let length = line.windows(5).position(|window| window == b": in ")?;
    (line.first() == Some(&b'\t')).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, is_coloured: bool) -> String {
        String::from_utf8(error(text.as_bytes(), is_coloured)).expect("text")
    }

    #[test]
    fn a_message_and_the_places_of_its_traceback_are_coloured() {
        let text =
            "x.lua:1: oh\nno\nstack traceback:\n\t[C]: in function 'error'\n\tx.lua:1: in main chunk\n\t[C]: in ?";
        assert_eq!(told(text, false), format!("cogloop: {text}\n"));
        assert_eq!(
            told(text, true),
            "cogloop: \x1b[1;31mx.lua:1: oh\nno\x1b[0m\nstack traceback:\n\t\x1b[36m[C]\x1b[0m: in function 'error'\n\
             \t\x1b[36mx.lua:1\x1b[0m: in main chunk\n\t\x1b[36m[C]\x1b[0m: in ?\n"
        );
        assert_eq!(told("oh", true), "cogloop: \x1b[1;31moh\x1b[0m\n");
        assert_eq!(told("stack traceback:", true), "cogloop: \x1b[1;31m\x1b[0mstack traceback:\n");
    }
}
