//! What a coroutine begins with on Lua 5.1: a Lua function that is alone on the coroutine's stack.

use crate::lua::entry::entry;
use mlua::ffi::{
    LUA_OK, LUA_TFUNCTION, lua_State, lua_call, lua_createtable, lua_error, lua_iscfunction, lua_pushcfunction,
    lua_pushinteger, lua_pushvalue, lua_rawgeti, lua_rawseti, lua_tointeger, lua_type, luaL_checkstack,
    luaL_loadstring,
};
use std::ffi::c_int;

/// Pushes a Lua function that calls the value at `index` with the others up to `top`; or that value itself, if it is a
/// Lua function and there are no others. Returns the number of its arguments, 0.
///
/// # Safety
///
/// The rule of the crate; `index` is absolute. Room for six values.
pub(super) unsafe fn push(lua: *mut lua_State, index: c_int, top: c_int) -> c_int {
    // SAFETY: the caller's promise; the stack is written beside the lines.
    unsafe {
        if index == top && lua_type(lua, index) == LUA_TFUNCTION && lua_iscfunction(lua, index) == 0 {
            lua_pushvalue(lua, index);
            return 0;
        }
        // It uses no global: a script may have changed them.
        let text = c"local f, spread, args, count = ... return function( ) return f( spread( args, count ) ) end";
        if luaL_loadstring(lua, text.as_ptr()) != LUA_OK {
            lua_error(lua);
        }
        lua_pushvalue(lua, index);
        lua_pushcfunction(lua, spread);
        lua_createtable(lua, top - index, 0); // S: … chunk f spread args
        for each in index + 1..=top {
            lua_pushvalue(lua, each);
            lua_rawseti(lua, -2, (each - index).into());
        }
        lua_pushinteger(lua, (top - index).into());
        lua_call(lua, 4, 1);
    }
    0
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
