//! Classes: tables of functions, metatables, and where the registry keeps them.

use mlua::ffi::{lua_State, lua_createtable, lua_pushstring, lua_setfield, lua_setmetatable};

/// Pushes a table that keeps its values not alive.
///
/// # Safety
///
/// Room for three values. May raise.
pub(crate) unsafe fn push_weak_table(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe {
        lua_createtable(lua, 1, 0);
        lua_createtable(lua, 0, 1);
        lua_pushstring(lua, c"v".as_ptr());
        lua_setfield(lua, -2, c"__mode".as_ptr());
        lua_setmetatable(lua, -2);
    }
}
