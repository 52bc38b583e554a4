//! What a descriptor is at this moment: whether using it may wait, and for what it is ready.

use crate::Interest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use std::io;

/// Whether reading or writing may wait. It is asked when a descriptor is added and when its interest is set.
///
/// # Errors
/// `EBADF` for a descriptor that is not open, or is open as a path only (`O_PATH`): nobody can read or write that.
#[cfg(unix)]
pub(crate) fn may_block(fd: BorrowedFd<'_>) -> io::Result<bool> {
    use rustix::fs::{OFlags, fcntl_getfl};
    let flags = fcntl_getfl(fd)?;
    #[cfg(target_os = "linux")]
    if flags.contains(OFlags::PATH) {
        return Err(rustix::io::Errno::BADF.into());
    }
    Ok(!flags.contains(OFlags::NONBLOCK))
}

/// Windows does not tell.
#[cfg(windows)]
pub(crate) fn may_block(_: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(true)
}

/// For which of these directions it is ready. When the kernel cannot say, for all of them.
pub(crate) fn now(fd: BorrowedFd<'_>, directions: Interest) -> Interest {
    const ENDS: PollFlags = PollFlags::HUP.union(PollFlags::ERR);
    #[cfg(target_os = "linux")]
    const INPUT: PollFlags = PollFlags::IN.union(PollFlags::RDHUP);
    #[cfg(not(target_os = "linux"))]
    const INPUT: PollFlags = PollFlags::IN;
    let mut wanted = PollFlags::empty();
    wanted.set(INPUT, directions.contains(Interest::READ));
    wanted.set(PollFlags::OUT, directions.contains(Interest::WRITE));
    let mut polled = [PollFd::from_borrowed_fd(fd, wanted)];
    if poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_err() {
        return directions;
    }
    let found = polled[0].revents();
    let mut ready = Interest::NONE;
    for (flags, direction) in [(INPUT, Interest::READ), (PollFlags::OUT, Interest::WRITE)] {
        if found.intersects(flags.union(ENDS)) {
            ready.insert(direction);
        }
    }
    ready & directions
}
