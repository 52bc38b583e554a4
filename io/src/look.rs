//! Asks the kernel for which directions a descriptor is ready at this moment.

use crate::Interest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;

/// The ready directions of `directions`. Returns all of `directions` if the kernel cannot say.
pub(crate) fn now(fd: BorrowedFd<'_>, directions: Interest) -> Interest {
    const ENDS: PollFlags = PollFlags::HUP.union(PollFlags::ERR);
    #[cfg(target_os = "linux")]
    const INPUT: PollFlags = PollFlags::IN.union(PollFlags::RDHUP);
    // On Windows `POLLIN` includes urgent data, and `POLLPRI` is refused.
    #[cfg(windows)]
    const INPUT: PollFlags = PollFlags::RDNORM;
    #[cfg(not(any(target_os = "linux", windows)))]
    const INPUT: PollFlags = PollFlags::IN;
    #[cfg(windows)]
    const URGENT: PollFlags = PollFlags::RDBAND;
    #[cfg(not(windows))]
    const URGENT: PollFlags = PollFlags::PRI;
    let mut wanted = PollFlags::empty();
    wanted.set(INPUT, directions.contains(Interest::READ));
    wanted.set(PollFlags::OUT, directions.contains(Interest::WRITE));
    wanted.set(URGENT, directions.contains(Interest::PRIORITY));
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
    if found.intersects(URGENT) || directions == Interest::PRIORITY && found.intersects(ENDS) {
        ready.insert(Interest::PRIORITY);
    }
    ready & directions
}
