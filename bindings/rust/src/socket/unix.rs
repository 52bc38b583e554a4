//! Unix. Twin of `windows`.

use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketType, connect, shutdown};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Makes a non-blocking stream socket that is closed on exec.
#[cfg(not(target_vendor = "apple"))]
fn stream(family: AddressFamily) -> io::Result<OwnedFd> {
    use rustix::net::{SocketFlags, socket_with};
    Ok(socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?)
}

#[cfg(target_vendor = "apple")]
fn stream(family: AddressFamily) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

/// Checks how a connection has begun. A connection in progress is not an error: the socket becomes writable when the
/// connection is made or has failed.
fn under_way(begun: Result<(), Errno>) -> io::Result<()> {
    match begun {
        // After an interruption the kernel continues to connect.
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn connect_tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = stream(if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 })?;
    under_way(connect(&socket, &address))?;
    Ok(socket)
}

pub(crate) fn connect_unix(path: &Path) -> io::Result<OwnedFd> {
    let socket = stream(AddressFamily::UNIX)?;
    under_way(connect(&socket, &SocketAddrUnix::new(path)?))?;
    Ok(socket)
}

/// Shuts down the writing direction of a socket, so that its peer reads the end. Does nothing for other files.
#[cfg_attr(not(feature = "futures"), allow(dead_code, reason = "only implementations of foreign traits use it"))]
pub(crate) fn end_writing(file: BorrowedFd<'_>) -> io::Result<()> {
    match shutdown(file, Shutdown::Write) {
        // It is no socket, or the peer has already closed the connection.
        Ok(()) | Err(Errno::NOTSOCK | Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
