//! The state in which a coroutine was left, and whether it still is in that state.
//!
//! A script can get the coroutine of a task, and resume it, close it, or run this loop in it. `lua_status` does not
//! show such a change. A running coroutine has the same status as a fresh one. A coroutine that waits in one of our
//! functions has the same status as one that has yielded elsewhere. So two things tell the state. First, the timer, or
//! the entry in the queue of woken tasks, that will resume a coroutine says how the coroutine was left. Second, a
//! coroutine that waits keeps MARK on top of its stack; resuming or closing the coroutine removes the mark. [`is_left`]
//! checks both. Each function calls `is_left`, or makes the same checks, before it touches the stack of a coroutine
//! that has not ended.

use mlua::ffi::{LUA_OK, LUA_YIELD, lua_Debug, lua_State, lua_getstack, lua_gettop, lua_status, lua_touserdata};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

/// Our functions yield the address of this variable. So their yields differ from all others.
static MARK: u8 = 0;
/// If a wait has to raise an error, it gets two values: the address of this variable, and the error.
static RAISE: u8 = 0;

pub(super) fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

pub(super) fn raise_mark() -> *mut c_void {
    (&raw const RAISE).cast_mut().cast()
}

/// The state of a coroutine at the time when its timer was armed, or its entry in the queue was made.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// The coroutine has not begun, and its stack has the value that `begin_with` put there. The number is what `begin`
    /// needs.
    Fresh(c_int),
    /// The coroutine has called `coroutine.yield` itself.
    Yielded,
    /// The coroutine is in a wait, with MARK on top.
    Waiting,
    /// The coroutine is in a wait that has ended. Below MARK is this number of values, which the wait returns.
    Woken(c_int),
}

/// Whether a coroutine is still in the state in which it was left. If not, other code has resumed, closed or ended it,
/// or it runs right now. Then we must not resume it. Neither raises nor runs Lua code.
///
/// # Safety
///
/// The coroutine is alive: it is on a stack.
pub(super) unsafe fn is_left(coroutine: *mut lua_State, left: Left) -> bool {
    // SAFETY: the caller's promise. The stack of a running coroutine is not read, because such a coroutine has an
    // active frame.
    unsafe {
        let is_waiting = || lua_gettop(coroutine) > 0 && lua_touserdata(coroutine, -1) == mark();
        match (left, lua_status(coroutine)) {
            (Left::Waiting | Left::Woken(_), LUA_YIELD) => is_waiting(),
            // A fresh coroutine that other code has started, and that has yielded since, can be resumed, too.
            (Left::Fresh(_) | Left::Yielded, LUA_YIELD) => !is_waiting(),
            (Left::Fresh(_), LUA_OK) => !is_active(coroutine) && lua_gettop(coroutine) == 1,
            _ => false,
        }
    }
}

/// Whether a coroutine has ended, or was closed. Neither raises nor runs Lua code.
///
/// # Safety
///
/// As for [`is_left`].
pub(super) unsafe fn is_dead(coroutine: *mut lua_State) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        match lua_status(coroutine) {
            LUA_YIELD => false,
            LUA_OK => !is_active(coroutine) && lua_gettop(coroutine) == 0,
            _ => true,
        }
    }
}

/// Whether a coroutine has called a function that has not returned.
///
/// # Safety
///
/// As for [`is_left`].
pub(super) unsafe fn is_active(coroutine: *mut lua_State) -> bool {
    let mut frame = MaybeUninit::<lua_Debug>::zeroed();
    // SAFETY: the caller's promise; `lua_getstack` fills in plain data.
    unsafe { lua_getstack(coroutine, 0, frame.as_mut_ptr()) != 0 }
}
