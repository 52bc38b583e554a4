//! What an interrupt wakes, and sleeping. All that wakes is safe while the thread of the script is stopped at any place: it
//! takes no lock and no memory.

use cogloop_io::Waker;
use std::io;
use std::ptr::{null, null_mut};
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent, Sleep, WaitForSingleObject};

/// The place of a running loop: its waker; null for a loop that was closed.
pub(crate) struct Place(AtomicPtr<Waker>);

impl Place {
    pub(crate) const fn empty() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// The waker lives until [`Place::take_out`] or until the loop no longer runs.
    pub(crate) fn put(&self, waker: &Waker) {
        self.0.store(std::ptr::from_ref(waker).cast_mut(), SeqCst);
    }

    /// Empties the place if this waker is in it.
    pub(crate) fn take_out(&self, waker: &Waker) {
        let _ = self.0.compare_exchange(std::ptr::from_ref(waker).cast_mut(), null_mut(), SeqCst, SeqCst);
    }

    /// Wakes the loop. The thread of the loop does not go on meanwhile.
    pub(crate) fn wake(&self) {
        // SAFETY: a running loop's waker lives, and one that is closed has left its place.
        if let Some(waker) = unsafe { self.0.load(SeqCst).as_ref() } {
            waker.wake();
        }
    }
}

/// The event that wakes a sleep; null before [`install`]. Never closed.
static SLEEP: AtomicPtr<std::ffi::c_void> = AtomicPtr::new(null_mut());

/// Prepares for [`wake_sleep`].
///
/// # Errors
///
/// When the system refuses an event.
pub(crate) fn install() -> io::Result<()> {
    // It resets itself when it has ended a sleep, so that an old interrupt does not wake every later one.
    // SAFETY: without attributes and a name.
    let event = unsafe { CreateEventW(null(), 0, 0, null()) };
    if event.is_null() {
        return Err(io::Error::last_os_error());
    }
    SLEEP.store(event, SeqCst);
    Ok(())
}

/// Ends a sleep.
pub(crate) fn wake_sleep() {
    let event = SLEEP.load(SeqCst);
    if !event.is_null() {
        // SAFETY: once made it stays open.
        unsafe { SetEvent(event) };
    }
}

/// Sleeps so long, or a day, or until it is woken.
pub(crate) fn nap(left: Duration) {
    const DAY_MS: u128 = 86_400_000;
    // Rounded up: a sleep must not end early.
    let ms = left.as_nanos().div_ceil(1_000_000).min(DAY_MS) as u32;
    let event = SLEEP.load(SeqCst);
    // SAFETY: once made the event stays open.
    unsafe {
        if event.is_null() {
            Sleep(ms);
        } else {
            WaitForSingleObject(event, ms);
        }
    }
}
