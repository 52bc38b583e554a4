//! The command line, like that of `lua`. The options before the script belong to the program. The arguments after it
//! belong to the script.

use cogloop_lua_core::Recording;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::{CString, OsString};

/// The place from which the Lua code is read.
#[derive(Debug, PartialEq)]
pub(crate) enum Source {
    File(CString),
    Stdin,
    /// No script: only the options run.
    None,
}

/// An action that runs before the script. The actions run in the order of the command line.
#[derive(Debug, PartialEq)]
pub(crate) enum Before {
    /// `-e`, or the environment: runs code with this chunk name. A byte of the code may be zero.
    Run { code: Vec<u8>, name: CString },
    /// The environment: runs a file.
    File(CString),
    /// `-l`: requires a module and stores it in this global variable.
    Require { global: CString, module: CString },
}

/// The parsed command line.
#[derive(Debug, PartialEq)]
pub(crate) struct Script {
    pub(crate) before: Vec<Before>,
    pub(crate) source: Source,
    /// Becomes `arg[0]`.
    pub(crate) name: Vec<u8>,
    /// Become `arg[1]`, …
    pub(crate) args: Vec<Vec<u8>>,
    /// The program itself: `arg[-1]`.
    pub(crate) program: Vec<u8>,
    /// `-W`: whether warnings are printed.
    pub(crate) warns: bool,
    /// `-E`: whether Lua's environment variables are ignored.
    pub(crate) ignores_environment: bool,
    /// `--check`: whether the script is only compiled.
    pub(crate) is_checked_only: bool,
    /// `--record`, `--replay`: the recording of the first loop.
    pub(crate) recording: Option<Recording>,
    /// Whether there is a prompt after the script: with `-i`, or without a script on a terminal.
    pub(crate) is_interactive: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Run(Script),
    Version,
    Help,
    Man,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) backend: Option<String>,
    /// `--trace`: the file for the traces of the script's loops.
    pub(crate) trace: Option<OsString>,
    /// `--top`: whether the loops show their busiest callbacks.
    pub(crate) shows_top: bool,
    /// `--slow`: callbacks that take this long or longer are reported.
    pub(crate) slow_ns: Option<u64>,
    /// `--stats`: whether the loops report their statistics at their end.
    pub(crate) shows_stats: bool,
    /// `--virtual`: whether every loop runs on virtual time.
    pub(crate) is_virtual: bool,
    /// `-v`: whether the version is printed before the script runs.
    pub(crate) tells_version: bool,
}

impl Options {
    /// The recording that the script's first loop writes or plays.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        match &self.command {
            Command::Run(script) => script.recording.as_ref(),
            _ => None,
        }
    }
}

/// Parses the arguments. `is_for_a_prompt` is the result of `sys::is_for_a_prompt`.
///
/// # Errors
///
/// The arguments are invalid. The error is a message.
pub(crate) fn parse(parser: Parser, is_for_a_prompt: Option<bool>) -> Result<Options, String> {
    read(parser, is_for_a_prompt).map_err(|error| error.to_string())
}

