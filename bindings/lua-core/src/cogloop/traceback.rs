//! The traceback of an error in a task's coroutine. Since Lua 5.4 an error closes the to-be-closed variables of the
//! functions that it leaves, so a message handler makes the traceback first. In older versions the coroutine's stack
//! stays as it was.

use super::unpark::CANCELLATION_KEY;
use crate::host::leave::MEANWHILE;
use crate::lua::class::push_kept;
use crate::lua::entry::entry;
use crate::lua::guard::push_text;
use mlua::ffi::{
    LUA_TTABLE, lua_State, lua_concat, lua_createtable, lua_getmetatable, lua_gettop, lua_insert, lua_pop, lua_pushnil,
    lua_pushstring, lua_pushthread, lua_pushvalue, lua_rawequal, lua_rawget, lua_rawgeti, lua_rawset, lua_rawseti,
    lua_remove, lua_settop, lua_type, lua_xmove, luaL_traceback,
};
use std::ffi::c_int;
use std::ptr::null;

/// The place in the registry of the weak table `{ [coroutine] = { error, traceback } }`.
pub(super) static TRACES_KEY: u8 = 0;

/// Whether the value at `index` is a cancellation. Neither raises nor allocates.
unsafe fn is_cancellation(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: only called by `on_raise`.
    unsafe {
        if lua_type(lua, index) != LUA_TTABLE || lua_getmetatable(lua, index) == 0 {
            return false;
        }
        let is_one = push_kept(lua, &CANCELLATION_KEY) && lua_rawequal(lua, -1, -2) != 0;
        lua_pop(lua, 2);
        is_one
    }
}

entry!(
    /// The message handler of a task's coroutine, since Lua 5.4: keeps the traceback, and leaves the error as it is.
    pub(super) fn on_raise(lua: *mut lua_State) -> c_int {
        lua_settop(lua, 1);
        if is_cancellation(lua, 1) || !push_kept(lua, &TRACES_KEY) {
            return 1;
        }
        lua_pushthread(lua);
        lua_pushvalue(lua, 3);
        lua_rawget(lua, 2); // stack: err traces co { first, traceback } or nil
        luaL_traceback(lua, lua, null(), 1);
        if lua_type(lua, 4) == LUA_TTABLE {
            lua_rawgeti(lua, 4, 1);
            if lua_rawequal(lua, 1, -1) != 0 {
                lua_settop(lua, 1);
                return 1;
            }
            lua_pushstring(lua, MEANWHILE.as_ptr());
            push_text(lua, -2);
            lua_remove(lua, -3);
            lua_pushstring(lua, c"\n".as_ptr());
            lua_rawgeti(lua, 4, 2);
            lua_concat(lua, 5);
        }
        lua_createtable(lua, 2, 0); // stack: err traces co before traceback { }
        lua_pushvalue(lua, 1);
        lua_rawseti(lua, 6, 1);
        lua_pushvalue(lua, 5);
        lua_rawseti(lua, 6, 2);
        lua_remove(lua, 5);
        lua_remove(lua, 4);
        lua_rawset(lua, 2);
        lua_settop(lua, 1);
        1
    }
);

/// Pushes the traceback of a coroutine. It is the traceback that [`on_raise`] has kept, or else that of the coroutine's
/// present stack.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the coroutine is alive, and has failed or waits. Room for four values.
pub(super) unsafe fn push_traceback(lua: *mut lua_State, coroutine: *mut lua_State) {
    // SAFETY: the caller's promise. A coroutine has room for two values beside its error or its mark.
    unsafe {
        let top = lua_gettop(lua);
        if push_kept(lua, &TRACES_KEY) {
            lua_pushthread(coroutine);
            lua_xmove(coroutine, lua, 1); // stack: … traces co
            lua_pushvalue(lua, -1);
            lua_rawget(lua, -3); // stack: … traces co kept
            if lua_type(lua, -1) == LUA_TTABLE {
                lua_rawgeti(lua, -1, 2);
                lua_insert(lua, top + 1);
                lua_pop(lua, 1);
                lua_pushnil(lua);
                lua_rawset(lua, -3);
                lua_settop(lua, top + 1);
                return;
            }
        }
        lua_settop(lua, top);
        luaL_traceback(lua, coroutine, null(), 0);
    }
}
