//! Names of files: any bytes.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The path for a name that a script gives.
///
/// # Errors
///
/// None here.
pub(crate) fn of_bytes(name: &[u8]) -> io::Result<&Path> {
    Ok(Path::new(OsStr::from_bytes(name)))
}
