//! The objects that a watch observes: sockets. On Windows signals and children have no descriptors.

use std::ffi::c_int;
use std::io;
use std::os::windows::io::{BorrowedSocket, RawSocket};

use cogloop_io::{EventLoop, Token};
use windows_sys::Win32::Networking::WinSock::{
    POLLERR, POLLHUP, POLLNVAL, POLLRDBAND, POLLRDNORM, POLLWRNORM, SOCKET_ERROR, WSAENOTSOCK, WSAPOLLFD, WSAPoll,
};

use crate::sys::conditions::Conditions;

/// The signals of a watch. Windows has none.
pub(crate) enum Signals {}

impl Signals {
    pub(crate) fn take(&mut self) -> std::iter::Empty<c_int> {
        match *self {}
    }
}

fn unsupported(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}

/// The socket with this number. Windows gives sockets 32 significant bits.
///
/// # Safety
/// `fd` is not negative, and stays open while the result is used.
pub(crate) unsafe fn borrow<'a>(fd: c_int) -> BorrowedSocket<'a> {
    // SAFETY: the caller keeps this function's contract.
    unsafe { BorrowedSocket::borrow_raw(fd as RawSocket) }
}

/// # Errors
/// Always `Unsupported`.
pub(crate) fn add_signal<T>(_: &mut EventLoop<T>, _: c_int) -> io::Result<(Token, Signals)> {
    Err(unsupported("Windows has no signals; a handler of the console may call cog_loop_post"))
}

/// # Errors
/// Always `Unsupported`.
pub(crate) fn add_child<T>(_: &mut EventLoop<T>, _: u32) -> io::Result<Token> {
    Err(unsupported(
        "the end of a process cannot be watched on Windows; a thread that waits for it may call cog_loop_post",
    ))
}

/// # Errors
/// Always `Unsupported`.
pub(crate) fn status_of_child(_: u32) -> io::Result<Option<c_int>> {
    Err(unsupported("the end of a process cannot be watched on Windows"))
}

/// # Errors
/// Always `Unsupported`.
pub(crate) fn pollable<T>(_: &mut EventLoop<T>) -> io::Result<c_int> {
    Err(unsupported("a loop has no socket on Windows that another loop could watch"))
}

/// The present conditions of a socket. Windows does not tell when the other end has ended only its writing direction.
///
/// # Errors
/// `WSAENOTSOCK` if it is no open socket.
pub(crate) fn conditions(fd: c_int) -> io::Result<Conditions> {
    let mut entry = WSAPOLLFD { fd: fd as _, events: POLLRDNORM | POLLRDBAND | POLLWRNORM, revents: 0 };
    // SAFETY: the pointer points to one entry, on this stack frame.
    if unsafe { WSAPoll(&raw mut entry, 1, 0) } == SOCKET_ERROR {
        return Err(io::Error::last_os_error());
    }
    let has = |condition| entry.revents & condition != 0;
    if has(POLLNVAL) {
        return Err(io::Error::from_raw_os_error(WSAENOTSOCK));
    }
    Ok(Conditions {
        is_readable: has(POLLRDNORM),
        is_writable: has(POLLWRNORM),
        has_priority: has(POLLRDBAND),
        is_hung_up: has(POLLHUP),
        is_read_hung_up: false,
        is_broken: has(POLLERR),
    })
}
