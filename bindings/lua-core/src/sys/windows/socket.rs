//! Calls on sockets that systems do not agree on.

use super::descriptor::{Number, number_of};
use super::errno::{self, EINPROGRESS};
use super::option::SOCK_DGRAM;
use socket2::{Domain, MaybeUninitSlice, Protocol, SockAddr, Socket, Type};
use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::os::windows::io::{AsRawSocket, IntoRawSocket};
use std::ptr::null_mut;
use windows_sys::Win32::Networking::WinSock::{
    AF_UNSPEC, SIO_UDP_CONNRESET, SO_PROTOCOL_INFOW, SOCKET, SOL_SOCKET, WSAIoctl, WSAPROTOCOL_INFOW, getsockopt,
};

/// For `send`: no signal is sent here when the other side is gone.
pub(crate) const QUIETLY: c_int = 0;

/// Whether calls on a socket wait, which Windows does not tell: what the script has said.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    is_nonblocking: bool,
}

impl Mode {
    /// Of a new socket.
    pub(crate) const NEW: Self = Self { is_nonblocking: false };

    /// # Errors
    ///
    /// None here.
    pub(crate) fn is_nonblocking(self, _: &Socket) -> io::Result<bool> {
        Ok(self.is_nonblocking)
    }

    /// # Errors
    ///
    /// The system's.
    pub(crate) fn set_nonblocking(&mut self, socket: &Socket, is_on: bool) -> io::Result<()> {
        socket.set_nonblocking(is_on)?;
        self.is_nonblocking = is_on;
        Ok(())
    }

    /// Does `work`, a `send` or `recv` with these flags, without waiting. Windows has no flag for that, so that the socket
    /// does not block for a moment.
    ///
    /// # Errors
    ///
    /// EAGAIN in the place of waiting; else those of `work`.
    pub(crate) fn at_once<R>(self, socket: &Socket, work: impl FnOnce(c_int) -> io::Result<R>) -> io::Result<R> {
        if self.is_nonblocking {
            return work(0);
        }
        socket.set_nonblocking(true)?;
        let done = work(0);
        socket.set_nonblocking(false)?;
        done
    }
}

/// Makes a socket that programs do not inherit. The caller owns the number.
///
/// # Errors
///
/// The system's.
pub(crate) fn create(family: c_int, kind: c_int, protocol: c_int) -> io::Result<Number> {
    let protocol = (protocol != 0).then(|| Protocol::from(protocol));
    let socket = Socket::new(Domain::from(family), Type::from(kind), protocol)?;
    if kind == SOCK_DGRAM {
        do_not_report_unreachable(&socket);
    }
    Ok(into_number(socket))
}

/// Keeps the answer to one datagram, that nobody receives it, from failing the next `recv`. It belongs to no call, and
/// elsewhere it is not told.
fn do_not_report_unreachable(socket: &Socket) {
    let (is_reported, mut length) = (0_u32, 0_u32);
    // SAFETY: the input and the length live; there is no output and no overlapped call. Where it is refused, it is told.
    unsafe {
        WSAIoctl(
            socket.as_raw_socket() as SOCKET,
            SIO_UDP_CONNRESET,
            (&raw const is_reported).cast(),
            size_of::<u32>() as u32,
            null_mut(),
            0,
            &raw mut length,
            null_mut(),
            None,
        )
    };
}

/// The number of a socket, which the caller owns from now on.
pub(crate) fn into_number(socket: Socket) -> Number {
    let number = number_of(&socket);
    let _ = socket.into_raw_socket();
    number
}

/// A server may bind to its port again at once: that is so here. The option of that name would let it take the port of a
/// server that runs.
///
/// # Errors
///
/// None here.
pub(crate) fn allow_restart(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// # Errors
///
/// The system's; EINPROGRESS from a socket that does not block.
pub(crate) fn connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    // Windows calls it the same as what cannot be read yet.
    socket.connect(address).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => errno::error(EINPROGRESS),
        _ => error,
    })
}

/// Receives. What a datagram has more than there is room for is lost.
///
/// # Errors
///
/// The system's.
pub(crate) fn receive(socket: &Socket, room: &mut [MaybeUninit<u8>], flags: c_int) -> io::Result<usize> {
    // Of the two calls of socket2 this one does not take a datagram that is too long for an error.
    let length = room.len();
    let (count, how) = socket.recv_vectored_with_flags(&mut [MaybeUninitSlice::new(room)], flags)?;
    // Wine does not count what it has received of such a one.
    Ok(if how.is_truncated() { length } else { count })
}

/// As [`receive`], with the sender.
///
/// # Errors
///
/// The system's.
pub(crate) fn receive_from(
    socket: &Socket,
    room: &mut [MaybeUninit<u8>],
    flags: c_int,
) -> io::Result<(usize, SockAddr)> {
    let length = room.len();
    let (count, how, from) = socket.recv_from_vectored_with_flags(&mut [MaybeUninitSlice::new(room)], flags)?;
    // A connection leaves the address as it was: all zeros.
    let from = if from.family() == AF_UNSPEC { socket.peer_addr()? } else { from };
    Ok((if how.is_truncated() { length } else { count }, from))
}

/// The client's socket blocks, whatever the listener does.
///
/// # Errors
///
/// The system's.
pub(crate) fn accept(socket: &Socket) -> io::Result<(Socket, SockAddr)> {
    let (client, address) = socket.accept()?;
    client.set_nonblocking(false)?;
    Ok((client, address))
}

/// Accepts a waiting client without waiting for one.
///
/// # Errors
///
/// EAGAIN without a client. Else the system's error.
pub(crate) fn accept_at_once(socket: &Socket, mode: Mode) -> io::Result<(Socket, SockAddr)> {
    mode.at_once(socket, |_| accept(socket))
}

/// The family of a socket. One that is not bound has no address here.
///
/// # Errors
///
/// The system's.
pub(crate) fn family(socket: &Socket) -> io::Result<c_int> {
    if let Ok(address) = socket.local_addr() {
        return Ok(address.family().into());
    }
    let mut about = MaybeUninit::<WSAPROTOCOL_INFOW>::zeroed();
    let mut length = size_of::<WSAPROTOCOL_INFOW>() as c_int;
    let number = socket.as_raw_socket() as SOCKET;
    // SAFETY: zeros are a valid record, and `length` is its length.
    let done = unsafe { getsockopt(number, SOL_SOCKET, SO_PROTOCOL_INFOW, about.as_mut_ptr().cast(), &raw mut length) };
    // SAFETY: as above.
    if done == 0 { Ok(unsafe { about.assume_init() }.iAddressFamily) } else { Err(io::Error::last_os_error()) }
}

/// Abstract names of Unix sockets are Linux's.
pub(crate) const HAS_ABSTRACT: bool = false;

/// The address of a Unix socket: not here.
///
/// # Errors
///
/// Always.
pub(crate) fn unix_address(_: &[u8]) -> io::Result<SockAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "Unix sockets are not for Windows"))
}

/// Hands on the name of a Unix socket: there is none.
pub(crate) fn unix_name(_: &SockAddr, _: impl FnOnce(&[u8], &[u8])) {}
