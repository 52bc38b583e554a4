//! What differs in the portable backend on Windows: how it is woken, how a registration is replaced, and how a report
//! is read. The waker posts to the poller's completion port. `unix` has the same functions.

use crate::{Interest, Waker, look};
use polling::{Event, Poller};
use rustix::fd::BorrowedFd;
use std::io;
use std::sync::Arc;

pub(super) fn attach(poller: &Arc<Poller>, waker: &Waker) -> io::Result<()> {
    // A waker may outlive its loop, and must not keep the port open.
    let poller = Arc::downgrade(poller);
    waker.end_waits_by(move || {
        // `notify` can fail only when the system is out of memory, and the error cannot be reported from here.
        poller.upgrade().map(|poller| poller.notify());
    });
    Ok(())
}

/// A waker without a descriptor needs no arming.
pub(super) fn arm(_: &Poller, _: &Waker) -> io::Result<()> {
    Ok(())
}

/// Called after each wait. The poller does not say whether a wake ended the wait, so this function clears all wakes so
/// far. A later wake ends the next wait.
pub(super) fn waited(waker: &Waker) {
    waker.drain();
}

/// Replaces the registration of a closed socket by a new one, for the socket that has the same number now. The system
/// may still be waiting for the old socket. If the registration were only changed, the completion of that wait would
/// say that the socket was closed, and `polling` would remove the new socket.
pub(super) fn replace(poller: &Poller, fd: BorrowedFd<'_>, event: Event) -> io::Result<()> {
    poller.delete(fd)?;
    // SAFETY: a borrowed socket is open. If it is closed without being removed, its events are lost, as `Backend` says.
    unsafe { poller.add_with_mode(&fd, event, polling::PollMode::Oneshot) }
}

/// The observed directions in which a reported socket is ready. The report says what was ready when the system made the
/// report. Since then a callback may have drained the socket, or more directions may be observed. So the system is
/// asked again, unless the socket has an error.
pub(super) fn ready(fd: BorrowedFd<'_>, reported: &Event, observed: Interest) -> Interest {
    if reported.is_err() != Some(true) {
        return look::now(fd, observed);
    }
    if observed == Interest::PRIORITY { observed } else { super::directions(reported) }
}
