//! The history: the lines of earlier sessions, in a file in the user's state directory. Each entry is a line of the
//! file.
//!
//! A session appends its lines to the file. So two sessions at the same time do not lose each other's lines. There is
//! one exception: while one session shortens the file, a line that the other appends may be lost.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The number of entries that the next session gets.
pub(super) const KEPT: usize = 1000;

/// A file with more entries than this is shortened to [`KEPT`].
const IN_FILE_MAX: usize = 2 * KEPT;

/// The file of the history. Without a file nothing is remembered after the session.
pub(super) struct History(Option<PathBuf>);

impl History {
    /// Opens the user's file. Also returns its latest entries, the oldest first.
    pub(super) fn open() -> (Self, Vec<String>) {
        let Some(path) = path(env::var_os("XDG_STATE_HOME").map(PathBuf::from), env::var_os("HOME").map(PathBuf::from))
        else {
            return (Self(None), Vec::new());
        };
        let entries = read(&path);
        (Self(Some(path)), entries)
    }

    /// Appends an entry. A failure is ignored: the prompt works without the file.
    pub(super) fn append(&self, entry: &str) {
        let Some(path) = &self.0 else { return };
        let file = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| open_private(path, true));
        if let Ok(mut file) = file {
            let _ = file.write_all(escape(entry).as_bytes());
        }
    }
}

/// `$XDG_STATE_HOME/cogloop/history`, or `~/.local/state/cogloop/history`. A relative `XDG_STATE_HOME` is ignored, as
/// its specification asks.
fn path(state: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let state = state.filter(|path| path.is_absolute());
    let home = home.filter(|path| path.is_absolute()).map(|home| home.join(".local/state"));
    Some(state.or(home)?.join("cogloop/history"))
}

/// Opens the file. If there is none, makes one that only the owner can read, because it holds what the user types.
fn open_private(path: &Path, is_append: bool) -> std::io::Result<File> {
    OpenOptions::new().append(is_append).write(!is_append).truncate(!is_append).create(true).mode(0o600).open(path)
}

fn read(path: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    if File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.split('\n').filter(|line| !line.is_empty()).map(unescape).collect();
    let latest = all[all.len().saturating_sub(KEPT)..].to_vec();
    if all.len() > IN_FILE_MAX {
        shorten(path, &latest);
    }
    latest
}

/// Keeps only `entries` in the file. Writes them to a second file and renames that file, so that an interruption loses
/// nothing.
fn shorten(path: &Path, entries: &[String]) {
    let new = path.with_extension(std::process::id().to_string());
    let lines: String = entries.iter().map(|entry| escape(entry)).collect();
    if open_private(&new, false).and_then(|mut file| file.write_all(lines.as_bytes())).is_ok() {
        let _ = fs::rename(&new, path);
    } else {
        let _ = fs::remove_file(&new);
    }
}

/// Converts an entry to a line of the file.
fn escape(entry: &str) -> String {
    format!("{}\n", entry.replace('\\', "\\\\").replace('\n', "\\n"))
}

fn unescape(line: &str) -> String {
    let mut entry = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match (char, char == '\\') {
            (_, true) => match chars.next() {
                Some('n') => entry.push('\n'),
                Some(other) => entry.push(other),
                None => entry.push('\\'),
            },
            (char, false) => entry.push(char),
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_keeps_any_text_on_one_line_and_unescaping_restores_it() {
        for entry in ["print( 1 )", "for i = 1, 3 do\n  print( i )\nend", "'\\n' .. \"\\\\\"", "é\\\n\\"] {
            let line = escape(entry);
            assert_eq!(line.matches('\n').count(), 1, "{entry:?}");
            assert_eq!(unescape(line.trim_end_matches('\n')), entry);
        }
    }

    #[test]
    fn the_state_directory_is_the_users() {
        let named = |state: Option<&str>, home: Option<&str>| path(state.map(Into::into), home.map(Into::into));
        assert_eq!(named(Some("/s"), Some("/h")), Some("/s/cogloop/history".into()));
        assert_eq!(named(Some("s"), Some("/h")), Some("/h/.local/state/cogloop/history".into()));
        assert_eq!(named(None, Some("/h")), Some("/h/.local/state/cogloop/history".into()));
        assert_eq!(named(None, None), None);
    }

    #[test]
    fn a_long_file_is_shortened_to_its_latest_entries() {
        let path = env::temp_dir().join(format!("cogloop-history-{}", std::process::id()));
        let lines: String = (0..=IN_FILE_MAX).map(|i| format!("{i}\n")).collect();
        fs::write(&path, lines).unwrap();
        let latest = read(&path);
        assert_eq!((latest.len(), latest.last()), (KEPT, Some(&IN_FILE_MAX.to_string())));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), KEPT);
        assert_eq!(read(&path), latest);
        fs::remove_file(&path).unwrap();
    }
}
