//! What the kernel makes readable: the part of a waker that differs from system to system.
//!
//! All are non-blocking and close-on-exec. Ringing can only fail because so many rings wait that there is room for no
//! more, and silencing only because there is none: neither is worth an error.

use super::pending::Sounding;
#[cfg(unix)]
use crate::own::above_standard;
use crate::own::own;
#[cfg(unix)]
use rustix::fd::AsRawFd;
use rustix::fd::{AsFd, BorrowedFd};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};

#[derive(Debug)]
pub(super) enum Bell {
    /// One descriptor; the kernel adds the rings up.
    #[cfg(target_os = "linux")]
    Eventfd(rustix::fd::OwnedFd),
    /// A byte a ring.
    #[cfg(unix)]
    Pipe { reader: io::PipeReader, writer: io::PipeWriter },
    /// A datagram a ring, sent to itself: connected to its own address, it hears nobody else.
    Socket(UdpSocket),
}

impl Bell {
    /// The one that this system does best.
    pub(super) fn best() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        return Self::eventfd();
        #[cfg(all(unix, not(target_os = "linux")))]
        return Self::pipe();
        #[cfg(windows)]
        return Self::socket();
    }

    #[cfg(target_os = "linux")]
    fn eventfd() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self::Eventfd(own(|| eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC))?))
    }

    #[cfg(unix)]
    pub(super) fn pipe() -> io::Result<Self> {
        let (reader, writer) = above_standard(io::pipe, |pipe| pipe.0.as_raw_fd().min(pipe.1.as_raw_fd()))?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok(Self::Pipe { reader, writer })
    }

    pub(super) fn socket() -> io::Result<Self> {
        let socket = own(|| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)))?;
        socket.connect(socket.local_addr()?)?;
        socket.set_nonblocking(true)?;
        Ok(Self::Socket(socket))
    }

    pub(super) fn read_end(&self) -> BorrowedFd<'_> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Eventfd(fd) => fd.as_fd(),
            #[cfg(unix)]
            Self::Pipe { reader, .. } => reader.as_fd(),
            Self::Socket(socket) => socket.as_fd(),
        }
    }

    pub(super) fn write_end(&self) -> BorrowedFd<'_> {
        match self {
            #[cfg(unix)]
            Self::Pipe { writer, .. } => writer.as_fd(),
            _ => self.read_end(),
        }
    }
}

impl Sounding for Bell {
    fn ring(&self) {
        match self {
            #[cfg(unix)]
            Self::Pipe { writer, .. } => drop(rustix::io::write(writer, &[1])),
            #[cfg(target_os = "linux")]
            Self::Eventfd(fd) => drop(rustix::io::write(fd, &1u64.to_ne_bytes())),
            Self::Socket(socket) => drop(socket.send(&[1])),
        }
    }

    fn silence(&self) {
        match self {
            #[cfg(unix)]
            Self::Pipe { reader, .. } => {
                let mut taken = [0; 1024];
                while rustix::io::read(reader, &mut taken) == Ok(taken.len()) {}
            }
            #[cfg(target_os = "linux")]
            Self::Eventfd(fd) => drop(rustix::io::read(fd, &mut [0u8; 8])),
            Self::Socket(socket) => while socket.recv(&mut [0; 8]).is_ok() {},
        }
    }
}
