//! Errors of making a loop. A running loop returns plain [`std::io::Error`]s of the kernel.

use std::collections::TryReserveError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A loop could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No backend has this name.
    UnknownBackend {
        /// The name that was asked for.
        name: String,
        /// The environment variable that holds this name; `None` if the program itself asked for it.
        variable: Option<&'static str>,
        /// The names that exist on this platform.
        known: Vec<&'static str>,
    },
    /// The kernel refused every backend. The text gives the reason for each.
    NoBackend {
        /// One clause for each backend that was tried.
        reasons: String,
    },
    /// The resolution is 0 ns, so a tick would have no length.
    ZeroResolution,
    /// The recording cannot be written, or cannot be played.
    Recording {
        /// `"record"` or `"replay"`.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's error; its kind is `InvalidData` if the file is not a recording that can be played.
        source: io::Error,
    },
    /// The kernel or the allocator refused something that every loop needs.
    Io {
        /// The step that failed.
        doing: &'static str,
        /// The kernel's error; its kind is `OutOfMemory` if the allocator refused.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn memory(refused: TryReserveError) -> Self {
        Self::Io { doing: "making room for a loop", source: refused.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownBackend { name, variable, known } => {
                if let Some(variable) = variable {
                    write!(f, "the environment variable {variable}: ")?;
                }
                write!(f, "unknown backend \"{name}\"; known here: {}", known.join(", "))
            }
            Self::NoBackend { reasons } => write!(f, "no backend works here: {reasons}"),
            Self::ZeroResolution => f.write_str("the resolution must be at least 1 ns"),
            Self::Recording { option, path, source } => write!(f, "{option} '{}': {source}", path.display()),
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Recording { source, .. } => Some(source),
            _ => None,
        }
    }
}
