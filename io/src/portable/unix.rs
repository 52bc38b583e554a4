//! What differs in the portable backend on Unix: how it is woken, how a registration is replaced, and how a report is
//! read. The waker's descriptor is in the set. `windows` has the same functions.

use super::{WAKER, wanted};
use crate::{Interest, Waker, look};
use polling::{Event, PollMode, Poller};
use rustix::fd::{AsFd, BorrowedFd};
use std::io;
use std::sync::Arc;

pub(super) fn attach(poller: &Arc<Poller>, waker: &Waker) -> io::Result<()> {
    // SAFETY: the backend keeps the waker, and so its descriptor, as long as the poller.
    unsafe { poller.add_with_mode(&waker.as_fd(), wanted(WAKER, Interest::READ), PollMode::Oneshot) }
}

/// Arms the waker, whose descriptor has reported.
pub(super) fn arm(poller: &Poller, waker: &Waker) -> io::Result<()> {
    poller.modify(waker, wanted(WAKER, Interest::READ))
}

/// Called after each wait. A wake is an event of the waker's descriptor, so nothing is to be done here.
pub(super) fn waited(_: &Waker) {}

/// Replaces a registration by a new one, for the file that has the number now.
pub(super) fn replace(poller: &Poller, fd: BorrowedFd<'_>, event: Event) -> io::Result<()> {
    poller.modify(fd, event)
}

/// The directions in which a reported descriptor is ready. The kernel's report is true on Unix. But `polling` also
/// reports urgent data as reading, and a hang-up or an error as reading and writing, observed or not. So the kernel is
/// asked again for the observed directions if urgent data was reported, or if nothing else is observed.
pub(super) fn ready(fd: BorrowedFd<'_>, reported: &Event, observed: Interest) -> Interest {
    let is_plain = !reported.is_priority() && observed != Interest::PRIORITY;
    if is_plain { super::directions(reported) } else { look::now(fd, observed) }
}
