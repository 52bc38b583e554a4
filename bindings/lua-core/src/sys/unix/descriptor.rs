//! Descriptors by their numbers.

use libc::FILE;
use rustix::event::{PollFd, Timespec, poll};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

/// The number of a descriptor in a script; -1 means that there is none.
pub(crate) type Number = RawFd;

/// The descriptor with this number.
///
/// # Safety
///
/// The number is not negative. The caller owns the number, or uses the result only to register the descriptor or to ask
/// the kernel about it.
#[inline]
pub(crate) unsafe fn borrow(number: Number) -> BorrowedFd<'static> {
    // SAFETY: the caller's promise.
    unsafe { BorrowedFd::borrow_raw(number) }
}

pub(crate) fn number_of(descriptor: &impl AsRawFd) -> Number {
    descriptor.as_raw_fd()
}

/// The number in an entry for `poll`.
pub(crate) fn number_of_polled(polled: &PollFd<'_>) -> Number {
    polled.as_fd().as_raw_fd()
}

/// Whether the number is an open descriptor.
pub(crate) fn is_open(number: Number) -> bool {
    // SAFETY: any number is allowed: the kernel returns EBADF for one that is not open.
    rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) }).is_ok()
}

/// The number of a C stream; `None` on systems where a stream cannot be observed.
///
/// # Safety
///
/// The stream is open.
#[inline]
pub(crate) unsafe fn of_stream(stream: *mut FILE) -> Option<Number> {
    // SAFETY: the caller's promise.
    Some(unsafe { libc::fileno(stream) })
}

/// Closes a descriptor.
///
/// # Errors
///
/// Returns the system's error. The descriptor is closed even then.
///
/// # Safety
///
/// The caller owns the descriptor.
pub(crate) unsafe fn close(number: Number) -> io::Result<()> {
    // SAFETY: the caller's promise.
    if unsafe { libc::close(number) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits until a descriptor is ready or the time is over. Without a timeout the wait has no limit.
///
/// # Errors
///
/// Returns the system's error. After `Interrupted` the caller reads the clock and waits again.
pub(crate) fn wait(polled: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    Ok(poll(polled, timeout.as_ref()).map(|_| ())?)
}
