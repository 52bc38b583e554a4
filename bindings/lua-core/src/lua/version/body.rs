//! The function with which a coroutine begins since Lua 5.4. It calls the script's function in a protected call. So an
//! error closes the to-be-closed variables in the coroutine itself, and a `__close` may wait. `lua_closethread` would
//! close the variables in the caller, where nothing can yield.

use mlua::ffi::{
    LUA_MULTRET, LUA_OK, LUA_YIELD, lua_CFunction, lua_KContext, lua_State, lua_error, lua_gettop, lua_insert,
    lua_pcallk, lua_pushcfunction,
};
use std::ffi::c_int;

/// The coroutine's stack has only the script's function and its arguments. Puts our function below them, with a message
/// handler as its first argument. Neither raises nor allocates.
///
/// # Safety
///
/// The coroutine has not begun. Room for two values.
pub(super) unsafe fn put_below(coroutine: *mut lua_State, handler: lua_CFunction) {
    // SAFETY: the caller's promise. A C function without upvalues is no object, so pushing it allocates nothing.
    unsafe {
        lua_pushcfunction(coroutine, body);
        lua_insert(coroutine, 1);
        lua_pushcfunction(coroutine, handler);
        lua_insert(coroutine, 2);
    }
}

unsafe extern "C-unwind" fn body(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua as a coroutine begins, with the values of `put_below`. Stack: handler f args…
    unsafe {
        // A script can get this function only from the debug library, and may then call it without these values.
        if lua_gettop(lua) < 2 {
            return 0;
        }
        let args = lua_gettop(lua) - 2;
        let status = lua_pcallk(lua, args, LUA_MULTRET, 1, 0, Some(end));
        end(lua, status, 0)
    }
}

/// Returns the results, or raises the error again. Stack: handler results… or handler err
unsafe extern "C-unwind" fn end(lua: *mut lua_State, status: c_int, _: lua_KContext) -> c_int {
    // SAFETY: called by `body`, or by Lua if the coroutine has yielded meanwhile.
    unsafe {
        if status != LUA_OK && status != LUA_YIELD {
            lua_error(lua);
        }
        lua_gettop(lua) - 1
    }
}
