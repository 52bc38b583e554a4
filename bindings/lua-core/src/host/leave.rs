//! Passes the error of a callback on to the caller of `run`, with its traceback.
//!
//! ```text
//!   callback ── error ──► on_raise: keeps the traceback ──► run's protected call ──► leave
//!                                                                                     │
//!            t.Loop: a text with the traceback behind it, as lua-t has it ◄───────────┤
//!            cogloop: the unchanged error; for two errors a text with both ◄──────────┘
//! ```
//!
//! The program `cogloop` prints the traceback of the callback, which the registry keeps for it.

use super::memory::value;
use super::state::state_at;
use super::trace::failed;
use super::upvalue;
use crate::lua::args::bytes;
use crate::lua::entry::entry;
use crate::lua::guard::push_text;
use crate::lua::version::{push_user_value, set_user_value};
use mlua::ffi::{
    LUA_REGISTRYINDEX, LUA_TBOOLEAN, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, lua_Debug, lua_State, lua_concat,
    lua_createtable, lua_error, lua_getfield, lua_getinfo, lua_getstack, lua_gettop, lua_insert, lua_pop,
    lua_pushlightuserdata, lua_pushnil, lua_pushstring, lua_pushvalue, lua_rawequal, lua_rawgeti, lua_rawseti,
    lua_replace, lua_setfield, lua_settop, lua_topointer, lua_type, lua_upvalueindex, luaL_traceback,
};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::ptr::null;

/// The text that a traceback has before the earlier of two errors; see [`raised_meanwhile`].
pub(crate) const MEANWHILE: &CStr = c"\nwhile this error was handled: ";
/// The text before an error in a `__close` of a coroutine.
pub(crate) const CLOSED: &CStr = c"\nand while the coroutine was closed: ";

/// The registry's field with `{ error, traceback, run }` of the last error that left a loop of `cogloop`. If an error's
/// text tells of two errors, the text contains the traceback, and the error is not stored. If the error is an object,
/// the table has the object's address instead, so that the registry does not keep the object alive.
const LEFT: &CStr = c"cogloop.left";

/// Raises the error below the traceback on top.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's. Stack: … err traceback
pub(crate) unsafe fn leave(lua: *mut lua_State) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        let has_traceback = lua_type(lua, -1) == LUA_TSTRING;
        let are_texts = has_traceback && lua_type(lua, -2) == LUA_TSTRING;
        let is_cogloop = upvalue::is_of_cogloop(lua);
        let tells_of_two = are_texts && (contains(lua, -1, MEANWHILE) || contains(lua, -1, CLOSED));
        if has_traceback && is_cogloop && !tells_of_two {
            keep(lua);
        }
        if are_texts && (tells_of_two || !is_cogloop) && !contains(lua, -2, c"\nstack traceback:\n") {
            lua_pushstring(lua, c"\n".as_ptr());
            lua_insert(lua, -2);
            lua_concat(lua, 3);
        } else {
            lua_settop(lua, -2);
        }
        lua_error(lua)
    }
}

/// Keeps the traceback for [`push_traceback`], with the error below the traceback and the running function, which
/// raises the error.
unsafe fn keep(lua: *mut lua_State) {
    // SAFETY: only called by `leave`, with the stack … err traceback
    unsafe {
        let top = lua_gettop(lua);
        lua_createtable(lua, 3, 0);
        push_error(lua, top - 1);
        lua_rawseti(lua, -2, 1);
        lua_pushvalue(lua, top);
        lua_rawseti(lua, -2, 2);
        push_function(lua, 0);
        lua_rawseti(lua, -2, 3);
        lua_setfield(lua, LUA_REGISTRYINDEX, LEFT.as_ptr());
    }
}

/// Pushes the address of the error at the absolute index `index` if it is an object. Otherwise pushes the error itself.
unsafe fn push_error(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called with a value at `index`, and room for one more.
    unsafe {
        match lua_type(lua, index) {
            LUA_TNIL | LUA_TBOOLEAN | LUA_TNUMBER | LUA_TSTRING => lua_pushvalue(lua, index),
            _ => lua_pushlightuserdata(lua, lua_topointer(lua, index).cast_mut()),
        }
    }
}

