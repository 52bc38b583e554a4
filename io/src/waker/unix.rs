//! What a wake makes readable on Unix. Twin of `windows`.
//!
//! An eventfd on Linux, a pipe elsewhere; non-blocking and close-on-exec. Ringing can only fail because so many rings wait
//! that there is room for no more, and silencing only because there is none: neither is worth an error.

use super::pending::Sounding;
use crate::sys::above_standard;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use std::io;

#[derive(Debug)]
pub(super) enum Bell {
    /// One descriptor; the kernel adds the rings up.
    #[cfg(target_os = "linux")]
    Eventfd(rustix::fd::OwnedFd),
    /// A byte a ring.
    Pipe { reader: io::PipeReader, writer: io::PipeWriter },
}

impl Bell {
    /// The one that this system does best.
    #[cfg(target_os = "linux")]
    pub(super) fn best() -> io::Result<Self> {
        use crate::sys::own;
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self::Eventfd(own(|| eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC))?))
    }

    /// The one that this system does best.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn best() -> io::Result<Self> {
        Self::pipe()
    }

    pub(super) fn pipe() -> io::Result<Self> {
        let (reader, writer) = above_standard(io::pipe, |pipe| pipe.0.as_raw_fd().min(pipe.1.as_raw_fd()))?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok(Self::Pipe { reader, writer })
    }

    pub(super) fn read_end(&self) -> BorrowedFd<'_> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Eventfd(fd) => fd.as_fd(),
            Self::Pipe { reader, .. } => reader.as_fd(),
        }
    }

    pub(super) fn write_end(&self) -> BorrowedFd<'_> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Eventfd(fd) => fd.as_fd(),
            Self::Pipe { writer, .. } => writer.as_fd(),
        }
    }
}

impl Sounding for Bell {
    fn ring(&self) {
        match self {
            Self::Pipe { writer, .. } => drop(rustix::io::write(writer, &[1])),
            #[cfg(target_os = "linux")]
            Self::Eventfd(fd) => drop(rustix::io::write(fd, &1u64.to_ne_bytes())),
        }
    }

    fn silence(&self) {
        match self {
            Self::Pipe { reader, .. } => {
                let mut taken = [0; 1024];
                while rustix::io::read(reader, &mut taken) == Ok(taken.len()) {}
            }
            #[cfg(target_os = "linux")]
            Self::Eventfd(fd) => drop(rustix::io::read(fd, &mut [0u8; 8])),
        }
    }
}
