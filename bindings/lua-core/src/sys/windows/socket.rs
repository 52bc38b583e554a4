//! Calls on sockets that differ between systems.

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

/// Flags for `send`. None are needed, because Windows sends no signal if the peer has closed the connection.
pub(crate) const QUIETLY: c_int = 0;

/// Whether calls on a socket block. Windows cannot tell, so this type stores the script's setting.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    is_nonblocking: bool,
}

impl Mode {
    /// The state of a new socket.
    pub(crate) const NEW: Self = Self { is_nonblocking: false };

    /// # Errors
    ///
    /// None here.
    pub(crate) fn is_nonblocking(self, _: &Socket) -> io::Result<bool> {
        Ok(self.is_nonblocking)
    }

    /// # Errors
    ///
    /// Returns the system's error.
    pub(crate) fn set_nonblocking(&mut self, socket: &Socket, is_on: bool) -> io::Result<()> {
        socket.set_nonblocking(is_on)?;
        self.is_nonblocking = is_on;
        Ok(())
    }

    /// Does `work` without waiting. `work` is a `send` or `recv`, and is called with the flags to use. Windows has no
    /// flag that prevents waiting, so the socket is made non-blocking for the call.
    ///
    /// # Errors
    ///
    /// EAGAIN where `work` would have to wait; else the errors of `work`.
    pub(crate) fn at_once<R>(self, socket: &Socket, work: impl FnOnce(c_int) -> io::Result<R>) -> io::Result<R> {
        if self.is_nonblocking {
            return work(0);
        }
        socket.set_nonblocking(true)?;
        let done = work(0);
        // An error would mean that the socket is unusable, which the next call reports. What `work` has received must
        // not be lost.
        let _ = socket.set_nonblocking(false);
        done
    }
}

/// Makes a socket that is not inherited by programs that this process starts. The caller owns the number.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn create(family: c_int, kind: c_int, protocol: c_int) -> io::Result<Number> {
    let protocol = (protocol != 0).then(|| Protocol::from(protocol));
    let socket = Socket::new(Domain::from(family), Type::from(kind), protocol)?;
    if kind == SOCK_DGRAM {
        do_not_report_unreachable(&socket);
    }
    Ok(into_number(socket))
}

/// If nothing receives a datagram, the peer's system answers with an error. By default Windows reports that answer as
/// the error of the next `recv`, even if that waits for another peer. This function turns the report off. Other systems
/// report the answer only if the socket is connected.
fn do_not_report_unreachable(socket: &Socket) {
    let (is_reported, mut length) = (0_u32, 0_u32);
    // SAFETY: the input and the length are alive; there is no output and no overlapped call. If Windows refuses the
    // call, the default stays.
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

/// The number of a socket. The caller owns it afterwards.
pub(crate) fn into_number(socket: Socket) -> Number {
    let number = number_of(&socket);
    let _ = socket.into_raw_socket();
    number
}

/// Does nothing, because on Windows a server may always bind to its port again at once. SO_REUSEADDR would let it take
/// the port of a running server.
///
/// # Errors
///
/// None here.
pub(crate) fn allow_restart(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// # Errors
///
/// Returns the system's error; EINPROGRESS from a socket that does not block.
pub(crate) fn connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    // Windows returns WSAEWOULDBLOCK for a connection in progress.
    socket.connect(address).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => errno::error(EINPROGRESS),
        _ => error,
    })
}

/// Receives. If a datagram is longer than the buffer, its rest is lost.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn receive(socket: &Socket, room: &mut [MaybeUninit<u8>], flags: c_int) -> io::Result<usize> {
    // socket2 has two calls that receive. This one returns no error for a datagram that is too long.
    let length = room.len();
    let (count, how) = socket.recv_vectored_with_flags(&mut [MaybeUninitSlice::new(room)], flags)?;
    // For a datagram that is too long, Wine does not return the number of received bytes.
    Ok(if how.is_truncated() { length } else { count })
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
    let length = room.len();
    let (count, how, from) = socket.recv_from_vectored_with_flags(&mut [MaybeUninitSlice::new(room)], flags)?;
    // A connected socket does not write the address, so it stays all zeros.
    let from = if from.family() == AF_UNSPEC { socket.peer_addr()? } else { from };
    Ok((if how.is_truncated() { length } else { count }, from))
}

/// Accepts a client. The client's socket blocks, even if the listener does not.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn accept(socket: &Socket) -> io::Result<(Socket, SockAddr)> {
    let (client, address) = socket.accept()?;
    client.set_nonblocking(false)?;
    Ok((client, address))
}

/// Accepts a client if one waits already.
///
/// # Errors
///
/// EAGAIN if no client waits; else the system's error.
pub(crate) fn accept_at_once(socket: &Socket, mode: Mode) -> io::Result<(Socket, SockAddr)> {
    mode.at_once(socket, |_| accept(socket))
}

/// The family of a socket. On Windows a socket that is not bound has no address.
///
/// # Errors
///
/// Returns the system's error.
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

/// Only Linux has abstract names of Unix sockets.
pub(crate) const HAS_ABSTRACT: bool = false;

/// Unix sockets are not supported here.
///
/// # Errors
///
/// Always.
pub(crate) fn unix_address(_: &[u8]) -> io::Result<SockAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "Unix sockets are not for Windows"))
}

/// Does nothing, because there are no Unix sockets here.
pub(crate) fn unix_name(_: &SockAddr, _: impl FnOnce(&[u8], &[u8])) {}
