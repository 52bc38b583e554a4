//! The loop recognises the sockets of `t.Net` by their metatable.

use mlua::ffi::{LUA_REGISTRYINDEX, lua_State, lua_rawgetp};
use std::ptr::from_ref;

pub(crate) static SOCKET_META_KEY: u8 = 0;

/// Pushes the metatable of sockets; nil before `t.Net` is loaded.
///
/// # Safety
///
/// Room for one value. Does not raise.
pub(crate) unsafe fn push_socket_metatable(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe { lua_rawgetp(lua, LUA_REGISTRYINDEX, from_ref(&SOCKET_META_KEY).cast()) };
}
