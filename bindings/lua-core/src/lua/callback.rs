//! A callback as Lua keeps it: the table `{ f, arg1, … }`, and the number of arguments beside it, because trailing nils
//! count and a table cannot tell.

use crate::lua::args::upvalue;
use mlua::ffi::{
    LUA_TTABLE, lua_State, lua_call, lua_createtable, lua_gettop, lua_insert, lua_pop, lua_pushvalue, lua_rawequal,
    lua_rawgeti, lua_rawseti, lua_replace, lua_settop, lua_upvalueindex, luaL_checkstack,
};
use std::ffi::c_int;

/// Replaces everything from `first` to the top, a function and its arguments, by their table. Returns the number of
/// arguments.
///
/// # Safety
///
/// The rule of the crate; there is a value at `first`, an absolute index.
pub(crate) unsafe fn pack(lua: *mut lua_State, first: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let count = lua_gettop(lua) - first + 1;
        luaL_checkstack(lua, 4, c"too many arguments".as_ptr());
        lua_createtable(lua, count, 0);
        lua_insert(lua, first); // S: … { } f arg1 …
        for i in (1..=count).rev() {
            lua_rawseti(lua, first, i.into());
        }
        count - 1
    }
}

/// As [`pack`] for a function at 3, on top: without arguments its table holds nothing but the function, so that a task
/// can have the one of the last task with the same function. The last one's is in a weak table, which keeps nothing alive.
///
/// # Safety
///
/// The rule of the crate; the running function is one of `t.Loop`'s. Room for two values.
pub(crate) unsafe fn pack_shared(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let last = lua_upvalueindex(upvalue::LAST);
        if lua_rawgeti(lua, last, 1) == LUA_TTABLE {
            lua_rawgeti(lua, 4, 1); // S: … f tbl f'
            if lua_rawequal(lua, 5, 3) != 0 {
                lua_pop(lua, 1);
                lua_replace(lua, 3);
                return 0;
            }
        }
        lua_settop(lua, 3);
        let args = pack(lua, 3);
        lua_pushvalue(lua, 3);
        lua_rawseti(lua, last, 1);
        args
    }
}

/// Calls the callback in the table on top, and leaves `results` values above the table.
///
/// # Safety
///
/// The rule of the crate; the table was made by [`pack`], which returned `args`.
pub(crate) unsafe fn call(lua: *mut lua_State, args: c_int, results: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        let table = lua_gettop(lua);
        luaL_checkstack(lua, args + 4, c"too many arguments".as_ptr());
        for i in 1..=args + 1 {
            lua_rawgeti(lua, table, i.into());
        }
        lua_call(lua, args, results); // S: … tbl results…
    }
}
