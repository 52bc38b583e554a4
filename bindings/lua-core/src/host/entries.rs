//! The table TASKS of a loop. It holds an entry for each timer, at a place that depends on the index of the timer's
//! key.

use super::memory::value;
use crate::lua::version::push_user_value;
use cogloop_io::Key;
use mlua::ffi::{lua_State, lua_pop, lua_pushnil, lua_rawseti};

/// The place of a key's entry in the table. No key has the last `u32` as its index.
pub(crate) fn slot(index: u32) -> i64 {
    i64::from(index) + 1
}

/// Removes the entry of a timer that left the wheel. The loop is at 1. Neither raises nor allocates.
///
/// # Safety
///
/// Room for two values.
pub(crate) unsafe fn unlink(lua: *mut lua_State, key: Key) {
    // SAFETY: the caller's promise; the entry exists, so setting it takes no memory.
    unsafe {
        push_user_value(lua, 1, value::TASKS);
        lua_pushnil(lua);
        lua_rawseti(lua, -2, slot(key.index()));
        lua_pop(lua, 1);
    }
}
