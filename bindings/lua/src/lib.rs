//! All of Cogloop's Lua modules in one library. Each version of Lua has its own build of it, such as
//! `cogloop/lua54.so`. `require` loads a Lua file in `lua/`, and the file opens its module in the library.

use mlua::ffi::{lua_State, lua_createtable};
use std::ffi::c_int;

/// Returns a table with the function that opens each module.
///
/// # Safety
///
/// Only Lua calls it.
#[cfg_attr(feature = "lua51", unsafe(export_name = "luaopen_cogloop_lua51"))]
#[cfg_attr(feature = "lua52", unsafe(export_name = "luaopen_cogloop_lua52"))]
#[cfg_attr(feature = "lua53", unsafe(export_name = "luaopen_cogloop_lua53"))]
#[cfg_attr(feature = "lua54", unsafe(export_name = "luaopen_cogloop_lua54"))]
#[cfg_attr(feature = "luajit", unsafe(export_name = "luaopen_cogloop_luajit"))]
pub unsafe extern "C-unwind" fn open(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        lua_createtable(lua, 0, 0);
        cogloop_lua_core::set_openers(lua);
    }
    1
}
