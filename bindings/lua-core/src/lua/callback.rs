//! A callback in Lua: the table `{ f, arg1, … }` and the number of arguments. The number is stored separately, because
//! a table does not count trailing nils.

use mlua::ffi::{
    lua_State, lua_call, lua_createtable, lua_gettop, lua_insert, lua_rawgeti, lua_rawseti, luaL_checkstack,
};
use std::ffi::c_int;

/// Replaces the values from `first` to the top, a function and its arguments, by the table of a callback. Returns the
/// number of arguments.
///
/// # Safety
///
/// [The rule for Lua calls](crate); there is a value at the absolute index `first`.
pub(crate) unsafe fn pack(lua: *mut lua_State, first: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let count = lua_gettop(lua) - first + 1;
        luaL_checkstack(lua, 4, c"too many arguments".as_ptr());
        lua_createtable(lua, count, 0);
        lua_insert(lua, first); // stack: … { } f arg1 …
        for i in (1..=count).rev() {
            lua_rawseti(lua, first, i.into());
        }
        count - 1
    }
}

/// Calls the callback in the table on top, and leaves `results` values above the table.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the table was made by [`pack`], which returned `args`.
pub(crate) unsafe fn call(lua: *mut lua_State, args: c_int, results: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        let table = lua_gettop(lua);
        // An error may end compiled code at any instruction, for example the error that lua's own Ctrl-C raises. If it
        // ends the code between two steps of arming or cancelling a timer, the table may be missing.
        #[cfg(feature = "luajit")]
        if mlua::ffi::lua_type(lua, table) != mlua::ffi::LUA_TTABLE {
            return mlua::ffi::lua_settop(lua, table + results);
        }
        luaL_checkstack(lua, args + 4, c"too many arguments".as_ptr());
        for i in 1..=args + 1 {
            lua_rawgeti(lua, table, i.into());
        }
        lua_call(lua, args, results); // stack: … tbl results…
    }
}
