//! All of Cogloop's Lua modules in one library. Each version of Lua has its own build of it, such as
//! `cogloop/lua54.so`, or `cogloop\cogloop54.dll`: on Windows `lua54.dll` is the name of Lua's own DLL. `require` loads
//! a Lua file in `lua/`, and the file opens its module in the library.

use mlua::ffi::{lua_State, lua_createtable};
use std::ffi::c_int;

/// Returns a table with the function that opens each module.
///
/// # Safety
///
/// Only Lua may call this function.
#[cfg_attr(all(feature = "lua51", unix), unsafe(export_name = "luaopen_cogloop_lua51"))]
#[cfg_attr(all(feature = "lua52", unix), unsafe(export_name = "luaopen_cogloop_lua52"))]
#[cfg_attr(all(feature = "lua53", unix), unsafe(export_name = "luaopen_cogloop_lua53"))]
#[cfg_attr(all(feature = "lua54", unix), unsafe(export_name = "luaopen_cogloop_lua54"))]
#[cfg_attr(all(feature = "luajit", unix), unsafe(export_name = "luaopen_cogloop_luajit"))]
#[cfg_attr(all(feature = "lua51", windows), unsafe(export_name = "luaopen_cogloop_cogloop51"))]
#[cfg_attr(all(feature = "lua52", windows), unsafe(export_name = "luaopen_cogloop_cogloop52"))]
#[cfg_attr(all(feature = "lua53", windows), unsafe(export_name = "luaopen_cogloop_cogloop53"))]
#[cfg_attr(all(feature = "lua54", windows), unsafe(export_name = "luaopen_cogloop_cogloop54"))]
#[cfg_attr(all(feature = "luajit", windows), unsafe(export_name = "luaopen_cogloop_cogloopjit"))]
pub unsafe extern "C-unwind" fn open(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        lua_createtable(lua, 0, 0);
        cogloop_lua_core::set_openers(lua);
    }
    1
}
