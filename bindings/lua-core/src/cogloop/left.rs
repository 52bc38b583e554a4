//! How a coroutine was left, and whether it still is so.
//!
//! `spawn` gives the coroutine away: a script may resume it, close it, or run this loop in it. `lua_status` does not tell: a
//! running coroutine has the status of a fresh one, and one that waits here has the status of one that others made yield.
//! So each entry says how the coroutine was left, and a coroutine that waits keeps MARK on top of its stack. Who resumes
//! or closes it takes the mark away. [`is_left`] compares the two, and nothing touches a coroutine's stack before it has
//! said yes.

use mlua::ffi::{LUA_OK, LUA_YIELD, lua_Debug, lua_State, lua_getstack, lua_gettop, lua_status, lua_touserdata};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

/// Its address is what our functions yield, so that no other yield is taken for one of theirs.
static MARK: u8 = 0;

pub(super) fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

/// How we left a coroutine when we made its entry.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// It has not begun: the function and so many arguments are its stack.
    Fresh(c_int),
    /// By a yield of the script's own.
    Yielded,
    /// In `sleep` or `wait`, with MARK on top.
    Waiting,
}

/// Whether a coroutine still is as it was left. If not, others have resumed, closed or ended it, or it runs right now, and
/// it is not ours to resume. Neither raises nor runs Lua code.
///
/// # Safety
///
/// The coroutine is alive: it is on a stack.
pub(super) unsafe fn is_left(coroutine: *mut lua_State, left: Left) -> bool {
    // SAFETY: the caller's promise. The stack of one that runs is not looked at: it has an
    // active frame.
    unsafe {
        let is_waiting = || lua_gettop(coroutine) > 0 && lua_touserdata(coroutine, -1) == mark();
        match (left, lua_status(coroutine)) {
            (Left::Waiting, LUA_YIELD) => is_waiting(),
            // One that has begun, by others' doing, and has yielded since, goes on.
            (Left::Fresh(_) | Left::Yielded, LUA_YIELD) => !is_waiting(),
            (Left::Fresh(args), LUA_OK) => !is_active(coroutine) && lua_gettop(coroutine) == args + 1,
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
