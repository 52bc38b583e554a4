//! The command line, like that of `lua`. Options before the script are the program's, arguments after it are the script's.

use cogloop_lua_core::Recording;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::{CString, OsString};

/// Where the Lua code is.
#[derive(Debug, PartialEq)]
pub(crate) enum Source {
    File(CString),
    Stdin,
    /// No script: only the options run.
    None,
}

/// An action before the script, in the order of the command line.
#[derive(Debug, PartialEq)]
pub(crate) enum Before {
    /// `-e`, or the environment: runs code, which may have zero bytes, with this chunk name.
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
    /// `--record`, `--replay`: what to do with the first loop.
    pub(crate) recording: Option<Recording>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Run(Script),
    Version,
    Help,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) backend: Option<String>,
    /// `--trace`: the file for the traces of the script's loops.
    pub(crate) trace: Option<OsString>,
    /// `-v`: whether the version is printed before the script runs.
    pub(crate) tells_version: bool,
}

/// Parses the arguments.
///
/// # Errors
///
/// If they are invalid. The error is a message.
pub(crate) fn parse(parser: Parser) -> Result<Options, String> {
    read(parser).map_err(|error| error.to_string())
}

fn read(mut parser: Parser) -> Result<Options, lexopt::Error> {
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
    };
    let (mut backend, mut trace, mut tells_version) = (None, None, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("backend") => backend = Some(parser.value()?.string()?),
            Arg::Long("version") => return Ok(Options { command: Command::Version, backend, trace, tells_version }),
            Arg::Long("help") | Arg::Short('h') => {
                return Ok(Options { command: Command::Help, backend, trace, tells_version });
            }
            Arg::Long("trace") => trace = Some(parser.value()?),
            Arg::Long("record" | "replay") if script.recording.is_some() => {
                return Err("--record and --replay exclude each other".into());
            }
            Arg::Long("record") => script.recording = Some(Recording::Record(parser.value()?.into())),
            Arg::Long("replay") => script.recording = Some(Recording::Replay(parser.value()?.into())),
            Arg::Long("check") => script.is_checked_only = true,
            Arg::Short('e') => script
                .before
                .push(Before::Run { code: parser.value()?.into_encoded_bytes(), name: c"=(command line)".into() }),
            Arg::Short('l') => script.before.push(required(parser.value()?.into_encoded_bytes())?),
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
    if script.source == Source::None && (script.is_checked_only || script.before.is_empty() && !tells_version) {
        return Err("no script given".into());
    }
    script.program = parser.bin_name().unwrap_or("cogloop").into();
    if script.source == Source::None {
        script.name.clone_from(&script.program);
    }
    Ok(Options { command: Command::Run(script), backend, trace, tells_version })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Options, String> {
        parse(Parser::from_iter(line))
    }

    fn script(line: &[&str]) -> Script {
        match parsed(line).expect("good usage").command {
            Command::Run(script) => script,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_follows_the_script_is_the_scripts() {
        let found = script(&["cogloop", "--backend", "select", "a.lua", "--backend", "-e", "x"]);
        assert_eq!(found.source, Source::File(c"a.lua".into()));
        assert_eq!(found.args, [b"--backend".to_vec(), b"-e".to_vec(), b"x".to_vec()]);
        assert_eq!(found.name, b"a.lua");
        assert_eq!(found.program, b"cogloop");
    }

    #[test]
    fn what_comes_before_the_script_keeps_its_order() {
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
    fn options_alone_are_enough() {
        let found = script(&["cogloop", "-e", "print(1)"]);
        assert_eq!((found.source, found.name), (Source::None, b"cogloop".to_vec()));
        assert!(parsed(&["cogloop", "-v"]).expect("good usage").tells_version);
    }

    #[test]
    fn bad_usage_is_named() {
        assert_eq!(parsed(&["cogloop"]), Err("no script given".into()));
        assert_eq!(parsed(&["cogloop", "--check"]), Err("no script given".into()));
        assert!(parsed(&["cogloop", "--bakend", "x"]).is_err_and(|error| error.contains("--bakend")));
        assert!(parsed(&["cogloop", "--trace"]).is_err_and(|error| error.contains("--trace")));
        assert!(parsed(&["cogloop", "-e"]).is_err_and(|error| error.contains("-e")));
    }
}
