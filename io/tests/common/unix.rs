//! The tests' functions for Unix. `windows` has the same functions.

use super::or_skip;
#[cfg(target_os = "linux")]
use cogloop_io::epoll::Epoll;
use cogloop_io::portable::Portable;
use cogloop_io::select::Select;
#[cfg(target_os = "linux")]
use cogloop_io::uring::{Setup, Uring};
use cogloop_io::{Backend, Wait};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// The names of the backends.
#[cfg(target_os = "linux")]
pub const BACKENDS: [&str; 4] = ["uring", "epoll", "select", "portable"];
#[cfg(not(target_os = "linux"))]
pub const BACKENDS: [&str; 2] = ["portable", "select"];

type Open = fn() -> io::Result<Box<dyn Backend>>;

const KNOWN: &[(&str, Open)] = &[
    #[cfg(target_os = "linux")]
    ("uring", || Ok(Box::new(Uring::new()?))),
    #[cfg(target_os = "linux")]
    ("uring, older", || Ok(Box::new(Uring::with_rings(64, Setup::Cooperative)?))),
    // These rings have room for one entry, so the tests often overflow them.
    #[cfg(target_os = "linux")]
    ("uring, tiny and plain", || Ok(Box::new(Uring::with_rings(1, Setup::Plain)?))),
    #[cfg(target_os = "linux")]
    ("epoll", || Ok(Box::new(Epoll::new()?))),
    #[cfg(target_os = "linux")]
    ("epoll with timeouts", || Ok(Box::new(Epoll::with_timeouts()?))),
    #[cfg(target_os = "linux")]
    ("epoll, plain waits", || Ok(Box::new(Epoll::with_plain_waits()?))),
    ("select", || Ok(Box::new(Select::new()))),
    ("portable", || Ok(Box::new(Portable::new()?))),
];

/// How to wait for descriptors that are ready already.
pub const FOR_WHAT_IS_READY: Wait = Wait::Poll;

/// The error for a descriptor that is not open.
pub const BAD_DESCRIPTOR: i32 = nix::errno::Errno::EBADF as i32;

/// An end of a stream.
pub type Peer = UnixStream;

/// Every backend in every variant that this system permits.
pub fn backends() -> Vec<(&'static str, Box<dyn Backend>)> {
    let opened = KNOWN.iter().map(|&(name, open)| Some((name, or_skip(name, open())?)));
    opened.flatten().collect()
}

/// Leaks a descriptor, so that only [`close`] closes it.
pub fn lend(fd: impl Into<OwnedFd>) -> BorrowedFd<'static> {
    let leaked: &'static OwnedFd = Box::leak(Box::new(fd.into()));
    leaked.as_fd()
}

/// Closes a descriptor that [`lend`] has leaked.
pub fn close(fd: BorrowedFd<'static>) {
    nix::unistd::close(fd.as_raw_fd()).unwrap();
}

/// A duplicate of `fd` at exactly `number`, which must be free.
pub fn dup_at(fd: BorrowedFd<'_>, number: i32) -> BorrowedFd<'static> {
    let dup = lend(rustix::io::fcntl_dupfd_cloexec(fd, number).unwrap());
    assert_eq!(dup.as_raw_fd(), number);
    dup
}

/// Two ends of one stream.
pub fn streams() -> (Peer, Peer) {
    UnixStream::pair().unwrap()
}

pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(fd, buffer)?)
}

pub fn send(fd: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(fd, bytes)?)
}
