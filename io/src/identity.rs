//! Which file a descriptor number stands for: what shows that a number was closed and used again behind our back.

use rustix::fd::BorrowedFd;
use std::io;

/// Device and inode. Every socket and pipe has an inode of its own.
#[cfg(unix)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    /// What the kernel makes up, an eventfd or a timer descriptor for example, has one inode for all. An epoll set tells
    /// them apart, since it knows its members by number and file. Nobody waits for it, and it keeps no file open. Without a
    /// descriptor to spare there is none.
    #[cfg(target_os = "linux")]
    witness: Option<std::os::fd::OwnedFd>,
    is_always_ready: bool,
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "io_uring asks, which some architectures lack")]
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
        Ok(Self {
            device,
            inode,
            is_always_ready,
            // What the kernel makes up, such as an eventfd, has no type.
            #[cfg(target_os = "linux")]
            announces: matches!(kind, FileType::Socket | FileType::Fifo | FileType::Unknown),
            #[cfg(target_os = "linux")]
            witness: if kind == FileType::Unknown { witness(fd) } else { None },
        })
    }

    /// Whether `fd` still stands for this file.
    pub(crate) fn still(&self, fd: BorrowedFd<'_>) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(witness) = &self.witness {
            use rustix::event::epoll::{EventData, EventFlags, modify};
            return modify(witness, fd, EventData::new_u64(0), EventFlags::empty()).is_ok();
        }
        #[allow(clippy::unnecessary_cast, reason = "their types differ from system to system")]
        rustix::fs::fstat(fd).is_ok_and(|stat| (stat.st_dev as u64, stat.st_ino as u64) == (self.device, self.inode))
    }

    /// Whether it is sure to tell who waits for it whenever there is more to read, or more room. A device may be always
    /// ready and never say so.
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "io_uring asks, which some architectures lack")]
    pub(crate) fn announces(&self) -> bool {
        self.announces
    }

    /// Whether it is a regular file or a directory, of which reading and writing never wait.
    pub(crate) fn is_always_ready(&self) -> bool {
        self.is_always_ready
    }
}

/// The type of a socket: all that Windows tells. A number that was closed and is another socket's now goes unnoticed.
#[cfg(windows)]
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
    pub(crate) fn is_always_ready(&self) -> bool {
        false
    }

    /// Whether `fd` still stands for this file.
    pub(crate) fn still(&self, fd: BorrowedFd<'_>) -> bool {
        Self::of(fd).is_ok_and(|now| now.0 == self.0)
    }
}

/// An epoll set of this one file, which asks for nothing.
#[cfg(target_os = "linux")]
fn witness(fd: BorrowedFd<'_>) -> Option<std::os::fd::OwnedFd> {
    use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create};
    let set = crate::own::own(|| create(CreateFlags::CLOEXEC)).ok()?;
    add(&set, fd, EventData::new_u64(0), EventFlags::empty()).ok()?;
    Some(set)
}
