//! The text of `--help`, and a page for `man` from the same text.

/// The forms of a call, each with a note.
const CALLS: [(&str, &str); 3] = [
    ("[options] [script.lua [args]]", ""),
    ("[options] -", "run standard input"),
    ("[options]", "begin a prompt: with -i, or on a terminal if none of -e, -l and -v is given"),
];

/// A heading and its options. Each option has a name, an argument, and a description.
type Group = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const GROUPS: [Group; 3] = [
    (
        "Options, as in lua",
        &[
            ("-e", "CODE", "run CODE, before the script; may be given more than once"),
            (
                "-l",
                "[GLOBAL=]NAME",
                "require the module NAME into the variable GLOBAL; by default the part of NAME before a hyphen",
            ),
            ("-i", "", "after the script, read lines and run them: a prompt"),
            ("-v", "", "print the version, then go on"),
            ("-W", "", "write warnings"),
            ("-E", "", "ignore LUA_INIT, LUA_PATH and LUA_CPATH"),
            ("--", "", "end the options"),
        ],
    ),
    (
        "Loops",
        &[
            (
                "--backend",
                "NAME",
                "the backend of each loop for which the script chooses none (uring, epoll, select, portable)",
            ),
            (
                "--trace",
                "FILE",
                "write what the script's loops do, for Perfetto: the first loop into FILE, the others into FILE.1, and so on",
            ),
            ("--record", "FILE", "record the events from outside that the script's first loop gets (docs/replay.md)"),
            ("--replay", "FILE", "run the script on a recording of --record, in the recorded order"),
            (
                "--top",
                "",
                "show the busiest callbacks and descriptors and the most delayed timers on standard error, each second and at the end",
            ),
            (
                "--slow",
                "MS",
                "report each callback that takes MS milliseconds or longer, with the place of its function",
            ),
            ("--stats", "", "when a loop is closed, report how late timers were and how long callbacks and tasks took"),
            ("--virtual", "", "run every loop on virtual time, which jumps from deadline to deadline without a wait"),
        ],
    ),
    (
        "Others",
        &[
            ("--check", "", "compile the script, and do not run it"),
            ("--man", "", "print the manual page, for man -l"),
            ("--version", "", "print the version and end"),
            ("-h, --help", "", "print this and end"),
        ],
    ),
];

/// The variables of the environment, each with a description.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("LUA_INIT", "code, or @FILE, that runs first; if LUA_INIT_5_4 (for Lua 5.4) is set, it is used instead"),
    ("LUA_PATH, LUA_CPATH", "where modules are"),
    ("COGLOOP_BACKEND", "a default for --backend"),
    ("COGLOOP_DEBUG", "if it is 1, loops of t.Loop behave as with their option debug"),
    ("NO_COLOR", "if it has a value, errors have no colours on a terminal"),
    ("XDG_STATE_HOME", "where cogloop/history, the history of the prompt, is kept; by default ~/.local/state"),
];

const STATUS: &str = "The exit status is 0 when the script has ended, 1 after an error of Lua, 2 for wrong options, 130 \
    after Ctrl-C, or the status that the script gives to os.exit. The third Ctrl-C within a second ends the program in any \
    case.";

const SCRIPT: &str = "A script finds the event loop with  local cogloop = require 'cogloop'  or  local Loop = require 't.Loop'  and \
    its arguments in  arg.";

/// The width of the column of options.
const INDENT: usize = 20;

/// The text of `--help`.
pub(crate) fn help() -> String {
    let mut text = String::new();
    for (number, (call, note)) in CALLS.iter().enumerate() {
        let begin = if number == 0 { "Usage: cogloop" } else { "       cogloop" };
        text += &row(&format!("{begin} {call}"), 35, note, "\n");
    }
    for (heading, options) in GROUPS {
        text += &format!("\n{heading}:\n");
        for (name, argument, does) in options {
            text += &row(format!("  {name} {argument}").trim_end(), INDENT, does, "\n");
        }
    }
    text += "\nEnvironment:\n";
    for (name, holds) in ENVIRONMENT {
        text += &row(&format!("  {name}"), INDENT + 4, holds, "\n");
    }
    text + "\n" + STATUS + "\n\n" + SCRIPT + "\n"
}

/// A line with two columns.
fn row(first: &str, width: usize, second: &str, end: &str) -> String {
    let line = if second.is_empty() { first.to_owned() } else { format!("{first:width$} {second}") };
    line + end
}

/// The manual page as roff. `version` is the text of `--version`.
pub(crate) fn man(version: &str) -> String {
    let mut text = format!(".TH COGLOOP 1 \"\" \"{}\" \"User Commands\"\n.SH NAME\n", roff(version));
    text += "cogloop \\- run a Lua script with an event loop\n.SH SYNOPSIS\n";
    for (call, note) in CALLS {
        text += &format!(".B cogloop\n{}\n", roff(call));
        if !note.is_empty() {
            text += &format!("\\(em {}\n", roff(note));
        }
        text += ".br\n";
    }
    text += &format!(".SH DESCRIPTION\n{}\n.SH OPTIONS\n", roff(SCRIPT));
    for (heading, options) in GROUPS {
        text += &format!(".SS {}\n", roff(heading));
        for (name, argument, does) in options {
            let argument = if argument.is_empty() { String::new() } else { format!(" \\fI{}\\fR", roff(argument)) };
            text += &format!(".TP\n\\fB{}\\fR{argument}\n{}\n", roff(name), roff(does));
        }
    }
    text += ".SH ENVIRONMENT\n";
    for (name, holds) in ENVIRONMENT {
        text += &format!(".TP\n.B {}\n{}\n", roff(name), roff(holds));
    }
    text + ".SH EXIT STATUS\n" + &roff(STATUS) + "\n"
}

/// Escapes a line of plain text for roff: its hyphens, its backslashes, and a first character that would begin a
/// request of roff.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_all_of_the_help() {
        let (help, man) = (help(), man("cogloop 1 (Lua)"));
        for (_, options) in GROUPS {
            for (name, argument, does) in options {
                assert!(help.contains(name) && help.contains(argument) && help.contains(does), "{name}");
                assert!(
                    man.contains(&roff(name)) && man.contains(&roff(argument)) && man.contains(&roff(does)),
                    "{name}"
                );
            }
        }
        for (name, holds) in ENVIRONMENT {
            assert!(help.contains(name) && help.contains(holds) && man.contains(&roff(holds)), "{name}");
        }
    }

    #[test]
    fn no_text_of_the_page_becomes_a_roff_request() {
        for line in man("cogloop 1 (Lua)").lines().filter(|line| line.starts_with(['.', '\''])) {
            let known = [".TH", ".SH", ".SS", ".TP", ".B", ".br"];
            assert!(known.contains(&line.split(' ').next().unwrap_or_default()), "{line}");
        }
        assert_eq!(roff(".x"), "\\&.x");
        assert_eq!(roff("a-b\\"), "a\\-b\\e");
    }
}
