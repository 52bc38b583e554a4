//! The files that options name: checked before the script runs, because a script may not look at the reason why it gets no loop.

use crate::command_line::Options;
use cogloop_lua_core::Recording;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How a trace begins, and a recording.
const TRACE: &[u8] = b"[\n{\"ph\":";
const RECORDING: &[u8] = b"cogloop recording ";

/// Checks the files of `--trace`, `--record` and `--replay`.
///
/// # Errors
///
/// A file cannot be opened, or another one would be overwritten. The error is a message.
pub(crate) fn check(options: &Options, recording: Option<&Recording>) -> Result<(), String> {
    if let Some(file) = &options.trace {
        check_output("--trace", Path::new(file), TRACE)?;
    }
    match recording {
        Some(Recording::Record(file)) => check_output("--record", file, RECORDING),
        Some(Recording::Replay(file)) => File::open(file).map(drop).map_err(|error| told("--replay", file, &error)),
        None => Ok(()),
    }
}

/// A script that is forgotten makes the option take the script's name for its own file. So a file with another content is kept.
fn check_output(option: &str, file: &Path, beginning: &[u8]) -> Result<(), String> {
    if file.is_file() {
        let mut found = Vec::new();
        let mut opened = File::open(file).map_err(|error| told(option, file, &error))?;
        opened
            .by_ref()
            .take(beginning.len() as u64)
            .read_to_end(&mut found)
            .map_err(|error| told(option, file, &error))?;
        if !found.is_empty() && found != beginning {
            return Err(told(option, file, "the file is there, and was not written by this option; it is left alone"));
        }
    }
    File::options().append(true).create(true).open(file).map(drop).map_err(|error| told(option, file, &error))
}

fn told(option: &str, file: &Path, reason: impl std::fmt::Display) -> String {
    format!("{option} {}: {reason}", file.display())
}
