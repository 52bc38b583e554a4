//! Makes the function with which a coroutine begins on Lua 5.1 and LuaJIT. Without arguments, this function is the
//! script's function itself. With arguments, it is a Lua function that calls the script's function with them. On 5.1 a
//! Lua function also wraps each script's function that is written in C. The other versions use this file if there are
//! no arguments, or more than a C closure can hold.

use crate::lua::entry::entry;
use crate::lua::guard::CHUNK;
use mlua::ffi::{
    LUA_OK, LUA_REGISTRYINDEX, LUA_TFUNCTION, lua_State, lua_call, lua_createtable, lua_error, lua_getfield,
    lua_iscfunction, lua_pop, lua_pushcfunction, lua_pushinteger, lua_pushvalue, lua_rawgeti, lua_rawseti,
    lua_setfield, lua_tointeger, lua_type, luaL_checkstack, luaL_loadbufferx,
};
use std::ffi::{CStr, c_int};
use std::ptr::null;

/// The registry's field with the function that makes such Lua functions.
const MAKER: &CStr = c"cogloop.begin";

/// Pushes a Lua function that calls the value at `index` with the values behind it, up to `top`. If there are no such
/// values, pushes the value at `index` itself, but on 5.1 only if that value is a Lua function.
///
/// # Safety
///
/// [The rule for Lua calls](crate); `index` is absolute. Room for six values.
pub(super) unsafe fn push(lua: *mut lua_State, index: c_int, top: c_int) {
    // SAFETY: the caller's promise; comments beside the lines show the stack.
    unsafe {
        let is_lua = lua_type(lua, index) == LUA_TFUNCTION && lua_iscfunction(lua, index) == 0;
        if index == top && (is_lua || cfg!(not(feature = "lua51"))) {
            return lua_pushvalue(lua, index);
        }
        push_maker(lua);
        lua_pushvalue(lua, index);
        lua_pushcfunction(lua, spread);
        lua_createtable(lua, top - index, 0); // stack: … maker f spread args
        for each in index + 1..=top {
            lua_pushvalue(lua, each);
            lua_rawseti(lua, -2, (each - index).into());
        }
        lua_pushinteger(lua, (top - index).into());
        lua_call(lua, 4, 1);
    }
}

unsafe fn push_maker(lua: *mut lua_State) {
    // SAFETY: only called by `push`; only this function sets the registry's field.
    unsafe {
        lua_getfield(lua, LUA_REGISTRYINDEX, MAKER.as_ptr());
        if lua_type(lua, -1) == LUA_TFUNCTION {
            return;
        }
        lua_pop(lua, 1);
        // The chunk uses no globals, because a script may have changed them.
        let text = c"local f, spread, args, count = ... return function( ) return f( spread( args, count ) ) end";
        if luaL_loadbufferx(lua, text.as_ptr(), text.count_bytes(), CHUNK.as_ptr(), null()) != LUA_OK {
            lua_error(lua);
        }
        lua_pushvalue(lua, -1);
        lua_setfield(lua, LUA_REGISTRYINDEX, MAKER.as_ptr());
    }
}

entry!(
    /// `spread( args, count )` → the values 1 to `count` of the table
    fn spread(lua: *mut lua_State) -> c_int {
        // Only the chunk above calls it, with a table and a number.
        let count = lua_tointeger(lua, 2) as c_int;
        luaL_checkstack(lua, count, c"too many arguments".as_ptr());
        for each in 1..=count {
            lua_rawgeti(lua, 1, each.into());
        }
        count
    }
);
