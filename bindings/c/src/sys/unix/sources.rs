//! The objects that a watch observes: descriptors, signals, children.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;

use cogloop_io::{EventLoop, Interest, Mode, Token, child};

use crate::sys::conditions::Conditions;

/// The signals of a watch.
pub(crate) use cogloop_io::signals::Signals;

/// The descriptor with this number.
///
/// # Safety
/// `fd` is not negative, and stays open while the result is used.
pub(crate) unsafe fn borrow<'a>(fd: c_int) -> BorrowedFd<'a> {
    // SAFETY: the caller keeps this function's contract.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// Observes a signal.
///
/// # Errors
/// If the system refuses the signal, or the signal cannot be watched.
pub(crate) fn add_signal<T: Clone>(events: &mut EventLoop<T>, number: c_int) -> io::Result<(Token, Signals)> {
    let mut signals = Signals::new()?;
    signals.watch(number)?;
    let descriptor = Rc::new(signals.descriptor());
    let token = events.add_shared(descriptor, Interest::READ, Mode::Level)?;
    Ok((token, signals))
}

/// Observes the end of a child.
///
/// # Errors
/// If the process is not a child of this process, or the system lacks pidfd.
pub(crate) fn add_child<T: Clone>(events: &mut EventLoop<T>, pid: u32) -> io::Result<Token> {
    events.add_owned(child::pidfd(pid)?, Interest::READ)
}

/// The status of a child, as `waitpid` gives it; `None` if it is still running.
///
/// # Errors
/// If other code has collected the status.
pub(crate) fn status_of_child(pid: u32) -> io::Result<Option<c_int>> {
    Ok(child::exit_status(pid)?.map(ExitStatusExt::into_raw))
}

/// The descriptor that an outer loop watches, if this loop runs inside it.
///
/// # Errors
/// If the backend has none.
pub(crate) fn pollable<T: Clone>(events: &mut EventLoop<T>) -> io::Result<c_int> {
    events.pollable().map(|descriptor| descriptor.as_raw_fd())
}

/// The present conditions of a descriptor.
///
/// # Errors
/// `EBADF` if it is not open.
pub(crate) fn conditions(fd: c_int) -> io::Result<Conditions> {
    let asked = libc::POLLIN | libc::POLLOUT | libc::POLLPRI | libc::POLLRDHUP;
    let mut entry = libc::pollfd { fd, events: asked, revents: 0 };
    // SAFETY: the pointer points to one entry, on this stack frame.
    while unsafe { libc::poll(&raw mut entry, 1, 0) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let has = |condition| entry.revents & condition != 0;
    if has(libc::POLLNVAL) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(Conditions {
        is_readable: has(libc::POLLIN),
        is_writable: has(libc::POLLOUT),
        has_priority: has(libc::POLLPRI),
        is_hung_up: has(libc::POLLHUP),
        is_read_hung_up: has(libc::POLLRDHUP),
        is_broken: has(libc::POLLERR),
    })
}
