//! Names of files, and of functions.

use std::ffi::{CStr, OsStr, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The path that a C string names. The string may have any bytes.
///
/// # Errors
/// None here.
pub(crate) fn path(name: &CStr) -> std::io::Result<&Path> {
    Ok(Path::new(OsStr::from_bytes(name.to_bytes())))
}

/// Calls `tell` with the name of the function at this address, if its file exports it. Otherwise passes the name of the
/// file, without folders, and the place in the file, which `addr2line` knows.
pub(crate) fn of_function(address: usize, tell: impl FnOnce(&[u8], Option<usize>)) {
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `dladdr` reads no memory at the address. It fills in the result if it does not return 0. The texts of the
    // result last as long as the file is loaded.
    unsafe {
        if libc::dladdr(std::ptr::without_provenance::<c_void>(address), found.as_mut_ptr()) == 0 {
            return tell(b"function", Some(address));
        }
        let found = found.assume_init();
        if !found.dli_sname.is_null() && found.dli_saddr as usize == address {
            return tell(CStr::from_ptr(found.dli_sname).to_bytes(), None);
        }
        let file = if found.dli_fname.is_null() { c"function" } else { CStr::from_ptr(found.dli_fname) };
        let file = file.to_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        tell(file, Some(address.wrapping_sub(found.dli_fbase as usize)));
    }
}
