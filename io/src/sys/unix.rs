//! Unix: the clock, the identity of a file, and the loop's own descriptors. `windows` has the same functions.

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

/// The usual cause of an error with which the kernel refuses a backend.
pub(crate) fn usual_cause(backend: &str, error: &io::Error) -> Option<&'static str> {
    use rustix::io::Errno;
    let is_uring = backend == "uring";
    match Errno::from_io_error(error)? {
        Errno::PERM if is_uring => Some("a container's seccomp filter or kernel.io_uring_disabled does that"),
        Errno::PERM => Some("a container's seccomp filter does that"),
        Errno::NOSYS => Some("the kernel lacks it, or a container's seccomp filter hides it"),
        Errno::NOMEM if is_uring => Some("most kernels count the rings as locked memory, ulimit -l"),
        Errno::MFILE => Some("the process has used up its descriptors, ulimit -n"),
        _ => None,
    }
}

/// Whether reading or writing may block.
pub(crate) fn may_block(fd: BorrowedFd<'_>) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl};
    fcntl_getfl(fd).map_or(true, |flags| !flags.contains(OFlags::NONBLOCK))
}

/// Refuses a descriptor that is open as a path only (`O_PATH`), which cannot be read or written. A backend calls this
/// if its system call would accept such a descriptor.
///
/// # Errors
/// `EBADF` for such a descriptor, and for one that is not open.
#[cfg(target_os = "linux")]
pub(crate) fn check_not_path_only(fd: BorrowedFd<'_>) -> io::Result<()> {
    use rustix::fs::{OFlags, fcntl_getfl};
    if fcntl_getfl(fd)?.contains(OFlags::PATH) { Err(rustix::io::Errno::BADF.into()) } else { Ok(()) }
}

/// On other systems no descriptor is open as a path only.
#[cfg(not(target_os = "linux"))]
pub(crate) fn check_not_path_only(_: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}

// The loop's own descriptors never have the numbers of standard input, output and error. A daemon may have closed its
// standard streams, and the kernel gives out the lowest free number. Without this rule the output of the process could
// go into a ring or a waker.

/// The highest number with a meaning by convention.
const STANDARD_MAX: std::os::fd::RawFd = 2;

/// Makes a value whose descriptor has a number above those of the standard streams. Values with lower numbers are kept
/// until one has a higher number, and are then closed.
///
/// # Errors
/// The error of `make`.
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

/// [`above_standard`] for one descriptor.
///
/// # Errors
/// The error of `make`.
pub(crate) fn own<T: std::os::fd::AsRawFd, E>(make: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    above_standard(make, T::as_raw_fd)
}

/// The identity of a file: device and inode. Every socket and pipe has an inode of its own.
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    /// An epoll set with only this file, if the kernel made the file up, such as an eventfd or a timer descriptor. All
    /// these files share one inode. The set tells them apart, because it knows its members by number and file. The set
    /// keeps no file open, and no thread waits on it. `None` for other files, and if the process has no free
    /// descriptor.
    #[cfg(target_os = "linux")]
    witness: Option<std::os::fd::OwnedFd>,
    is_always_ready: bool,
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "only io_uring uses it, which some architectures lack")]
    announces: bool,
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "only io_uring uses it, which some architectures lack")]
    is_socket: bool,
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
            // A file that the kernel makes up, such as an eventfd, has no type.
            #[cfg(target_os = "linux")]
            announces: matches!(kind, FileType::Socket | FileType::Fifo | FileType::Unknown),
            #[cfg(target_os = "linux")]
            is_socket: kind == FileType::Socket,
            #[cfg(target_os = "linux")]
            witness: if kind == FileType::Unknown { witness(fd) } else { None },
        })
    }

    /// Whether `fd` still names this file.
    pub(crate) fn still(&self, fd: BorrowedFd<'_>) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(witness) = &self.witness {
            use rustix::event::epoll::{EventData, EventFlags, modify};
            return modify(witness, fd, EventData::new_u64(0), EventFlags::empty()).is_ok();
        }
        #[allow(clippy::unnecessary_cast, reason = "their types differ from system to system")]
        rustix::fs::fstat(fd).is_ok_and(|stat| (stat.st_dev as u64, stat.st_ino as u64) == (self.device, self.inode))
    }

    /// Whether a poll that stays armed is certain to report each time that there is more to read, or more room to
    /// write. A device may be always ready and never report again.
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "only io_uring uses it, which some architectures lack")]
    pub(crate) fn announces(&self) -> bool {
        self.announces
    }

    /// Whether the file is a regular file or a directory. Reading and writing such a file never block.
    pub(crate) fn is_always_ready(&self) -> bool {
        self.is_always_ready
    }
}

/// Identifies files, and checks that they can be read or written. It asks the system about one socket and recognises
/// all other sockets, which saves a system call for each of them.
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "only io_uring uses it, which some architectures lack")]
#[derive(Default)]
pub(crate) struct Identifier {
    // All sockets are files of one device. The path that a Unix socket is bound to is a file of another device, and can
    // be opened only as a path.
    sockets: Option<u64>,
}

#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "only io_uring uses it, which some architectures lack")]
impl Identifier {
    /// # Errors
    /// `EBADF` for a descriptor that is open as a path only, and for one that is not open. A descriptor
    /// of a socket that was opened as a path through `/proc` is not noticed. It gets no event.
    pub(crate) fn identify(&mut self, fd: BorrowedFd<'_>) -> io::Result<Identity> {
        let file = Identity::of(fd)?;
        if !file.is_socket || self.sockets != Some(file.device) {
            check_not_path_only(fd)?;
            self.sockets = if file.is_socket { Some(file.device) } else { self.sockets };
        }
        Ok(file)
    }
}

/// Makes an epoll set with this one file and no interest.
#[cfg(target_os = "linux")]
fn witness(fd: BorrowedFd<'_>) -> Option<std::os::fd::OwnedFd> {
    use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create};
    let set = own(|| create(CreateFlags::CLOEXEC)).ok()?;
    add(&set, fd, EventData::new_u64(0), EventFlags::empty()).ok()?;
    Some(set)
}
