//! Calls on sockets that differ between systems.

use super::descriptor::Number;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::ffi::{OsStr, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, PoisonError};

/// Flags for `send`. MSG_NOSIGNAL matters when the peer has closed the connection. With it, a script gets EPIPE;
/// without it, the signal SIGPIPE would end the process.
#[cfg(not(target_vendor = "apple"))]
pub(crate) const QUIETLY: c_int = libc::MSG_NOSIGNAL;
/// On Apple's systems socket2 sets the option SO_NOSIGPIPE of each socket instead.
#[cfg(target_vendor = "apple")]
pub(crate) const QUIETLY: c_int = 0;

/// Whether calls on a socket block. The system stores the setting.
#[derive(Clone, Copy)]
pub(crate) struct Mode;

impl Mode {
    /// The state of a new socket.
    pub(crate) const NEW: Self = Self;

    /// # Errors
    ///
    /// Returns the system's error.
    pub(crate) fn is_nonblocking(self, socket: &Socket) -> io::Result<bool> {
        socket.nonblocking()
    }

    /// # Errors
    ///
    /// Returns the system's error.
    pub(crate) fn set_nonblocking(&mut self, socket: &Socket, is_on: bool) -> io::Result<()> {
        socket.set_nonblocking(is_on)
    }

    /// Does `work` without waiting. `work` is a `send` or `recv`, and is called with the flags to use.
    ///
    /// # Errors
    ///
    /// EAGAIN where `work` would have to wait; else the errors of `work`.
    #[inline]
    pub(crate) fn at_once<R>(self, _: &Socket, work: impl FnOnce(c_int) -> io::Result<R>) -> io::Result<R> {
        work(libc::MSG_DONTWAIT)
    }
}

/// Makes a socket that is closed on exec. The caller owns the number.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn create(family: c_int, kind: c_int, protocol: c_int) -> io::Result<Number> {
    let protocol = (protocol != 0).then(|| Protocol::from(protocol));
    Socket::new(Domain::from(family), Type::from(kind), protocol).map(IntoRawFd::into_raw_fd)
}

/// The number of a socket. The caller owns it afterwards.
pub(crate) fn into_number(socket: Socket) -> Number {
    socket.into_raw_fd()
}

/// Allows a server to bind to its port again at once, although the system still has the last connections of the old
/// server.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn allow_restart(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// # Errors
///
/// Returns the system's error; EINPROGRESS from a socket that does not block.
pub(crate) fn connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    socket.connect(address)
}

/// Receives. If a datagram is longer than the buffer, its rest is lost.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn receive(socket: &Socket, room: &mut [MaybeUninit<u8>], flags: c_int) -> io::Result<usize> {
    socket.recv_with_flags(room, flags)
}

/// Like [`receive`], but also returns the sender.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn receive_from(
    socket: &Socket,
    room: &mut [MaybeUninit<u8>],
    flags: c_int,
) -> io::Result<(usize, SockAddr)> {
    socket.recv_from_with_flags(room, flags)
}

/// Accepts a client. The client's socket blocks, even if the listener does not.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn accept(socket: &Socket) -> io::Result<(Socket, SockAddr)> {
    socket.accept()
}

/// Lets one thread of this process at a time take the file lock of `accept_at_once`. That lock belongs to the whole
/// process, so it does not keep other threads of the process out.
static ACCEPTING: Mutex<()> = Mutex::new(());

/// Accepts a client if one waits already. `accept` has no flag that prevents waiting, so this function polls first. A
/// lock on the listener's file keeps other processes that call this function from accepting between the poll and the
/// `accept`. The lock ends with the process that holds it.
///
/// # Errors
///
/// EAGAIN if no client waits, or while another process accepts one; else the system's error.
pub(crate) fn accept_at_once(socket: &Socket, mode: Mode) -> io::Result<(Socket, SockAddr)> {
    if mode.is_nonblocking(socket)? {
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

/// A lock on the whole file. While this process has the lock, no other process can take it.
struct FileLock(RawFd);

impl FileLock {
    /// # Errors
    ///
    /// EAGAIN while another process has the lock. On systems that cannot lock sockets there is no lock and no error.
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
    // SAFETY: the structure is alive; the kernel refuses a number that is not open.
    unsafe { libc::fcntl(number, libc::F_SETLK, &raw const lock) }
}

/// The family of a socket.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn family(socket: &Socket) -> io::Result<c_int> {
    Ok(socket.local_addr()?.family().into())
}

/// Whether this system has abstract names of Unix sockets, which begin with a zero byte.
pub(crate) const HAS_ABSTRACT: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// The address of a Unix socket.
///
/// # Errors
///
/// The name is too long.
pub(crate) fn unix_address(name: &[u8]) -> io::Result<SockAddr> {
    SockAddr::unix(OsStr::from_bytes(name))
}

/// Calls the function with the name of a Unix socket, in two parts: `@` for an abstract name, and the rest.
pub(crate) fn unix_name(address: &SockAddr, use_it: impl FnOnce(&[u8], &[u8])) {
    if let Some(name) = address.as_abstract_namespace() {
        use_it(b"@", name);
    } else if let Some(path) = address.as_pathname() {
        use_it(b"", path.as_os_str().as_bytes());
    }
}
