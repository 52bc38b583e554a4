//! How a coroutine was left, and whether it still is so.
//!
//! `spawn` gives the coroutine away: a script may resume it, close it, or run this loop in it. `lua_status` cannot
//! tell: a running coroutine has the status of a fresh one, and one that waits here has that of one that others made
//! yield. So each entry says how the coroutine was left, and a coroutine that waits keeps MARK on top of its stack.
//! Resuming or closing the coroutine takes the mark away. [`is_left`] compares the two, and nothing touches a
//! coroutine's stack before it has said yes.

use mlua::ffi::{LUA_OK, LUA_YIELD, lua_Debug, lua_State, lua_getstack, lua_gettop, lua_status, lua_touserdata};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

/// Our functions yield its address, so that no other yield is taken for theirs.
static MARK: u8 = 0;

pub(super) fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

/// How a coroutine was left when its entry was made.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// It has not begun: its stack has what `begin_with` put there, and `begin` needs this number.
    Fresh(c_int),
    /// By a yield of the script's own.
    Yielded,
    /// In `sleep` or `wait`, with MARK on top.
    Waiting,
}

/// Whether a coroutine is still as it was left. If not, others have resumed, closed or ended it, or it runs right now:
/// then we must not resume it. Neither raises nor runs Lua code.
///
/// # Safety
///
/// The coroutine is alive: it is on a stack.
pub(super) unsafe fn is_left(coroutine: *mut lua_State, left: Left) -> bool {
    // SAFETY: the caller's promise. The stack of a running coroutine is not read: it has an active frame.
    unsafe {
        let is_waiting = || lua_gettop(coroutine) > 0 && lua_touserdata(coroutine, -1) == mark();
        match (left, lua_status(coroutine)) {
            (Left::Waiting, LUA_YIELD) => is_waiting(),
            // If others have begun it, and it has yielded since, it goes on.
            (Left::Fresh(_) | Left::Yielded, LUA_YIELD) => !is_waiting(),
            (Left::Fresh(_), LUA_OK) => !is_active(coroutine) && lua_gettop(coroutine) == 1,
            _ => false,
        }
    }
}

/// Whether a coroutine has called something that has not returned.
unsafe fn is_active(coroutine: *mut lua_State) -> bool {
    let mut frame = MaybeUninit::<lua_Debug>::zeroed();
    // SAFETY: only called with a coroutine that is on the stack; what is filled in is plain data.
    unsafe { lua_getstack(coroutine, 0, frame.as_mut_ptr()) != 0 }
}
