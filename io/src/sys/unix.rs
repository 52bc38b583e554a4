//! Unix: the clock, what a number stands for, descriptors of our own. Twin of `windows`.

use rustix::fd::BorrowedFd;
use std::io;

/// Nanoseconds of `CLOCK_MONOTONIC`. On Linux a reading is a call into the vDSO, not a system call: rustix looks the
/// function up once and calls it directly.
#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // Neither field is negative on this clock, and 2^64 ns are 584 years of uptime.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What is usually behind a refusal of the kernel's.
pub(crate) fn usual_cause(error: &io::Error) -> Option<&'static str> {
    use rustix::io::Errno;
    match Errno::from_io_error(error)? {
        Errno::PERM => Some("a container's seccomp filter or kernel.io_uring_disabled does that"),
        Errno::NOSYS => Some("the kernel is without it, or a container's seccomp filter hides it"),
        Errno::NOMEM => Some("most kernels count the rings as locked memory, ulimit -l"),
        Errno::MFILE => Some("the process has used up its descriptors, ulimit -n"),
        _ => None,
    }
}

/// Whether reading or writing may wait.
pub(crate) fn may_block(fd: BorrowedFd<'_>) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl};
    fcntl_getfl(fd).map_or(true, |flags| !flags.contains(OFlags::NONBLOCK))
}

/// For backends whose kernel call takes a descriptor that is open as a path only (`O_PATH`), which cannot be read or
/// written.
///
/// # Errors
/// `EBADF` for such a descriptor, and for one that is not open.
#[cfg(target_os = "linux")]
pub(crate) fn refuse_path_only(fd: BorrowedFd<'_>) -> io::Result<()> {
    use rustix::fs::{OFlags, fcntl_getfl};
    if fcntl_getfl(fd)?.contains(OFlags::PATH) { Err(rustix::io::Errno::BADF.into()) } else { Ok(()) }
}

/// Other systems know no such descriptors.
#[cfg(not(target_os = "linux"))]
pub(crate) fn refuse_path_only(_: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}

// Descriptors of our own are never standard input, output or error. A daemon may have closed these, and the kernel gives
// the lowest number that is free. What the process prints afterwards would go into a ring or a waker.

/// The highest number that stands for something by convention.
const STANDARD_MAX: std::os::fd::RawFd = 2;

/// Makes something that has a descriptor whose number is above those of the standard streams. What got such a number is held
/// until there is one above, and then closed.
///
/// # Errors
/// What `make` says.
pub(crate) fn above_standard<T, E>(
    mut make: impl FnMut() -> Result<T, E>,
    lowest: impl Fn(&T) -> std::os::fd::RawFd,
) -> Result<T, E> {
    let mut held = [const { None }; STANDARD_MAX as usize + 1];
    for place in &mut held {
        let made = make()?;
        if lowest(&made) > STANDARD_MAX {
            return Ok(made);
        }
        *place = Some(made);
    }
    make()
}

/// As [`above_standard`], for one descriptor.
///
/// # Errors
/// What `make` says.
pub(crate) fn own<T: std::os::fd::AsRawFd, E>(make: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    above_standard(make, T::as_raw_fd)
}

/// Device and inode. Every socket and pipe has an inode of its own.
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    /// What the kernel makes up, an eventfd or a timer descriptor for example, has one inode for all. An epoll set tells
    /// them apart, since it knows its members by number and file. It is never waited for, and it keeps no file open. Without
    /// a descriptor to spare there is none.
    #[cfg(target_os = "linux")]
    witness: Option<std::os::fd::OwnedFd>,
    is_always_ready: bool,
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "io_uring asks, which some architectures lack")]
    announces: bool,
}

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

    /// Whether a poll that stays armed is sure to report whenever there is more to read, or more room. A device may be
    /// always ready and never report it.
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

/// An epoll set of this one file, which asks for nothing.
#[cfg(target_os = "linux")]
fn witness(fd: BorrowedFd<'_>) -> Option<std::os::fd::OwnedFd> {
    use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create};
    let set = own(|| create(CreateFlags::CLOEXEC)).ok()?;
    add(&set, fd, EventData::new_u64(0), EventFlags::empty()).ok()?;
    Some(set)
}
