//! Names of files: any bytes.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The path that a script has named.
///
/// # Errors
///
/// None here.
pub(crate) fn of_bytes(name: &[u8]) -> io::Result<&Path> {
    Ok(Path::new(OsStr::from_bytes(name)))
}
