//! Makes a thread sleep, and ends sleeps and the waits of loops after an interrupt. The functions that wake are
//! async-signal-safe: they use only atomics and `write` to an eventfd.

use cogloop_io::Waker;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd};
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

/// The place of a running loop: the descriptor that wakes it; -1 for a loop that was closed.
pub(crate) struct Place(AtomicI32);

impl Place {
    pub(crate) const fn empty() -> Self {
        Self(AtomicI32::new(-1))
    }

    /// The waker lives until [`Place::take_out`] or until the loop no longer runs.
    pub(crate) fn put(&self, waker: &Waker) {
        self.0.store(waker.write_end().as_raw_fd(), SeqCst);
    }

    /// Empties the place if this waker is in it.
    pub(crate) fn take_out(&self, waker: &Waker) {
        let _ = self.0.compare_exchange(waker.write_end().as_raw_fd(), -1, SeqCst, SeqCst);
    }

    pub(crate) fn wake(&self) {
        write(self.0.load(SeqCst));
    }
}

/// The descriptor that ends a sleep; -1 before [`install`]. It is never closed.
static SLEEP: AtomicI32 = AtomicI32::new(-1);

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread has called [`install`].
#[inline]
pub(crate) fn is_installed_here() -> bool {
    // The modules never call `install`. The first check spares them the look-up of the thread's variable, which takes
    // longer.
    SLEEP.load(Relaxed) >= 0 && IS_HERE.get()
}

/// Prepares for [`wake_sleep`], which ends the sleeps of this thread.
///
/// # Errors
///
/// The kernel refuses an eventfd.
pub(crate) fn install() -> io::Result<()> {
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    SLEEP.store(wake.into_raw_fd(), SeqCst);
    IS_HERE.set(true);
    Ok(())
}

/// Ends a sleep.
pub(crate) fn wake_sleep() {
    write(SLEEP.load(SeqCst));
}

fn write(descriptor: i32) {
    if descriptor >= 0 {
        // SAFETY: the descriptor is open. It belongs to a loop, which keeps it open while it runs, or it is SLEEP,
        // which is never closed.
        let wake = unsafe { BorrowedFd::borrow_raw(descriptor) };
        // A full counter (EAGAIN) wakes just as well.
        let _ = rustix::io::write(wake, &1_u64.to_ne_bytes());
    }
}

/// Sleeps for this time, or until it is woken; a signal ends the sleep, too. Only the thread of [`install`] is woken.
pub(crate) fn nap(left: Duration) {
    let timeout =
        Timespec { tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
    if !is_installed_here() {
        let _ = poll(&mut [], Some(&timeout));
        return;
    }
    let wake = SLEEP.load(SeqCst);
    // SAFETY: the descriptor stays open after `install`.
    let wake = unsafe { BorrowedFd::borrow_raw(wake) };
    if poll(&mut [PollFd::from_borrowed_fd(wake, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready > 0) {
        // The counter is read, so that an old interrupt does not end every later sleep.
        let _ = rustix::io::read(wake, &mut [0_u8; 8]);
    }
}
