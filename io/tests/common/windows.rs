//! The tests' functions for Windows. `unix` has the same functions.

#[path = "tcp_streams.rs"]
mod tcp_streams;

use cogloop_io::portable::Portable;
use cogloop_io::{Backend, Wait};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::net::{RecvFlags, SendFlags};
use std::io;
use std::net::TcpStream;

pub use tcp_streams::streams;

/// The names of the backends.
pub const BACKENDS: [&str; 1] = ["portable"];

/// How to wait for sockets that are ready already. The system polls a socket in the background, and its answer takes a
/// moment.
pub const FOR_WHAT_IS_READY: Wait = Wait::AtMost(15_000_000);

/// The error for a socket that is not open: `WSAENOTSOCK`.
pub const BAD_DESCRIPTOR: i32 = 10_038;

/// An end of a stream.
pub type Peer = TcpStream;

/// Every backend.
pub fn backends() -> Vec<(&'static str, Box<dyn Backend>)> {
    vec![("portable", Box::new(Portable::new().unwrap()))]
}

/// Leaks a socket, so that only [`close`] closes it.
pub fn lend(fd: impl Into<OwnedFd>) -> BorrowedFd<'static> {
    let leaked: &'static OwnedFd = Box::leak(Box::new(fd.into()));
    leaked.as_fd()
}

/// Closes a socket of a test.
pub fn close(fd: BorrowedFd<'static>) {
    // SAFETY: a test closes only sockets that it has lent, and does not use them afterwards. Their owners were leaked
    // and never close them.
    drop(unsafe { OwnedFd::from_raw_fd(fd.as_raw_fd()) });
}

pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::net::recv(fd, buffer, RecvFlags::empty()).map(|(length, _)| length)?)
}

pub fn send(fd: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(fd, bytes, SendFlags::empty())?)
}
