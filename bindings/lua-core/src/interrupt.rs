//! Ending what blocks, from a signal handler: the running loops stop in order, and sleeps end.
//!
//! The program `cogloop` calls [`raise`] on Ctrl-C. In the module nobody does, and nothing here costs more than reading
//! one atomic. All of it is async-signal-safe: atomics, and `write` to an eventfd.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::cell::Cell;
use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// How many interrupts there were.
static COUNT: AtomicU32 = AtomicU32::new(0);
/// How many of them were raised in the script as an error, and so are done with; see [`raised`].
static RAISED: AtomicU32 = AtomicU32::new(0);
/// The waker's descriptor of the innermost running loop, -1 when none runs.
static LOOP: AtomicI32 = AtomicI32::new(-1);
/// The descriptor that wakes a sleep, -1 when nobody installed it. Never closed.
static SLEEP: AtomicI32 = AtomicI32::new(-1);

/// Prepares for [`raise`] to end a sleep too. Call it once, before the first interrupt.
///
/// # Errors
///
/// When the kernel refuses an eventfd.
pub fn install() -> io::Result<()> {
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    SLEEP.store(wake.into_raw_fd(), SeqCst);
    Ok(())
}

/// Interrupts: running loops return from `run` as after `stop`, a sleep ends, and so does every later `run` and `sleep`,
/// at once: there is no moment in which an interrupt is lost because the script was not waiting yet. Returns how many interrupts there were before this one and whether a loop was running. Async-signal-safe.
pub fn raise() -> (u32, bool) {
    let before = COUNT.fetch_add(1, SeqCst);
    let running = LOOP.load(SeqCst);
    for descriptor in [running, SLEEP.load(SeqCst)] {
        if descriptor >= 0 {
            // SAFETY: both are open: the loop's while it is running, the other one for ever.
            let wake = unsafe { BorrowedFd::borrow_raw(descriptor) };
            // A full counter (EAGAIN) wakes just as well.
            let _ = rustix::io::write(wake, &1_u64.to_ne_bytes());
        }
    }
    (before, running >= 0)
}

/// Says that the interrupts so far were raised in the script: should it go on nevertheless, it may sleep again.
pub fn raised() {
    RAISED.store(COUNT.load(SeqCst), SeqCst);
}

/// Whether there was an interrupt.
#[must_use]
pub fn pending() -> bool {
    COUNT.load(SeqCst) > 0
}

thread_local! {
    /// How many loops run on this thread, each in a callback of the one before.
    static RUNNING: Cell<u32> = const { Cell::new(0) };
}

/// Does `work`, in which a loop runs.
pub(crate) fn while_running<R>(work: impl FnOnce() -> R) -> R {
    RUNNING.set(RUNNING.get() + 1);
    let result = work();
    RUNNING.set(RUNNING.get() - 1);
    result
}

/// Whether the caller is in a callback of a loop.
pub(crate) fn is_running() -> bool {
    RUNNING.get() > 0
}

/// Says which loop runs now, by the descriptor that wakes it; returns what to give to [`leave`].
pub(crate) fn enter(waker: RawFd) -> RawFd {
    LOOP.swap(waker, SeqCst)
}

/// Says that the loop no longer runs; `outer` is what [`enter`] gave.
pub(crate) fn leave(outer: RawFd) {
    LOOP.store(outer, SeqCst);
}

/// Blocks for `duration`, not shortened by any signal, though by an interrupt, be it one of before.
pub(crate) fn sleep(duration: Duration) {
    let start = Instant::now();
    while COUNT.load(SeqCst) == RAISED.load(SeqCst)
        && let Some(left) = duration.checked_sub(start.elapsed()).filter(|left| !left.is_zero())
    {
        let timeout =
            Timespec { tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        let wake = SLEEP.load(SeqCst);
        if wake < 0 {
            let _ = poll(&mut [], Some(&timeout));
            continue;
        }
        // SAFETY: once installed it stays open.
        let wake = unsafe { BorrowedFd::borrow_raw(wake) };
        if poll(&mut [PollFd::from_borrowed_fd(wake, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready > 0) {
            // Emptied, so that an interrupt that is done with wakes no later sleep again and again.
            let _ = rustix::io::read(wake, &mut [0_u8; 8]);
        }
    }
}
