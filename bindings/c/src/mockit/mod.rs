//! `mockit.h`: one thread drives one wheel, and callbacks run on a pool of threads.
//!
//! ```text
//!   Mockit_arm ──► timers: wheel ── due ──► queue ──► pool ──► cb ──► destructor, or free
//!                      ▲      the timer thread          more threads while callbacks block
//!                kernel timer   the thread sleeps on this one timer of the kernel
//! ```
//!
//! The clock also counts while the machine sleeps: on Linux it is `CLOCK_BOOTTIME`. Deadlines are stored in nanoseconds
//! and served in ticks of a millisecond, the unit of this interface. So a thousand intervals cause at most a thousand
//! wake-ups a second.

mod layout;
mod lock;
#[cfg(test)]
mod memory_tests;
mod pool;
mod service;
mod time;
mod timers;

use std::ffi::{c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::{EFAULT, EINVAL, time_t, timespec};

pub use layout::{Callback, Destructor, Mockit};
use timers::Ending;

use crate::sys::cancellation::NotCancelled;

/// Turns a panic, which is a fault of this library, into an error number.
fn guarded(call: impl FnOnce() -> c_int) -> c_int {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(EFAULT)
}

/// Seconds since the epoch, and milliseconds within that second. Either pointer may be NULL.
///
/// # Safety
/// Each pointer is NULL or points to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_gettime(secs: *mut time_t, ms: *mut c_long) -> c_int {
    let (now_secs, now_ms) = time::wall();
    // SAFETY: the caller keeps this function's contract, and NULL is handled.
    unsafe {
        if let Some(secs) = secs.as_mut() {
            *secs = now_secs;
        }
        if let Some(ms) = ms.as_mut() {
            *ms = now_ms;
        }
    }
    0
}

/// Milliseconds since the epoch. Returns 0, or 1 for NULL.
///
/// # Safety
/// The pointer is NULL or points to a `uint64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_mstimestamp(timestamp: *mut u64) -> c_int {
    // SAFETY: the caller keeps this function's contract.
    let Some(timestamp) = (unsafe { timestamp.as_mut() }) else { return 1 };
    let (secs, ms) = time::wall();
    *timestamp = secs as u64 * 1000 + ms as u64;
    0
}

/// Blocks for `ms` milliseconds. With `do_restart` a signal does not end the sleep. Without it, a signal ends the sleep
/// with `EINTR`, and `time_left` becomes the remaining milliseconds, rounded up.
///
/// # Safety
/// `time_left` is NULL or points to a `uint32_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_bsleep(ms: u32, do_restart: bool, time_left: *mut u32) -> c_int {
    let (left, error) = time::sleep(ms.into(), do_restart);
    // SAFETY: the caller keeps this function's contract.
    if let Some(time_left) = unsafe { time_left.as_mut() } {
        // The rest is at most `ms`, which has 32 bits.
        *time_left = left as u32;
    }
    error
}

/// Like [`Mockit_bsleep`], but also for more than 49 days.
///
/// # Safety
/// `time_left` is NULL or points to a `uint64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_bsleep64(ms: u64, do_restart: bool, time_left: *mut u64) -> c_int {
    let (left, error) = time::sleep(ms, do_restart);
    // SAFETY: the caller keeps this function's contract.
    if let Some(time_left) = unsafe { time_left.as_mut() } {
        *time_left = left;
    }
    error
}

/// Adds milliseconds to a time. Does nothing for NULL.
///
/// # Safety
/// The pointer is NULL or points to a `struct timespec`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timespec_add_ms__(ts: *mut timespec, ms: u32) {
    // SAFETY: the caller keeps this function's contract.
    if let Some(ts) = unsafe { ts.as_mut() } {
        time::add_ms(ts, ms);
    }
}

