//! The Lua modules `t` and `t.Loop` in one library, installed as `t.so`: Lua's all-in-one searcher looks for `t.Loop` in
//! it too. What they do is in `cogloop-lua-core`; here are the names that Lua looks for.

use mlua::ffi::lua_State;
use std::ffi::c_int;

/// `require 't'`
///
/// # Safety
///
/// For Lua to call.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn luaopen_t(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { cogloop_lua_core::open_t(lua) }
}

/// `require 't.Loop'`
///
/// # Safety
///
/// For Lua to call.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn luaopen_t_Loop(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { cogloop_lua_core::open_loop(lua) }
}
