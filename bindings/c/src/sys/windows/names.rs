//! Names of files, and of functions.

use std::ffi::CStr;
use std::path::Path;

/// The path that a C string names, in UTF-8.
///
/// # Errors
/// `InvalidInput` if the string is not UTF-8.
pub(crate) fn path(name: &CStr) -> std::io::Result<&Path> {
    let name = name.to_str().map_err(|_| std::io::ErrorKind::InvalidInput)?;
    Ok(Path::new(name))
}

/// Calls `tell` with the address: functions have no names here.
pub(crate) fn of_function(address: usize, tell: impl FnOnce(&[u8], Option<usize>)) {
    tell(b"function", Some(address));
}
