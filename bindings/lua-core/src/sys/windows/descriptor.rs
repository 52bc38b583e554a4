//! Sockets by their numbers. On Windows nothing else can be observed.

use super::wakers;
use libc::FILE;
use rustix::event::{PollFd, Timespec, poll};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::net::sockopt::socket_type;
use std::ffi::c_int;
use std::io;
use std::os::windows::io::AsSocket;
use std::time::Duration;

/// The number of a socket in a script; -1 means that there is none. Windows guarantees that handles have 32 significant
/// bits, so the conversion to this number and back is exact.
pub(crate) type Number = c_int;

fn raw(number: Number) -> RawFd {
    RawFd::from(number.cast_unsigned())
}

/// The socket with this number.
///
/// # Safety
///
/// The number is not negative. The caller owns the number, or uses the result only to register the socket or to ask the
/// system about it.
#[inline]
pub(crate) unsafe fn borrow(number: Number) -> BorrowedFd<'static> {
    // SAFETY: the caller's promise; the invalid socket has 64 bits, so no number of 32 bits is invalid.
    unsafe { BorrowedFd::borrow_raw(raw(number)) }
}

pub(crate) fn number_of(socket: &impl AsRawFd) -> Number {
    socket.as_raw_fd() as Number
}

/// The number in an entry for `poll`.
pub(crate) fn number_of_polled(polled: &PollFd<'_>) -> Number {
    number_of(&polled.as_socket())
}

/// Whether the number is an open socket.
pub(crate) fn is_open(number: Number) -> bool {
    // SAFETY: any number is allowed: for a number that is not open the system returns an error.
    socket_type(unsafe { borrow(number) }).is_ok()
}

/// The number of a C stream: always `None`, because a stream cannot be observed on Windows.
///
/// # Safety
///
/// None here.
#[inline]
pub(crate) unsafe fn of_stream(_: *mut FILE) -> Option<Number> {
    None
}

/// Closes a socket.
///
/// # Errors
///
/// None here.
///
/// # Safety
///
/// The caller owns the socket.
pub(crate) unsafe fn close(number: Number) -> io::Result<()> {
    // SAFETY: the caller's promise.
    drop(unsafe { OwnedFd::from_raw_fd(raw(number)) });
    Ok(())
}

/// The longest wait in one call. Ctrl-C does not end the system's wait, so the caller has to check for Ctrl-C between
/// the calls.
const LONGEST: Duration = Duration::from_millis(50);

/// Waits until a socket is ready or the time is over. Without a timeout the wait has no limit.
///
/// # Errors
///
/// Returns the system's error. After `Interrupted` the caller reads the clock and waits again.
pub(crate) fn wait(polled: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let part = timeout.map_or(LONGEST, |timeout| timeout.min(LONGEST));
    let found = if polled.is_empty() {
        // The system refuses to wait for an empty list.
        wakers::nap(part);
        0
    } else {
        // Rounded up, because a wait must not end early.
        let ms = part.as_nanos().div_ceil(1_000_000) as i64;
        poll(polled, Some(&Timespec { tv_sec: 0, tv_nsec: (ms * 1_000_000) as _ }))?
    };
    if found == 0 && timeout != Some(part) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
}
