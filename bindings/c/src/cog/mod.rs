//! `cogloop.h`: the event loop of `cogloop-io`, with callbacks.
//!
//! ```text
//!   a C function ──► answer ──► registry: which loop? ──► state: Loop ──► EventLoop: timers with callbacks
//!    one file for     panics,      of this thread, of        ▲
//!    each C type      messages     another one, or stale     │ serve: runs a turn and calls the callbacks. Nothing is
//!                                                            │ borrowed then, so a callback may call any function
//!   any thread ──► post: a queue and a waker ────────────────┘
//! ```
//!
//! | file | C |
//! |---|---|
//! | `loops`, `timers`, `watches`, `hooks` | `cog_loop_…`, `cog_timer_…`, `cog_watch_…`, `cog_hook_…` |
//! | `ends` | the functions that `cog_timer_on_end` and `cog_watch_on_end` set |
//! | `trace` | `cog_loop_trace…` |
//! | `walk` | `cog_loop_walk` |
//! | `moves` | `cog_loop_release`, `cog_loop_adopt`, `cog_loop_after_fork` |
//! | `options` | `cog_options`, `cog_plan`, `cog_stats` |
//! | `answer`, `words` | the codes, `cog_strerror`, `cog_last_message` |
//!
//! The top of the header has the conventions of all functions: ownership, threads and errors. A test, `header`,
//! compares the header with these files.

pub mod answer;
mod ends;
mod hook_list;
pub mod hooks;
pub mod loops;
#[cfg(all(test, unix))]
mod memory_tests;
pub mod moves;
mod options;
mod post;
mod registry;
mod remotes;
mod serve;
mod state;
pub mod timers;
pub mod trace;
mod tracing;
pub mod walk;
pub mod watches;
mod words;

use std::ffi::c_void;

pub use options::{CogOptions, CogPlan, CogStats};

/// `cog_loop`. 0 is not a loop. No number is used twice in a process.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub struct CogLoop {
    id: u64,
}

/// `cog_timer`: the loop's number, and the key of the wheel.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub struct CogTimer {
    loop_id: u64,
    key: u64,
}

/// `cog_watch`: the loop's number, and the token of the descriptor.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub struct CogWatch {
    loop_id: u64,
    token: u64,
}

/// `cog_hook`: the loop's number, and the hook's number.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub struct CogHook {
    loop_id: u64,
    number: u64,
}

/// `cog_expiry`: the deadline for which a timer fires.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub struct CogExpiry {
    deadline_ns: u64,
    late_ns: u64,
    missed: u64,
}

// As far as the compiler knows, functions of the user may unwind. `must_return` ends the process if they do.

/// `cog_timer_fn`.
pub type CogTimerFn = unsafe extern "C-unwind" fn(CogTimer, *const CogExpiry, *mut c_void);
/// `cog_watch_fn`.
pub type CogWatchFn = unsafe extern "C-unwind" fn(CogWatch, std::ffi::c_int, *mut c_void);
/// `cog_post_fn`.
pub type CogPostFn = unsafe extern "C-unwind" fn(*mut c_void);
/// `cog_walk_timer_fn`.
pub type CogWalkTimerFn = unsafe extern "C-unwind" fn(CogTimer, *mut c_void);
/// `cog_walk_watch_fn`.
pub type CogWalkWatchFn = unsafe extern "C-unwind" fn(CogWatch, *mut c_void);

const _: () = {
    assert!(size_of::<CogLoop>() == 8 && size_of::<CogTimer>() == 16 && size_of::<CogWatch>() == 16);
    assert!(size_of::<CogHook>() == 16);
    assert!(size_of::<CogExpiry>() == 24);
};

/// Writes an output of a C function, unless it is NULL.
///
/// # Safety
/// `output` is NULL or points to a `T`, initialised or not.
unsafe fn put<T>(output: *mut T, value: T) {
    if !output.is_null() {
        // SAFETY: the caller keeps this function's contract.
        unsafe { output.write(value) };
    }
}
