//! The command line. What stands before the script is ours, what stands after it is the script's.

use lexopt::{Arg, Parser, ValueExt};
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

/// Where the Lua code is.
#[derive(Debug, PartialEq)]
pub(crate) enum Source {
    File(CString),
    /// The code itself; it may hold zero bytes.
    Code(Vec<u8>),
    Stdin,
}

/// What to run.
#[derive(Debug, PartialEq)]
pub(crate) struct Script {
    pub(crate) source: Source,
    /// Becomes `arg[0]`.
    pub(crate) name: Vec<u8>,
    /// Become `arg[1]`, …
    pub(crate) args: Vec<Vec<u8>>,
    /// The program itself: `arg[-1]`.
    pub(crate) program: Vec<u8>,
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
}

/// Reads the arguments.
///
/// # Errors
///
/// In words, when they make no sense.
pub(crate) fn parse(mut parser: Parser) -> Result<Options, String> {
    let mut backend = None;
    let command = match read(&mut parser, &mut backend).map_err(|error| error.to_string())? {
        Some(Ok(command)) => command,
        Some(Err((source, name))) => {
            let args = parser.raw_args().map_err(|error| error.to_string())?.map(OsString::into_vec).collect();
            let program = parser.bin_name().unwrap_or("cogloop").into();
            Command::Run(Script { source, name, args, program })
        }
        None => return Err("no script given".into()),
    };
    Ok(Options { command, backend })
}

/// Reads up to the script, whose source and name are the `Err`.
type Found = Result<Command, (Source, Vec<u8>)>;

fn read(parser: &mut Parser, backend: &mut Option<String>) -> Result<Option<Found>, lexopt::Error> {
    while let Some(arg) = parser.next()? {
        return Ok(Some(match arg {
            Arg::Long("backend") => {
                *backend = Some(parser.value()?.string()?);
                continue;
            }
            Arg::Long("version") => Ok(Command::Version),
            Arg::Long("help") | Arg::Short('h') => Ok(Command::Help),
            Arg::Short('e') => Err((Source::Code(parser.value()?.into_vec()), b"-e".to_vec())),
            Arg::Value(name) if name == "-" => Err((Source::Stdin, b"-".to_vec())),
            Arg::Value(name) => {
                let name = name.into_vec();
                let path = CString::new(name.clone()).map_err(|_| "a file name has no zero byte")?;
                Err((Source::File(path), name))
            }
            other => return Err(other.unexpected()),
        }));
    }
    Ok(None)
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
    fn code_and_standard_input_have_arguments_too() {
        assert_eq!(script(&["cogloop", "-e", "print(1)", "--version"]).args, [b"--version".to_vec()]);
        assert_eq!(script(&["cogloop", "-", "-"]).args, [b"-".to_vec()]);
        assert_eq!(script(&["cogloop", "-", "-"]).source, Source::Stdin);
    }

    #[test]
    fn bad_usage_is_named() {
        assert_eq!(parsed(&["cogloop"]), Err("no script given".into()));
        assert!(parsed(&["cogloop", "--bakend", "x"]).is_err_and(|error| error.contains("--bakend")));
        assert!(parsed(&["cogloop", "-e"]).is_err_and(|error| error.contains("-e")));
    }
}
