//! The numbers of families, kinds, protocols and options of sockets, and reading and setting an option.

use socket2::Socket;
use std::ffi::c_int;
use std::io;
use std::os::windows::io::AsRawSocket;
use windows_sys::Win32::Networking::WinSock as winsock;

pub(crate) const AF_INET: c_int = winsock::AF_INET as c_int;
pub(crate) const AF_INET6: c_int = winsock::AF_INET6 as c_int;
pub(crate) const AF_UNIX: c_int = winsock::AF_UNIX as c_int;
pub(crate) const IPPROTO_ICMP: c_int = winsock::IPPROTO_ICMP;
pub(crate) const IPPROTO_ICMPV6: c_int = winsock::IPPROTO_ICMPV6;
pub(crate) const IPPROTO_IP: c_int = winsock::IPPROTO_IP;
pub(crate) const IPPROTO_RAW: c_int = winsock::IPPROTO_RAW;
pub(crate) const IPPROTO_TCP: c_int = winsock::IPPROTO_TCP;
pub(crate) const IPPROTO_UDP: c_int = winsock::IPPROTO_UDP;
pub(crate) const SHUT_RD: c_int = winsock::SD_RECEIVE as c_int;
pub(crate) const SHUT_WR: c_int = winsock::SD_SEND as c_int;
pub(crate) const SHUT_RDWR: c_int = winsock::SD_BOTH as c_int;
pub(crate) const SOCK_DGRAM: c_int = winsock::SOCK_DGRAM;
pub(crate) const SOCK_RAW: c_int = winsock::SOCK_RAW;
pub(crate) const SOCK_SEQPACKET: c_int = winsock::SOCK_SEQPACKET;
pub(crate) const SOCK_STREAM: c_int = winsock::SOCK_STREAM;
pub(crate) const SOL_SOCKET: c_int = winsock::SOL_SOCKET;
pub(crate) const SO_BROADCAST: c_int = winsock::SO_BROADCAST;
pub(crate) const SO_DEBUG: c_int = winsock::SO_DEBUG;
pub(crate) const SO_DONTROUTE: c_int = winsock::SO_DONTROUTE;
pub(crate) const SO_KEEPALIVE: c_int = winsock::SO_KEEPALIVE;
pub(crate) const SO_OOBINLINE: c_int = winsock::SO_OOBINLINE;
pub(crate) const SO_RCVBUF: c_int = winsock::SO_RCVBUF;
pub(crate) const SO_RCVLOWAT: c_int = winsock::SO_RCVLOWAT;
pub(crate) const SO_REUSEADDR: c_int = winsock::SO_REUSEADDR;
/// Windows does not have this option, and refuses the number.
pub(crate) const SO_REUSEPORT: c_int = 0x0200;
pub(crate) const SO_SNDBUF: c_int = winsock::SO_SNDBUF;
pub(crate) const SO_SNDLOWAT: c_int = winsock::SO_SNDLOWAT;
pub(crate) const TCP_MAXSEG: c_int = winsock::TCP_MAXSEG;
pub(crate) const TCP_NODELAY: c_int = winsock::TCP_NODELAY;

/// # Errors
///
/// Returns the system's error.
pub(crate) fn get(socket: &Socket, level: c_int, name: c_int) -> io::Result<c_int> {
    // Some options have one byte; the other bytes stay zero.
    let mut value: c_int = 0;
    let mut length = size_of::<c_int>() as c_int;
    let number = socket.as_raw_socket() as winsock::SOCKET;
    // SAFETY: both pointers point to live variables, and `length` is the length of the first variable.
    let done = unsafe { winsock::getsockopt(number, level, name, (&raw mut value).cast(), &raw mut length) };
    if done == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// # Errors
///
/// Returns the system's error.
pub(crate) fn set(socket: &Socket, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let number = socket.as_raw_socket() as winsock::SOCKET;
    // SAFETY: `value` is alive, and its length is given.
    let done =
        unsafe { winsock::setsockopt(number, level, name, (&raw const value).cast(), size_of::<c_int>() as c_int) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
