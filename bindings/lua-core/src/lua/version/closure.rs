//! A C closure that holds a function and its arguments. Since Lua 5.2, a coroutine with 1 to [`ARGS_MAX`] arguments
//! begins with such a closure.
//!
//! Without the closure, the function and its arguments could be on the coroutine's stack. But if a script resumed such
//! a coroutine before the loop did, Lua would call the last argument. The loop unpacks the closure before it resumes
//! the coroutine, so the closure is no frame in a traceback.

use crate::lua::entry::entry;
use mlua::ffi::{
    LUA_MULTRET, lua_State, lua_callk, lua_gettop, lua_getupvalue, lua_pushcclosure, lua_pushinteger, lua_pushvalue,
    lua_remove, lua_settop, lua_tointeger, lua_upvalueindex, luaL_checkstack,
};
use std::ffi::c_int;

/// The largest number of arguments. A closure has at most 255 upvalues: the number of arguments, the function, the
/// arguments.
pub(super) const ARGS_MAX: c_int = 253;

/// The closure's upvalue with the function. The upvalues after it are the arguments.
pub(super) const FUNCTION: c_int = 2;

/// Pushes a C closure that calls the value at `index` with the values behind it up to `top`, at most [`ARGS_MAX`].
///
/// # Safety
///
/// [The rule for Lua calls](crate); `index` is absolute. Room for all values and one more.
pub(super) unsafe fn push(lua: *mut lua_State, index: c_int, top: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        lua_pushinteger(lua, (top - index).into());
        for each in index..=top {
            lua_pushvalue(lua, each);
        }
        lua_pushcclosure(lua, begin, top - index + 2);
    }
}

/// Replaces the closure that is alone on the coroutine's stack by its function and its `args` arguments. Neither raises
/// nor allocates.
///
/// # Safety
///
/// [`push`] made the closure with this number of arguments. Room for all values and one more.
pub(super) unsafe fn take_apart(coroutine: *mut lua_State, args: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        for n in FUNCTION..FUNCTION + args + 1 {
            lua_getupvalue(coroutine, 1, n);
        }
        lua_remove(coroutine, 1);
    }
}

entry!(
    /// Calls the function with the arguments. The upvalues are the number of arguments, the function, and the
    /// arguments. Values that a script passes are dropped.
    fn begin(lua: *mut lua_State) -> c_int {
        lua_settop(lua, 0);
        let args = lua_tointeger(lua, lua_upvalueindex(1)) as c_int;
        luaL_checkstack(lua, args + 1, c"too many arguments".as_ptr());
        for n in 2..args + 3 {
            lua_pushvalue(lua, lua_upvalueindex(n));
        }
        lua_callk(lua, args, LUA_MULTRET, 0, Some(end));
        lua_gettop(lua)
    }
);

#[cfg(feature = "lua52")]
entry!(
    /// Called when the function has yielded and then returned. Returns the function's results.
    fn end(lua: *mut lua_State) -> c_int {
        lua_gettop(lua)
    }
);

/// Called when the function has yielded and then returned. Returns the function's results.
#[cfg(not(feature = "lua52"))]
unsafe extern "C-unwind" fn end(lua: *mut lua_State, _: c_int, _: mlua::ffi::lua_KContext) -> c_int {
    // SAFETY: Lua calls it with the stack of `begin`.
    unsafe { lua_gettop(lua) }
}
