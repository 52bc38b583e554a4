//! Which file a descriptor number stands for: what shows that a number was closed and used again behind our back.

use rustix::fd::BorrowedFd;
use std::io;

/// Device and inode. Every socket and pipe has an inode of its own.
#[cfg(unix)]
#[derive(Copy, Clone, Eq, PartialEq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    is_always_ready: bool,
    announces: bool,
}

#[cfg(unix)]
impl Identity {
    /// # Errors
    /// `EBADF` when the number is not open.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        use rustix::fs::{FileType, fstat};
        let stat = fstat(fd)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        #[allow(clippy::unnecessary_cast, reason = "their types differ from system to system")]
        let (device, inode) = (stat.st_dev as u64, stat.st_ino as u64);
        let is_always_ready = matches!(kind, FileType::RegularFile | FileType::Directory);
        // What the kernel makes up, such as an eventfd, has no type.
        let announces = matches!(kind, FileType::Socket | FileType::Fifo | FileType::Unknown);
        Ok(Self { device, inode, is_always_ready, announces })
    }

    /// Whether it is sure to tell who waits for it whenever there is more to read, or more room. A device may be always
    /// ready and never say so.
    #[cfg(target_os = "linux")]
    pub(crate) fn announces(self) -> bool {
        self.announces
    }

    /// Whether it is a regular file or a directory, of which reading and writing never wait.
    pub(crate) fn is_always_ready(self) -> bool {
        self.is_always_ready
    }
}

/// The type of a socket: all that Windows tells. A number that was closed and is another socket's now goes unnoticed.
#[cfg(windows)]
#[derive(Copy, Clone, Eq, PartialEq)]
pub(crate) struct Identity(rustix::net::SocketType);

#[cfg(windows)]
impl Identity {
    /// # Errors
    /// For whatever is no open socket, saying so.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        rustix::net::sockopt::socket_type(fd).map(Self).map_err(|error| {
            let message = format_args!("on Windows only sockets can be observed: {}", io::Error::from(error));
            crate::memory::error_in_words(io::ErrorKind::InvalidInput, message)
        })
    }

    /// No socket is.
    pub(crate) fn is_always_ready(self) -> bool {
        false
    }
}

impl Identity {
    /// Whether `fd` still stands for this file.
    pub(crate) fn still(self, fd: BorrowedFd<'_>) -> bool {
        Self::of(fd).is_ok_and(|now| now == self)
    }
}
