//! How the waker ends a wait on Unix: its descriptor is in the set. Twin of `windows`.

use super::{WAKER, wanted};
use crate::{Interest, Waker};
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

/// A wait has come back: a wake is an event of the waker's descriptor, so there is nothing to do yet.
pub(super) fn waited(_: &Waker) {}

/// Puts a new registration in the place of an old one, for the file that has the number now.
pub(super) fn replace(poller: &Poller, fd: BorrowedFd<'_>, event: Event) -> io::Result<()> {
    poller.modify(fd, event)
}

/// For which of the observed directions a descriptor is ready that was reported: what the kernel says by its own set is so.
pub(super) fn ready(_: BorrowedFd<'_>, reported: &Event, _: Interest) -> Interest {
    super::directions(reported)
}
