//! The thread's error number, and the texts of error numbers.

use std::ffi::{CStr, c_int};
use std::io;

use nix::errno::Errno;

/// Makes a call, and restores the thread's error number.
pub(crate) fn keeping<T>(call: impl FnOnce() -> T) -> T {
    let before = Errno::last_raw();
    let answer = call();
    Errno::set_raw(before);
    answer
}

/// The number of errno.h for an error of the system.
pub(crate) fn of_c(error: &io::Error) -> Option<c_int> {
    error.raw_os_error()
}

/// The system's text for a number, written to `room`. The standard library would allocate the text.
pub(crate) fn text(number: c_int, room: &mut [u8]) -> Option<&str> {
    // SAFETY: the length is that of the buffer without its last byte.
    let code = unsafe { libc::strerror_r(number, room.as_mut_ptr().cast(), room.len() - 1) };
    // This ends the buffer with a zero, even if the call has written none.
    *room.last_mut()? = 0;
    let text = CStr::from_bytes_until_nul(room).ok()?.to_str().ok()?;
    (code == 0 && !text.is_empty()).then_some(text)
}