/// Fills in a timer that the caller owns. Does nothing for NULL.
///
/// # Safety
/// The pointer is NULL, or points to a `struct mockit` that is not armed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_static_init(
    timer: *mut Mockit,
    cb: Option<Callback>,
    ms: u32,
    cyclic: bool,
    ctx: *mut c_void,
    destructor: Option<Destructor>,
) {
    if !timer.is_null() {
        // SAFETY: the caller keeps this function's contract. The old value is overwritten, not read: it may be
        // uninitialised.
        unsafe { timer.write(Mockit::new(cb, ms, cyclic, ctx, destructor, false)) };
    }
}

/// Makes a timer. Returns NULL without a callback or without memory.
#[unsafe(no_mangle)]
pub extern "C" fn Mockit_dynamic_init(
    cb: Option<Callback>,
    ms: u32,
    cyclic: bool,
    ctx: *mut c_void,
    destructor: Option<Destructor>,
) -> *mut Mockit {
    if cb.is_none() {
        return std::ptr::null_mut();
    }
    // SAFETY: `calloc` may be called with any size. C's allocator is used because destructors call `free`.
    let timer = unsafe { libc::calloc(1, size_of::<Mockit>()) }.cast::<Mockit>();
    if !timer.is_null() {
        // SAFETY: the memory has this size and is aligned for any type.
        unsafe { timer.write(Mockit::new(cb, ms, cyclic, ctx, destructor, true)) };
    }
    timer
}

/// Starts a timer, or starts it again. Returns 0 or an error number: `EINVAL` for NULL and for a timer without a
/// callback.
///
/// # Safety
/// The pointer is NULL, or points to an initialised `struct mockit` that stays where it is until it has ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_arm(timer: *mut Mockit) -> c_int {
    if timer.is_null() {
        return EINVAL;
    }
    // SAFETY: the caller keeps this function's contract.
    let ms = unsafe { (*timer).timeout() };
    // SAFETY: the same contract.
    unsafe { Mockit_arm64(timer, ms.into()) }
}

/// Like [`Mockit_arm`], with the delay or period as an argument, which may be more than 49 days.
///
/// # Safety
/// As for [`Mockit_arm`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_arm64(timer: *mut Mockit, ms: u64) -> c_int {
    // SAFETY: the caller keeps this function's contract.
    if timer.is_null() || unsafe { (*timer).callback() }.is_none() {
        return EINVAL;
    }
    // SAFETY: the same contract.
    guarded(|| service::service().map_or_else(|error| error, |service| unsafe { service.arm(timer, ms) }))
}

/// Prevents further callbacks. A running callback goes on. A one-off timer still ends at its deadline, with its
/// destructor. An interval can be armed again. Does nothing for NULL.
///
/// # Safety
/// The pointer is NULL, or points to an initialised `struct mockit` that has not ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_disarm(timer: *mut Mockit) {
    if !timer.is_null() {
        // SAFETY: the caller keeps this function's contract.
        guarded(|| match service::made() {
            // SAFETY: the caller keeps this function's contract.
            Some(service) => unsafe { service.disarm(timer) },
            // No timer is armed.
            None => {
                // SAFETY: the caller keeps this function's contract.
                unsafe { (*timer).disarm() };
                0
            }
        });
    }
}

/// Ends an interval: waits for a running callback, unless that would be a deadlock. Then calls the destructor or frees
/// the timer. For a one-off timer this does the same as [`Mockit_disarm`]; a timer that was never armed ends at once.
/// Returns 0, or `EINVAL` for NULL.
///
/// # Safety
/// As for [`Mockit_disarm`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Mockit_destroy(timer: *mut Mockit) -> c_int {
    if timer.is_null() {
        return EINVAL;
    }
    guarded(|| {
        let ending = match service::made() {
            // SAFETY: the caller keeps this function's contract.
            Some(service) => unsafe { service.destroy(timer) },
            // SAFETY: the same contract. No timer is armed, so no other thread ends this one.
            None if unsafe { (*timer).begin_to_end() } => Ending::Now,
            None => Ending::Not,
        };
        if ending == Ending::Now {
            let _whole = NotCancelled::new();
            // SAFETY: the same contract, and the service does not use the timer any more.
            unsafe { layout::end(timer) };
        }
        0
    })
}
