//! Interrupts from a signal handler: running loops stop after the current callback, and sleeps end.
//!
//! ```text
//!   Ctrl-C ──► raise ──┬── a loop waits ──────► it returns, as after `stop`; the next `run` or `step` raises
//!              COUNT   ├── a callback runs ───► the loop returns after it; a long callback gets an error
//!                      └── no loop runs ──────► an error in the script
//!                                                     │
//!                          RAISED = COUNT ◄───────────┘   an error has told the script: from now on loops run again
//! ```
//!
//! The program `cogloop` calls [`raise`] on Ctrl-C. The Lua modules never call [`raise`]. A check for an interrupt,
//! [`pending`], costs two reads of an atomic. [`raise`] is async-signal-safe: it uses only atomics and the functions of
//! `sys::wakers` that wake. Any thread may call it.
//!
//! Interrupts are for one thread, the one that has called [`install`]. The statics about loops below describe the loops
//! of that thread, and only that thread writes them. Loops of other threads, in Lua states of their own, are not
//! interrupted.

use super::nesting::LEVELS;
use crate::sys::wakers::{self, Place};
use cogloop_io::Waker;
use mlua::ffi::lua_State;
use std::cell::Cell;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize};
use std::time::{Duration, Instant};

/// The number of interrupts.
static COUNT: AtomicU32 = AtomicU32::new(0);
/// The number of interrupts that an error has reported to the script; see [`raised`].
static RAISED: AtomicU32 = AtomicU32::new(0);
/// Whether an error that reports the interrupt is leaving a callback; see [`reported`].
static REPORTED: AtomicBool = AtomicBool::new(false);
/// The wakers of the running loops, the innermost last.
static LOOPS: [Place; LEVELS] = [const { Place::empty() }; LEVELS];
/// The number of running loops.
static DEPTH: AtomicUsize = AtomicUsize::new(0);
/// Whether the innermost loop waits and does not run a callback.
static IS_WAITING: AtomicBool = AtomicBool::new(false);
/// The coroutine in which callbacks run.
static RUNNER: AtomicPtr<lua_State> = AtomicPtr::new(null_mut());

/// The state in which an interrupt found the loops.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// No loop runs.
    Idle,
    /// A loop waits.
    Waiting,
    /// A loop calls callbacks, in this coroutine.
    Calling(*mut lua_State),
}

/// Makes this thread the one that is interrupted. Call it once, before the first interrupt and before a loop runs.
///
/// # Errors
///
/// The system refuses the descriptor that ends a sleep; on Windows, the event that ends a sleep.
pub fn install() -> io::Result<()> {
    wakers::install()
}

/// Interrupts: running loops return from `run` as after `stop`, and a sleep ends. Later sleeps end at once, too, so an
/// interrupt that comes before a sleep is not lost. Returns two values: whether all earlier interrupts were already
/// reported to the script, and the state in which this interrupt found the loops. Async-signal-safe.
pub fn raise() -> (bool, Found) {
    let is_first = COUNT.fetch_add(1, SeqCst) == RAISED.load(SeqCst);
    let depth = DEPTH.load(SeqCst).min(LEVELS);
    LOOPS[..depth].iter().for_each(Place::wake);
    wakers::wake_sleep();
    let found = match depth {
        0 => Found::Idle,
        _ if IS_WAITING.load(SeqCst) => Found::Waiting,
        _ => Found::Calling(RUNNER.load(SeqCst)),
    };
    (is_first, found)
}

/// Records that an error is about to report the interrupts so far. Call this function before raising that error. If a
/// callback catches that error, its loop still returns, and the next `run` raises.
pub fn reported() {
    if DEPTH.load(SeqCst) > 0 {
        REPORTED.store(true, SeqCst);
    } else {
        raised();
    }
}

/// Records that the interrupts so far were reported to the script. If the script goes on, its loops and sleeps work
/// again.
pub fn raised() {
    RAISED.store(COUNT.load(SeqCst), SeqCst);
}

/// Whether there was an interrupt that no error has reported to the script yet. Always false on other threads than the
/// script's.
#[must_use]
#[inline]
pub fn pending() -> bool {
    COUNT.load(SeqCst) != RAISED.load(SeqCst) && wakers::is_installed_here()
}

/// Whether there was an interrupt at all.
#[must_use]
pub fn happened() -> bool {
    COUNT.load(SeqCst) > 0
}

thread_local! {
    /// The number of loops that run on this thread. Each loop except the first runs in a callback of another.
    static RUNNING: Cell<u32> = const { Cell::new(0) };
}

/// Calls `work`, which runs a loop.
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

/// Whether a loop of the script's thread runs.
#[must_use]
pub fn any_runs() -> bool {
    DEPTH.load(SeqCst) > 0
}

/// The state before [`enter`], which [`leave`] restores. [`enter`] returns `None` on another thread than the script's,
/// and in the modules.
#[derive(Clone, Copy)]
pub(crate) struct Outer {
    depth: usize,
    runner: *mut lua_State,
}

/// Notes that a loop runs now, with its waker and its coroutine. The waker lives as long as the loop.
pub(crate) fn enter(waker: &Waker, lua: *mut lua_State) -> Option<Outer> {
    if !wakers::is_installed_here() {
        return None;
    }
    let depth = DEPTH.load(SeqCst);
    if let Some(place) = LOOPS.get(depth) {
        place.put(waker);
    }
    DEPTH.store(depth + 1, SeqCst);
    Some(Outer { depth, runner: run_in(lua) })
}

/// Notes that the loop no longer runs, and whether it ended well or by an error.
pub(crate) fn leave(outer: Option<Outer>, ended_well: bool) {
    let Some(outer) = outer else { return };
    DEPTH.store(outer.depth, SeqCst);
    run_in(outer.runner);
    if ended_well {
        REPORTED.store(false, SeqCst);
    } else if outer.depth == 0 && REPORTED.swap(false, SeqCst) {
        raised();
    }
}

/// Notes the coroutine in which callbacks run now. Returns the coroutine that was noted before.
#[inline]
pub(crate) fn run_in(lua: *mut lua_State) -> *mut lua_State {
    if !wakers::is_installed_here() {
        return null_mut();
    }
    let outer = RUNNER.load(Relaxed);
    RUNNER.store(lua, Relaxed);
    outer
}

/// Called when a running loop is closed. Forgets its waker.
pub(crate) fn close(waker: &Waker) {
    if wakers::is_installed_here() {
        LOOPS[..DEPTH.load(SeqCst).min(LEVELS)].iter().for_each(|place| place.take_out(waker));
    }
}

/// Notes whether the loop waits.
#[inline]
pub(crate) fn waits(is_waiting: bool) {
    if wakers::is_installed_here() {
        // The signal handler usually runs on this thread, and has to see the stores in the program's order.
        IS_WAITING.store(is_waiting, Relaxed);
        std::sync::atomic::compiler_fence(SeqCst);
    }
}

/// Blocks for `duration`. An interrupt ends the sleep, and so does an earlier interrupt that was not reported to the
/// script yet. No other signal shortens the sleep.
pub(crate) fn sleep(duration: Duration) {
    let start = Instant::now();
    while !pending()
        && let Some(left) = duration.checked_sub(start.elapsed()).filter(|left| !left.is_zero())
    {
        wakers::nap(left);
    }
}
