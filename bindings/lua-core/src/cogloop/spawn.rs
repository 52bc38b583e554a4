//! The options of `spawn`, and the task that it makes.

use super::task::{ABOUT, Asked, GRACE_MS, Phase, THREAD, Task, USER_VALUES};
use super::upvalue;
use crate::lua::args::{bad_argument, bytes, check_callable, is_callable, read_ms, wrong_part};
use crate::lua::version::{new_userdata, set_user_value};
use mlua::ffi::{
    LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, lua_State, lua_getfield, lua_gettop, lua_next, lua_pop,
    lua_pushfstring, lua_pushnil, lua_pushvalue, lua_rawgeti, lua_replace, lua_setmetatable, lua_tonumber, lua_type,
    lua_upvalueindex, luaL_tolstring,
};
use std::ffi::c_int;
use std::ptr::null_mut;

/// Reads the function or the options of `spawn`. Puts the function at 2, and pushes the name or nil. Returns the task's
/// grace period in ms, which is its time for cleaning up after a cancellation.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is `spawn`, with the loop at 1.
pub(super) unsafe fn read_options(lua: *mut lua_State) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_type(lua, 2) != LUA_TTABLE || is_callable(lua, 2) {
            check_callable(lua, 2);
            lua_pushnil(lua);
            return GRACE_MS;
        }
        check_names(lua);
        let top = lua_gettop(lua);
        lua_rawgeti(lua, 2, 1);
        lua_getfield(lua, 2, c"grace".as_ptr());
        lua_getfield(lua, 2, c"name".as_ptr()); // stack: loop options args… f grace name
        if !is_callable(lua, top + 1) {
            wrong_part(lua, 2, c"[1]", c"a function or a callable object", top + 1);
        }
        if !matches!(lua_type(lua, top + 3), LUA_TNIL | LUA_TSTRING) {
            wrong_part(lua, 2, c"name", c"a string", top + 3);
        }
        let grace_ns = match lua_type(lua, top + 2) {
            LUA_TNIL => u64::from(GRACE_MS) * 1_000_000,
            _ => read_ms(lua, top + 2).unwrap_or_else(|| wrong_part(lua, 2, c"grace", crate::lua::args::MS, top + 2)),
        };
        lua_pushvalue(lua, top + 1);
        lua_replace(lua, 2);
        lua_replace(lua, top + 1);
        lua_pop(lua, 1); // stack: loop f args… name
        u32::try_from(grace_ns.div_ceil(1_000_000)).unwrap_or(u32::MAX)
    }
}

/// Raises for unknown options.
unsafe fn check_names(lua: *mut lua_State) {
    // SAFETY: only called by `read_options`. Only a key that is a string is read as text; `lua_next` allows that.
    unsafe {
        lua_pushnil(lua);
        while lua_next(lua, 2) != 0 {
            lua_pop(lua, 1); // stack: … key
            let is_known = match lua_type(lua, -1) {
                LUA_TSTRING => matches!(bytes(lua, -1), b"name" | b"grace"),
                LUA_TNUMBER => lua_tonumber(lua, -1) == 1.0,
                _ => false,
            };
            if !is_known {
                let got = luaL_tolstring(lua, -1, null_mut());
                let format = c"unknown option '%s'; there are name, grace and the function".as_ptr();
                bad_argument(lua, 2, lua_pushfstring(lua, format, got));
            }
        }
    }
}

/// Pushes a task for the coroutine on top. The task's name, or nil, is at `name`. The task belongs to no loop yet.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's. Room for four values.
pub(super) unsafe fn set_up(lua: *mut lua_State, name: c_int, grace_ms: u32) -> *mut Task {
    // SAFETY: the caller's promise.
    unsafe {
        let thread = lua_gettop(lua);
        let task = new_userdata(lua, size_of::<Task>(), USER_VALUES).cast::<Task>();
        task.write(Task {
            owner: u64::MAX,
            key: 0,
            asked: Asked::No,
            phase: Phase::Fresh,
            place: 0,
            grace_ms,
            results: 0,
            is_cut: false,
            cuts: 0,
        });
        lua_pushvalue(lua, lua_upvalueindex(upvalue::TASK));
        lua_setmetatable(lua, -2);
        for (value, index) in [(THREAD, thread), (ABOUT, name)] {
            lua_pushvalue(lua, index);
            set_user_value(lua, -2, value);
        }
        task
    }
}
