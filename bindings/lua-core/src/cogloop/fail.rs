//! The end of a task whose coroutine has failed, and of a task that is closed because it does not end.

use super::finish::{finish, is_own_cancellation};
use super::slice::quoted_name;
use super::task::{ABOUT, Phase};
use super::traceback::push_traceback;
use crate::host::leave::CLOSED;
use crate::host::memory::value;
use crate::host::state::state_at;
use crate::host::trace::failed;
use crate::lua::guard::{Text, push_text};
use crate::lua::version::{close_thread, push_user_value, set_user_value};
use mlua::ffi::{
    lua_State, lua_checkstack, lua_concat, lua_error, lua_gettop, lua_pop, lua_pushlstring, lua_pushstring,
    lua_pushvalue, lua_rawequal, lua_replace, lua_settop, lua_xmove,
};
use std::ffi::c_int;

/// Ends the task at `index`, whose coroutine has failed. If the error is the task's own cancellation, the task ends as
/// cancelled. Otherwise it ends as failed; if nothing waits for the task, this function then raises the error with the
/// traceback of the coroutine's own stack. Closing the coroutine may raise another error in a `__close`; the traceback
/// then contains both.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, and the task at `index` with its coroutine, which has failed.
pub(super) unsafe fn fail(lua: *mut lua_State, coroutine: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise; the error is on top of the coroutine's stack, and stays there for its `__close`
    // functions.
    unsafe {
        // The coroutine's stack may have no room above the error, so we request room. If the request fails, the stack
        // has overflowed. Lua then has a few reserve slots beyond the end of the stack for error handling.
        lua_checkstack(coroutine, 3);
        lua_pushvalue(coroutine, -1);
        lua_xmove(coroutine, lua, 1);
        if is_own_cancellation(lua, index) {
            close_thread(coroutine);
            lua_settop(coroutine, 0);
            finish(lua, index, Phase::Cancelled, 1);
            return;
        }
        lua_pop(lua, 1);
        push_traceback(lua, coroutine);
        lua_xmove(coroutine, lua, 1); // stack: … traceback err
        lua_pushvalue(lua, -1);
        lua_xmove(lua, coroutine, 1);
        if close_thread(coroutine) {
            lua_xmove(coroutine, lua, 1);
            if lua_rawequal(lua, -1, -2) == 0 {
                lua_pushvalue(lua, -3); // stack: … traceback err other traceback
                lua_pushstring(lua, CLOSED.as_ptr());
                push_text(lua, -3);
                lua_concat(lua, 3);
                lua_replace(lua, -4);
            }
            lua_pop(lua, 1);
        }
        lua_settop(coroutine, 0);
        report(lua, index)
    }
}

/// Ends the task at `index` with the error on top, whose traceback is below it. If nothing waits for the task, raises
/// the error.
unsafe fn report(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called by `fail` and `close_stubborn`. Stack: … traceback err
    unsafe {
        lua_pushvalue(lua, -1);
        if finish(lua, index, Phase::Failed, 1) {
            return;
        }
        let name = quoted_name(lua, index);
        failed(lua, 1, lua_gettop(lua), name.as_ref().map_or(b"", Text::as_bytes));
        if let Some(name) = name {
            lua_pushvalue(lua, -2);
            lua_pushstring(lua, c"\n\tin task ".as_ptr());
            let name = name.as_bytes().trim_ascii_end();
            lua_pushlstring(lua, name.as_ptr().cast(), name.len());
            lua_concat(lua, 3); // stack: … traceback err named
            lua_replace(lua, -3);
        }
        if let Some(state) = state_at(lua, 1).as_mut() {
            state.cogloop.has_traceback = true;
            lua_pushvalue(lua, -2);
            set_user_value(lua, 1, value::TRACEBACK);
        }
        lua_error(lua)
    }
}

/// Closes the coroutine of the task at `index`. The task was cancelled and has not ended in the allowed time. If one of
/// its `__close` functions raises, the task has failed.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, and the task at `index` with its coroutine, which waits.
pub(super) unsafe fn close_stubborn(lua: *mut lua_State, coroutine: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise. The traceback is made before the coroutine is closed, while the coroutine still has
    // a stack.
    unsafe {
        push_traceback(lua, coroutine);
        let has_failed = close_thread(coroutine);
        if has_failed {
            lua_xmove(coroutine, lua, 1); // stack: … traceback err
        }
        lua_settop(coroutine, 0);
        if has_failed && !is_own_cancellation(lua, index) {
            return report(lua, index);
        }
        push_user_value(lua, index, ABOUT);
        finish(lua, index, Phase::Cancelled, 1);
    }
}
