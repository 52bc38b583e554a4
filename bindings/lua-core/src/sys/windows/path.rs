//! Names of files: UTF-8.

use std::io;
use std::path::Path;

/// The path for a name that a script gives.
///
/// # Errors
///
/// `InvalidInput` if it is not UTF-8.
pub(crate) fn of_bytes(name: &[u8]) -> io::Result<&Path> {
    let name = std::str::from_utf8(name).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(Path::new(name))
}