fn read(mut parser: Parser, is_for_a_prompt: Option<bool>) -> Result<Options, lexopt::Error> {
    let mut script = Script {
        before: Vec::new(),
        source: Source::None,
        name: Vec::new(),
        args: Vec::new(),
        program: Vec::new(),
        warns: false,
        ignores_environment: false,
        is_checked_only: false,
        recording: None,
        is_interactive: false,
    };
    let (mut backend, mut trace, mut slow_ns) = (None, None, None);
    let (mut shows_top, mut shows_stats, mut is_virtual, mut tells_version) = (false, false, false, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("backend") => once(&mut backend, "--backend", parser.value()?.string()?)?,
            Arg::Long("version") => return Ok(only(Command::Version)),
            Arg::Long("help") | Arg::Short('h') => return Ok(only(Command::Help)),
            Arg::Long("man") => return Ok(only(Command::Man)),
            Arg::Long("top") => shows_top = true,
            Arg::Long("stats") => shows_stats = true,
            Arg::Long("slow") => once(&mut slow_ns, "--slow", nanoseconds(&parser.value()?.string()?)?)?,
            Arg::Long("virtual") => is_virtual = true,
            Arg::Long("trace") => once(&mut trace, "--trace", parser.value()?)?,
            Arg::Long("record" | "replay") if script.recording.is_some() => {
                return Err("only one recording: --record or --replay, once".into());
            }
            Arg::Long("record") => script.recording = Some(Recording::Record(parser.value()?.into())),
            Arg::Long("replay") => script.recording = Some(Recording::Replay(parser.value()?.into())),
            Arg::Long("check") => script.is_checked_only = true,
            Arg::Short('e') => script
                .before
                .push(Before::Run { code: parser.value()?.into_encoded_bytes(), name: c"=(command line)".into() }),
            Arg::Short('l') => script.before.push(required(parser.value()?.into_encoded_bytes())?),
            Arg::Short('i') if is_for_a_prompt.is_none() => return Err("-i: there is no prompt on this system".into()),
            Arg::Short('i') => script.is_interactive = true,
            Arg::Short('v') => tells_version = true,
            Arg::Short('W') => script.warns = true,
            Arg::Short('E') => script.ignores_environment = true,
            Arg::Value(name) => {
                script.name = name.into_encoded_bytes();
                script.source = if script.name == b"-" {
                    Source::Stdin
                } else {
                    Source::File(CString::new(script.name.clone()).map_err(|_| "a file name has no zero byte")?)
                };
                script.args = parser.raw_args()?.map(OsString::into_encoded_bytes).collect();
            }
            other => return Err(other.unexpected()),
        }
    }
    if script.source == Source::None && script.is_checked_only {
        return Err("--check: no script given".into());
    }
    if script.source == Source::None && script.before.is_empty() && !tells_version && !script.is_interactive {
        script.is_interactive = is_for_a_prompt == Some(true);
        if !script.is_interactive {
            return Err("no script given".into());
        }
    }
    if script.is_interactive && script.is_checked_only {
        return Err("--check and -i exclude each other".into());
    }
    if script.is_interactive && script.recording.is_some() {
        return Err("--record and --replay are for a script, and this is a prompt".into());
    }
    if script.is_interactive && script.source == Source::Stdin {
        return Err("-i reads standard input, which is the script here".into());
    }
    // The prompt begins with the version, like the prompt of `lua`.
    tells_version |= script.is_interactive && is_for_a_prompt == Some(true);
    script.program = parser.bin_name().unwrap_or("cogloop").into();
    if script.source == Source::None {
        script.name.clone_from(&script.program);
    }
    Ok(Options {
        command: Command::Run(script),
        backend,
        trace,
        shows_top,
        slow_ns,
        shows_stats,
        is_virtual,
        tells_version,
    })
}

/// Sets an option that has a value. A second value would silently replace the first one, so giving the option twice is
/// an error.
fn once<T>(place: &mut Option<T>, option: &str, value: T) -> Result<(), lexopt::Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{option} is given twice").into()),
    }
}

/// The options of a call that only prints something about the program.
fn only(command: Command) -> Options {
    Options {
        command,
        backend: None,
        trace: None,
        shows_top: false,
        slow_ns: None,
        shows_stats: false,
        is_virtual: false,
        tells_version: false,
    }
}

/// Parses `-l name` and `-l global=name`. Without `global`, the variable has the module's name up to a hyphen.
fn required(text: Vec<u8>) -> Result<Before, lexopt::Error> {
    let split = text.iter().position(|&byte| byte == b'=');
    let (global, module) = match split {
        Some(at) => (text[..at].to_vec(), text[at + 1..].to_vec()),
        None => (text.split(|&byte| byte == b'-').next().unwrap_or_default().to_vec(), text),
    };
    let whole = |name| CString::new(name).map_err(|_| "a module's name has no zero byte");
    Ok(Before::Require { global: whole(global)?, module: whole(module)? })
}

