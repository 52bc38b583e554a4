//! Checks the files that options name before the script runs. A script might ignore the reason why it gets no loop.

use crate::command_line::Options;
use cogloop_lua_core::Recording;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The first bytes of a trace, and of a recording.
const TRACE: &[u8] = b"[\n{\"ph\":";
const RECORDING: &[u8] = b"cogloop recording ";

/// Checks the files of `--trace`, `--record` and `--replay`.
///
/// # Errors
///
/// A file cannot be opened, or is another program's file. The error is a message.
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

/// If the user forgets the option's file, the option takes the script's name as its file. So a file with other content
/// is not overwritten.
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
