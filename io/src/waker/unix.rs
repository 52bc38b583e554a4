//! The notifier on Unix. `windows` is its counterpart.
//!
//! It is an eventfd on Linux and a pipe elsewhere, non-blocking and close-on-exec. `notify` can fail only if there is
//! no room for another notification, and `clear` only if there is no notification. So neither returns an error.

use super::pending::Notify;
use crate::sys::above_standard;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use std::io;

#[derive(Debug)]
pub(super) enum Notifier {
    /// One descriptor, in which the kernel counts the notifications.
    #[cfg(target_os = "linux")]
    Eventfd(rustix::fd::OwnedFd),
    /// One byte for each notification.
    Pipe { reader: io::PipeReader, writer: io::PipeWriter },
}

impl Notifier {
    /// Makes the best notifier for this system.
    #[cfg(target_os = "linux")]
    pub(super) fn best() -> io::Result<Self> {
        use crate::sys::own;
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self::Eventfd(own(|| eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC))?))
    }

    /// Makes the best notifier for this system.
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

impl Notify for Notifier {
    fn notify(&self) {
        match self {
            Self::Pipe { writer, .. } => drop(rustix::io::write(writer, &[1])),
            #[cfg(target_os = "linux")]
            Self::Eventfd(fd) => drop(rustix::io::write(fd, &1u64.to_ne_bytes())),
        }
    }

    fn clear(&self) {
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