/// The argument of `--slow`, which is in milliseconds. It is checked like the argument of `loop:slow`.
fn nanoseconds(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        // A number that is too large becomes `u64::MAX`, which is the end of the loop's time and so has the same
        // meaning.
        Ok(ms) if ms.is_finite() && ms >= 0.0 => Ok((ms * 1e6) as u64),
        _ => Err(format!("--slow: a finite number of milliseconds that is 0 or more expected, got '{text}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Options, String> {
        parse(Parser::from_iter(line), Some(false))
    }

    fn script(line: &[&str]) -> Script {
        match parsed(line).expect("good usage").command {
            Command::Run(script) => script,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_after_the_script_belong_to_the_script() {
        let found = script(&["cogloop", "--backend", "select", "a.lua", "--backend", "-e", "x"]);
        assert_eq!(found.source, Source::File(c"a.lua".into()));
        assert_eq!(found.args, [b"--backend".to_vec(), b"-e".to_vec(), b"x".to_vec()]);
        assert_eq!(found.name, b"a.lua");
        assert_eq!(found.program, b"cogloop");
    }

    #[test]
    fn actions_before_the_script_keep_their_order() {
        let found = script(&["cogloop", "-e", "a()", "-l", "x.y", "-lz=x-y", "-W", "-E", "-", "-", "--version"]);
        let module = |global: &str, module: &str| Before::Require {
            global: CString::new(global).unwrap(),
            module: CString::new(module).unwrap(),
        };
        let code = Before::Run { code: b"a()".to_vec(), name: c"=(command line)".into() };
        assert_eq!(found.before, [code, module("x.y", "x.y"), module("z", "x-y")]);
        assert_eq!(found.source, Source::Stdin);
        assert_eq!(found.args, [b"-".to_vec(), b"--version".to_vec()]);
        assert!(found.warns && found.ignores_environment && !found.is_checked_only);
        assert_eq!(required(b"lua-x".to_vec()).unwrap(), module("lua", "lua-x"));
    }

    #[test]
    fn an_option_with_a_value_is_given_once() {
        for (option, value) in [("--trace", "a"), ("--backend", "select"), ("--slow", "5")] {
            let error = parsed(&["cogloop", option, value, option, value, "-e", "x"]).unwrap_err();
            assert_eq!(error, format!("{option} is given twice"));
        }
        assert!(parsed(&["cogloop", "--top", "--top", "-e", "x", "-e", "y"]).is_ok());
    }

    #[test]
    fn options_need_no_script() {
        let found = script(&["cogloop", "-e", "print(1)"]);
        assert_eq!((found.source, found.name), (Source::None, b"cogloop".to_vec()));
        assert!(parsed(&["cogloop", "-v"]).expect("good usage").tells_version);
    }

    #[test]
    fn a_prompt_comes_when_it_is_asked_for_or_on_a_terminal_without_a_script() {
        let on = |line: &[&str], is_for_a_prompt| match parse(Parser::from_iter(line), is_for_a_prompt)?.command {
            Command::Run(script) => Ok(script.is_interactive),
            other => Err(format!("{other:?}")),
        };
        assert_eq!(on(&["cogloop"], Some(true)), Ok(true));
        assert_eq!(on(&["cogloop", "-W"], Some(true)), Ok(true));
        assert_eq!(on(&["cogloop", "-e", "x = 1"], Some(true)), Ok(false));
        assert_eq!(on(&["cogloop", "-v"], Some(true)), Ok(false));
        assert_eq!(on(&["cogloop", "x.lua"], Some(true)), Ok(false));
        assert_eq!(on(&["cogloop", "-i", "x.lua"], Some(false)), Ok(true));
        assert!(on(&["cogloop"], None).is_err_and(|error| error.contains("no script given")));
        assert!(on(&["cogloop", "-i"], None).is_err_and(|error| error.contains("no prompt")));
    }

    #[test]
    fn bad_usage_is_named() {
        assert_eq!(parsed(&["cogloop"]), Err("no script given".into()));
        assert_eq!(parsed(&["cogloop", "--check"]), Err("--check: no script given".into()));
        assert!(parsed(&["cogloop", "--check", "-i", "x.lua"]).is_err_and(|error| error.contains("exclude")));
        assert!(parsed(&["cogloop", "-i", "-"]).is_err_and(|error| error.contains("standard input")));
        assert!(parsed(&["cogloop", "--bakend", "x"]).is_err_and(|error| error.contains("--bakend")));
        assert_eq!(parsed(&["cogloop", "--slow", "2.5", "x.lua"]).map(|options| options.slow_ns), Ok(Some(2_500_000)));
        for (good, ns) in [("0", 0), ("1e1", 10_000_000), (".5", 500_000), ("1e300", u64::MAX)] {
            assert_eq!(parsed(&["cogloop", "--slow", good, "x.lua"]).map(|options| options.slow_ns), Ok(Some(ns)));
        }
        for wrong in ["-1", "nan", "soon", "inf", "-inf", "infinity", "1e999", "", " 1", "1 ms", "0x10", "1,5", "1_000"]
        {
            let told = parsed(&["cogloop", "--slow", wrong, "x.lua"]);
            assert!(told.is_err_and(|error| error.contains("--slow") && error.contains(wrong)), "{wrong}");
        }
        assert!(parsed(&["cogloop", "--trace"]).is_err_and(|error| error.contains("--trace")));
        assert!(parsed(&["cogloop", "-e"]).is_err_and(|error| error.contains("-e")));
    }
}
