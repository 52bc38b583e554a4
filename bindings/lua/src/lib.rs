//! All of Cogloop's Lua modules in one library, which is built for each version of Lua by itself: `cogloop/lua54.so` and
//! its like. What `require` asks for, `t.Loop` and the others, are Lua files in `lua/`; they open their part of it.

use mlua::ffi::{lua_State, lua_createtable};
use std::ffi::c_int;

/// A table with the opener of each module.
///
/// # Safety
///
/// For Lua to call.
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