/// Pushes the function that runs at this level; nil if there is none.
unsafe fn push_function(lua: *mut lua_State, level: c_int) {
    // SAFETY: only called with room for a value. `lua_getstack` fills in the record that `lua_getinfo` reads.
    unsafe {
        let mut about = MaybeUninit::<lua_Debug>::zeroed();
        if lua_getstack(lua, level, about.as_mut_ptr()) == 0 {
            return lua_pushnil(lua);
        }
        lua_getinfo(lua, c"f".as_ptr(), about.as_mut_ptr());
    }
}

/// If the error at 1 has just left the `run` of a loop, pushes the traceback of the callback that raised it, and
/// returns true. Otherwise pushes nothing and returns false. Call this function in a message handler.
///
/// # Safety
///
/// The handler is the running function, with room for five values.
pub unsafe fn push_traceback(lua: *mut lua_State) -> bool {
    // SAFETY: the caller's promise; only this module sets the registry's field.
    unsafe {
        let top = lua_gettop(lua);
        lua_getfield(lua, LUA_REGISTRYINDEX, LEFT.as_ptr()); // stack: err … left
        if lua_type(lua, -1) == LUA_TTABLE {
            push_function(lua, 1);
            lua_rawgeti(lua, top + 1, 3);
            lua_rawgeti(lua, top + 1, 1);
            push_error(lua, 1); // stack: err … left raiser run error raised
            if lua_rawequal(lua, -3, -4) != 0 && lua_rawequal(lua, -1, -2) != 0 {
                lua_settop(lua, top + 1);
                lua_rawgeti(lua, -1, 2);
                lua_replace(lua, top + 1);
                return true;
            }
        }
        lua_settop(lua, top);
        false
    }
}

/// Whether the text at `index` contains `needle`.
unsafe fn contains(lua: *mut lua_State, index: c_int, needle: &CStr) -> bool {
    // SAFETY: only called for a string; its bytes stay on the stack.
    unsafe {
        let needle = needle.to_bytes();
        bytes(lua, index).windows(needle.len()).any(|window| window == needle)
    }
}

/// The upvalue of [`on_raise`] with the error that `onerror` has not taken yet.
pub(crate) const PENDING: c_int = 3;

entry!(
    /// The message handler: keeps the traceback, and leaves the error as it is. Its upvalues are the loop, the
    /// metatable of timers, and the pending error, nil if there is none.
    pub(crate) fn on_raise(lua: *mut lua_State) -> c_int {
        lua_settop(lua, 1);
        if lua_type(lua, lua_upvalueindex(PENDING)) != LUA_TNIL {
            return raised_meanwhile(lua);
        }
        failed(lua, lua_upvalueindex(1), 1, b"");
        let state = state_at(lua, lua_upvalueindex(1));
        // A coroutine's error comes with the traceback of its own stack.
        if state.is_null() || !(*state).cogloop.has_traceback {
            luaL_traceback(lua, lua, null(), 1);
            set_user_value(lua, lua_upvalueindex(1), value::TRACEBACK);
        }
        lua_pushvalue(lua, 1);
        lua_replace(lua, lua_upvalueindex(PENDING));
        if !state.is_null() {
            ((*state).face.note_failed)(lua, lua_upvalueindex(1), lua_upvalueindex(2));
        }
        1
    }
);

/// Handles an error that is raised while an earlier error leaves: in a `__close` that the earlier error runs, or in
/// `onerror`. The second error replaces the first, and its traceback contains both.
unsafe fn raised_meanwhile(lua: *mut lua_State) -> c_int {
    // SAFETY: only called by `on_raise`, with the error at 1.
    unsafe {
        // The same error again: `onerror` has raised its argument.
        if lua_rawequal(lua, 1, lua_upvalueindex(PENDING)) != 0 {
            return 1;
        }
        luaL_traceback(lua, lua, null(), 1);
        lua_pushstring(lua, MEANWHILE.as_ptr());
        push_text(lua, lua_upvalueindex(PENDING));
        lua_pushstring(lua, c"\n".as_ptr());
        push_user_value(lua, lua_upvalueindex(1), value::TRACEBACK);
        if lua_type(lua, -1) != LUA_TSTRING {
            lua_pop(lua, 1);
            lua_pushstring(lua, c"".as_ptr());
        }
        lua_concat(lua, 5);
        set_user_value(lua, lua_upvalueindex(1), value::TRACEBACK);
        lua_pushvalue(lua, 1);
        lua_replace(lua, lua_upvalueindex(PENDING));
        // Only a text can leave `run` with its traceback, so another value is replaced by a text.
        if lua_type(lua, 1) != LUA_TSTRING {
            push_text(lua, 1);
        }
    }
    1
}
