//! Windows. Twin of `unix`.

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketType, connect, shutdown, socket};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// Makes a non-blocking stream socket.
fn stream(family: AddressFamily) -> io::Result<OwnedFd> {
    // The standard library initialises the system's sockets when it makes its first socket.
    drop(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    let socket = socket(family, SocketType::STREAM, None)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

pub(crate) fn connect_tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = stream(if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 })?;
    match connect(&socket, &address) {
        // A connection in progress is not an error: the socket becomes writable when the connection is made or has
        // failed.
        Ok(()) | Err(Errno::WOULDBLOCK | Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Shuts down the writing direction of a socket, so that its peer reads the end.
#[cfg_attr(not(feature = "futures"), allow(dead_code, reason = "only implementations of foreign traits use it"))]
pub(crate) fn end_writing(file: BorrowedFd<'_>) -> io::Result<()> {
    match shutdown(file, Shutdown::Write) {
        // It is no socket, or the peer has already closed the connection.
        Ok(()) | Err(Errno::NOTSOCK | Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
