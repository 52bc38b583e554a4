//! Checks the files that options name, before the script runs. Without this check an error would come only when the
//! script makes a loop, and the script might ignore it.

use cogloop_lua_core::{Recording, TRACE_BEGINNING};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Checks the files of `--trace`, `--record` and `--replay`.
///
/// # Errors
///
/// A file cannot be opened, or is another program's file. The error is a message.
pub(crate) fn check(trace: Option<&OsStr>, recording: Option<&Recording>) -> Result<(), String> {
    if let Some(file) = trace {
        check_output("--trace", Path::new(file), TRACE_BEGINNING)?;
    }
    match recording {
        Some(Recording::Record(file)) => check_output("--record", file, Recording::BEGINNING),
        Some(Recording::Replay(file)) if begins_otherwise("--replay", file, Recording::BEGINNING)? => {
            Err(told("--replay", file, "this file is not a recording"))
        }
        Some(Recording::Replay(_)) => Ok(()),
        None => Ok(()),
    }
}

/// Returns the lines to print if the script makes no loop: one for each option that then has no effect.
pub(crate) fn without_a_loop(trace: Option<&OsStr>, recording: Option<&Recording>) -> Vec<String> {
    let line =
        |option, file: &Path, done| told(option, file, format_args!("the script made no loop, so nothing was {done}"));
    let trace = trace.map(|file| line("--trace", Path::new(file), "traced"));
    let recording = recording.map(|recording| match recording {
        Recording::Record(file) => line("--record", file, "recorded"),
        Recording::Replay(file) => line("--replay", file, "replayed"),
    });
    trace.into_iter().chain(recording).collect()
}

/// Refuses a file with other content. If the user forgets the option's file, the option takes the script's name as its
/// file, and the script must not be overwritten.
fn check_output(option: &str, file: &Path, beginning: &[u8]) -> Result<(), String> {
    if file.is_file() && begins_otherwise(option, file, beginning)? {
        return Err(told(option, file, "the file is there, and was not written by this option; it is left alone"));
    }
    File::options().append(true).create(true).open(file).map(drop).map_err(|error| told(option, file, &error))
}

/// Whether the file has content that does not start with `beginning`. False for an empty file, and for a pipe, whose
/// content must not be read.
fn begins_otherwise(option: &str, file: &Path, beginning: &[u8]) -> Result<bool, String> {
    let mut found = Vec::new();
    let length = if file.is_file() { beginning.len() as u64 } else { 0 };
    File::open(file)
        .and_then(|opened| opened.take(length).read_to_end(&mut found))
        .map_err(|error| told(option, file, &error))?;
    Ok(!found.is_empty() && found != beginning)
}

fn told(option: &str, file: &Path, reason: impl std::fmt::Display) -> String {
    format!("{option} {}: {reason}", file.display())
}
