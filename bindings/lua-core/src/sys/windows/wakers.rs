//! Makes a thread sleep, and ends sleeps and the waits of loops after an interrupt. The functions that wake take no
//! lock and allocate no memory. So they are safe wherever the thread of the script was stopped.

use cogloop_io::Waker;
use std::cell::Cell;
use std::io;
use std::ptr::{null, null_mut};
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;
use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent, Sleep, WaitForSingleObject};

/// The place of a running loop. It holds the loop's waker, or null if the loop was closed.
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

    /// Wakes the loop. The caller has stopped the loop's thread meanwhile.
    pub(crate) fn wake(&self) {
        // SAFETY: the waker of a running loop is alive, and a closed loop has emptied its place.
        if let Some(waker) = unsafe { self.0.load(SeqCst).as_ref() } {
            waker.wake();
        }
    }
}

/// The event that ends a sleep; null before [`install`]. It is never closed.
static SLEEP: AtomicPtr<std::ffi::c_void> = AtomicPtr::new(null_mut());

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread has called [`install`].
#[inline]
pub(crate) fn is_installed_here() -> bool {
    // The modules never call `install`. The first check spares them the look-up of the thread's variable, which takes
    // longer.
    !SLEEP.load(Relaxed).is_null() && IS_HERE.get()
}

/// Prepares for [`wake_sleep`], which ends the sleeps of this thread.
///
/// # Errors
///
/// The system refuses an event.
pub(crate) fn install() -> io::Result<()> {
    // The event resets itself when it has ended a sleep, so an old interrupt does not end every later sleep. SAFETY:
    // the call gets neither attributes nor a name.
    let event = unsafe { CreateEventW(null(), 0, 0, null()) };
    if event.is_null() {
        return Err(io::Error::last_os_error());
    }
    SLEEP.store(event, SeqCst);
    IS_HERE.set(true);
    Ok(())
}

/// Ends a sleep.
pub(crate) fn wake_sleep() {
    let event = SLEEP.load(SeqCst);
    if !event.is_null() {
        // SAFETY: the event stays open after it was made.
        unsafe { SetEvent(event) };
    }
}

/// Sleeps for this time, but at most for a day. If a wake ends the sleep earlier, the result is true. Only the thread
/// of [`install`] is woken.
pub(crate) fn nap(left: Duration) -> bool {
    const DAY_MS: u128 = 86_400_000;
    // Rounded up, because a sleep must not end early.
    let ms = left.as_nanos().div_ceil(1_000_000).min(DAY_MS) as u32;
    // SAFETY: the event stays open after it was made.
    unsafe {
        if is_installed_here() {
            return WaitForSingleObject(SLEEP.load(SeqCst), ms) == WAIT_OBJECT_0;
        }
        Sleep(ms);
    }
    false
}
