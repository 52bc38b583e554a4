//! Descriptors by their numbers.

use libc::FILE;
use rustix::event::{PollFd, Timespec, poll};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

/// The number by which a script knows a descriptor; -1 stands for none.
pub(crate) type Number = RawFd;

/// What the number stands for.
///
/// # Safety
///
/// The number is not negative. The result is used to register it or to ask the kernel about it, or by the owner of the number.
#[inline]
pub(crate) unsafe fn borrow(number: Number) -> BorrowedFd<'static> {
    // SAFETY: the caller's promise.
    unsafe { BorrowedFd::borrow_raw(number) }
}

pub(crate) fn number_of(descriptor: &impl AsRawFd) -> Number {
    descriptor.as_raw_fd()
}

/// The number that is polled.
pub(crate) fn number_of_polled(polled: &PollFd<'_>) -> Number {
    polled.as_fd().as_raw_fd()
}

/// Whether the number is an open descriptor.
pub(crate) fn is_open(number: Number) -> bool {
    // SAFETY: any number will do: the kernel answers EBADF for one that is not open.
    rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) }).is_ok()
}

/// The number of a C stream; `None` where a stream cannot be observed.
///
/// # Safety
///
/// The stream is open.
#[inline]
pub(crate) unsafe fn of_stream(stream: *mut FILE) -> Option<Number> {
    // SAFETY: the caller's promise.
    Some(unsafe { libc::fileno(stream) })
}

/// Closes it.
///
/// # Errors
///
/// The system's; the descriptor is gone all the same.
///
/// # Safety
///
/// The caller owns it.
pub(crate) unsafe fn close(number: Number) -> io::Result<()> {
    // SAFETY: the caller's promise.
    if unsafe { libc::close(number) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits until one is ready or the time is over; without a time for as long as it takes.
///
/// # Errors
///
/// The system's. `Interrupted`: the caller looks at the clock and waits again.
pub(crate) fn wait(polled: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    Ok(poll(polled, timeout.as_ref()).map(|_| ())?)
}
