//! Rust functions without a `lua_State`, which LuaJIT calls through its FFI. LuaJIT compiles such calls with the
//! script. A part of the module that is written in Lua gets the functions' addresses, and gives them their types.

use super::class::keep;
use super::guard::CHUNK;
use mlua::ffi::{
    LUA_OK, LUA_REGISTRYINDEX, LUA_TNIL, LUA_TTHREAD, lua_State, lua_call, lua_error, lua_gettop, lua_insert,
    lua_newthread, lua_pop, lua_pushlightuserdata, lua_pushnil, lua_pushvalue, lua_rawgetp, lua_setfield, lua_settop,
    lua_tothread, lua_type, luaL_loadbufferx,
};
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{NonNull, from_ref, null};

/// Whether the module may use the FFI: `COGLOOP_FFI=0` in the environment forbids it.
pub(crate) fn is_allowed() -> bool {
    std::env::var_os("COGLOOP_FFI").is_none_or(|set| set != "0")
}

/// Sets the addresses of functions as fields of the table at `table`.
///
/// # Safety
///
/// `table` is the absolute index of a table. Room for a value. May raise.
pub(crate) unsafe fn set_pointers(lua: *mut lua_State, table: c_int, functions: &[(&CStr, *const c_void)]) {
    // SAFETY: the caller's promise.
    unsafe {
        for &(name, function) in functions {
            lua_pushlightuserdata(lua, function.cast_mut());
            lua_setfield(lua, table, name.as_ptr());
        }
    }
}

/// The registry key of the coroutine that [`resting_thread`] returns.
static THREAD_KEY: u8 = 0;

/// Returns a coroutine that never runs, and lives as long as the Lua state. A function that must not touch Lua may ask
/// the coroutine whether a debug hook is set.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for two values. May raise.
pub(crate) unsafe fn resting_thread(lua: *mut lua_State) -> Option<NonNull<lua_State>> {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_rawgetp(lua, LUA_REGISTRYINDEX, from_ref(&THREAD_KEY).cast()) != LUA_TTHREAD {
            lua_pop(lua, 1);
            lua_newthread(lua);
            keep(lua, lua_gettop(lua), &THREAD_KEY);
        }
        let thread = lua_tothread(lua, -1);
        lua_pop(lua, 1);
        NonNull::new(thread)
    }
}

/// The common functions of the parts that [`run`] runs.
const TOOLS: &str = include_str!("compiled.lua");

/// Runs a part that is written in Lua. Its arguments are the `args` values on top, followed by the results of
/// `compiled.lua`. The topmost of the `args` values is the table of the functions' addresses. Pops the `args` values
/// and pushes the part's result, or nil if `compiled.lua` returns nothing.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for six values.
pub(crate) unsafe fn run(lua: *mut lua_State, code: &str, args: c_int) {
    // SAFETY: the caller's promise; the stack is written beside the lines.
    unsafe {
        let base = lua_gettop(lua) - args;
        load(lua, TOOLS);
        lua_pushvalue(lua, -2);
        lua_call(lua, 1, 4); // stack: … args typed while_compiled block_of ffi
        if lua_type(lua, -1) == LUA_TNIL {
            lua_settop(lua, base);
            return lua_pushnil(lua);
        }
        load(lua, code);
        lua_insert(lua, base + 1);
        lua_call(lua, args + 4, 1);
    }
}

unsafe fn load(lua: *mut lua_State, code: &str) {
    // SAFETY: only called by `run`.
    unsafe {
        if luaL_loadbufferx(lua, code.as_ptr().cast(), code.len(), CHUNK.as_ptr(), null()) != LUA_OK {
            lua_error(lua);
        }
    }
}
