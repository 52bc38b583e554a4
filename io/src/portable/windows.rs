//! How the waker ends a wait on Windows: it posts to the poller's completion port. Twin of `unix`.

use crate::{Interest, Waker, look};
use polling::{Event, Poller};
use rustix::fd::BorrowedFd;
use std::io;
use std::sync::Arc;

pub(super) fn attach(poller: &Arc<Poller>, waker: &Waker) -> io::Result<()> {
    // A waker may outlive its loop, and the port must not.
    let poller = Arc::downgrade(poller);
    waker.end_waits_by(move || {
        // It fails when the system is out of memory, and then there is no one to report it to.
        poller.upgrade().map(|poller| poller.notify());
    });
    Ok(())
}

/// A waker without a descriptor reports none.
pub(super) fn arm(_: &Poller, _: &Waker) -> io::Result<()> {
    Ok(())
}

/// A wait has come back. The poller does not say whether by a wake, so all of them are taken. A wake that comes after this
/// ends the next wait.
pub(super) fn waited(waker: &Waker) {
    waker.drain();
}

/// Puts a new registration in the place of an old one, for the socket that has the number now. The system may still wait for
/// the old socket. Its answer says that it was closed, and `polling` would take out what has the number then.
pub(super) fn replace(poller: &Poller, fd: BorrowedFd<'_>, event: Event) -> io::Result<()> {
    poller.delete(fd)?;
    // SAFETY: a borrowed socket is open. If it is closed without being removed, its events are lost, as `Backend` says.
    unsafe { poller.add_with_mode(&fd, event, polling::PollMode::Oneshot) }
}

/// For which of the observed directions a socket is ready that was reported. The system answers the question of an earlier
/// wait: since then a callback may have used up what was ready, and more directions may be observed. An error stays one.
pub(super) fn ready(fd: BorrowedFd<'_>, reported: &Event, observed: Interest) -> Interest {
    if reported.is_err() == Some(true) { super::directions(reported) } else { look::now(fd, observed) }
}
