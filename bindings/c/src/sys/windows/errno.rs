//! The thread's error number, and the texts of error numbers. The system's error numbers are those of `GetLastError`.

use std::ffi::c_int;
use std::io;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{GetLastError, SetLastError};
use windows_sys::Win32::System::Diagnostics::Debug::{
    FORMAT_MESSAGE_FROM_SYSTEM, FORMAT_MESSAGE_IGNORE_INSERTS, FormatMessageW,
};

/// The longest text, in units of UTF-16.
const LENGTH: usize = 256;

/// Makes a call, and restores the thread's error number.
pub(crate) fn keeping<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: the call only reads a number of the thread.
    let before = unsafe { GetLastError() };
    let answer = call();
    // SAFETY: the call only sets that number.
    unsafe { SetLastError(before) };
    answer
}

/// The number of errno.h for an error of the system. Windows has none.
pub(crate) fn of_c(_: &io::Error) -> Option<c_int> {
    None
}

/// The system's text for a number, written to `room`. The standard library would allocate the text.
pub(crate) fn text(number: c_int, room: &mut [u8]) -> Option<&str> {
    let mut wide = [0_u16; LENGTH];
    let flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    // SAFETY: the text is written to a local buffer of this length, and takes no arguments.
    let length =
        unsafe { FormatMessageW(flags, null(), number as u32, 0, wide.as_mut_ptr(), LENGTH as u32, null_mut()) };
    let mut end = 0;
    for character in char::decode_utf16(wide.into_iter().take(length as usize)) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        if end + character.len_utf8() > room.len() {
            break;
        }
        end += character.encode_utf8(&mut room[end..]).len();
    }
    // The system's texts end with a new line.
    let text = str::from_utf8(&room[..end]).ok()?.trim_end();
    (!text.is_empty()).then_some(text)
}
