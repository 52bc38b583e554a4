//! Whether a call on a socket may wait. In a callback of a loop that observes the socket it may not: another callback
//! or process may have taken what the loop has reported, and then the whole loop would stand still.
//!
//! | socket | in a callback | elsewhere |
//! |---|---|---|
//! | observed for that direction, or a coroutine has waited for it | at once, or EAGAIN | as the socket is set |
//! | any other | as the socket is set | as the socket is set |
//!
//! The socket's O_NONBLOCK is left alone: it belongs to the open socket, which other processes may share.

use crate::host::memory::SocketBlock;
use crate::lua::interrupt::is_running;
use cogloop_io::Interest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockAddr, Socket};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, PoisonError};

/// Whether a call that wants to read, or write, may wait.
///
/// # Safety
///
/// The socket lives, and no reference into a loop's state is alive.
pub(super) unsafe fn may_wait(socket: *const SocketBlock, direction: Interest) -> bool {
    // SAFETY: the caller's promise; a Node in a socket's list lives.
    unsafe {
        if !is_running() {
            return true;
        }
        let mut node = (*socket).observers;
        while let Some(observer) = node.as_ref() {
            if observer.interest.contains(direction) {
                return false;
            }
            node = observer.next_observer;
        }
        !(*socket).waited.contains(direction)
    }
}

/// The flag for `send` and `recv`.
///
/// # Safety
///
/// As for [`may_wait`].
pub(super) unsafe fn flag(socket: *const SocketBlock, direction: Interest) -> libc::c_int {
    // SAFETY: the caller's promise.
    if unsafe { may_wait(socket, direction) } { 0 } else { libc::MSG_DONTWAIT }
}

/// One `accept` of this process at a time: file locks belong to the whole process.
static ACCEPTING: Mutex<()> = Mutex::new(());

/// Accepts a waiting client without waiting for one. `accept` has no flag for that, so this polls first. A lock of the
/// listener's file keeps other processes out meanwhile; it ends with the process that holds it.
///
/// # Errors
///
/// EAGAIN without a client, or while another process accepts one. Else the system's error.
pub(super) fn accept_at_once(socket: &Socket) -> io::Result<(Socket, SockAddr)> {
    if socket.nonblocking()? {
        return socket.accept();
    }
    let _one = ACCEPTING.lock().unwrap_or_else(PoisonError::into_inner);
    let lock = FileLock::take(socket.as_raw_fd())?;
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&at_once))?;
    let accepted = if ready == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { socket.accept() };
    drop(lock);
    accepted.map_err(|error: io::Error| match error.raw_os_error() {
        None => io::Error::from_raw_os_error(libc::EAGAIN),
        Some(_) => error,
    })
}

/// A lock of the whole file, which keeps other processes out.
struct FileLock(RawFd);

impl FileLock {
    /// # Errors
    ///
    /// EAGAIN while another process has it. Where sockets cannot be locked there is no lock, and no error.
    fn take(number: RawFd) -> io::Result<Self> {
        if set_lock(number, libc::F_WRLCK) == 0 {
            return Ok(Self(number));
        }
        match io::Error::last_os_error().raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
            _ => Ok(Self(-1)),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if self.0 >= 0 {
            set_lock(self.0, libc::F_UNLCK);
        }
    }
}

fn set_lock(number: RawFd, kind: libc::c_int) -> libc::c_int {
    // SAFETY: plain integers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as _;
    lock.l_whence = libc::SEEK_SET as _;
    // SAFETY: the structure lives; a number that is not open is refused.
    unsafe { libc::fcntl(number, libc::F_SETLK, &raw const lock) }
}
