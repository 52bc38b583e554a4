//! Numbers of errors, and their texts.

pub(crate) use libc::{
    EBADF, EBUSY, EINTR, EINVAL, EMFILE, ENODEV, ENOENT, ENOMEM, ENOSYS, EOVERFLOW, EPERM, EPIPE, ETIMEDOUT,
};
use std::ffi::{CStr, c_int};
use std::io;

/// The number of a system error; `None` for an error of our own.
pub(crate) fn number(error: &io::Error) -> Option<c_int> {
    error.raw_os_error()
}

/// The system's error of this number.
pub(crate) fn error(number: c_int) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// A buffer for the text of an error.
pub(crate) type Room = [u8; 128];
pub(crate) const ROOM: Room = [0; 128];

/// Writes the system's text of a number to the buffer and returns it, without allocating. `None` if there is no text.
pub(crate) fn text(number: c_int, room: &mut Room) -> Option<&[u8]> {
    // SAFETY: the buffer has at least the given length, and its last byte stays zero.
    let failed = unsafe { libc::strerror_r(number, room.as_mut_ptr().cast(), room.len() - 1) } != 0;
    let text = CStr::from_bytes_until_nul(room).ok()?.to_bytes();
    if failed && text.is_empty() { None } else { Some(text) }
}
