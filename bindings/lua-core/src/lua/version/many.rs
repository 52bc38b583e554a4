//! User values since Lua 5.4, where a userdata has several. `one` is for earlier versions.

use mlua::ffi::{lua_State, lua_getiuservalue, lua_newuserdatauv, lua_pushnil, lua_pushvalue, lua_setiuservalue};
use std::ffi::{c_int, c_void};

/// Pushes a new userdata of `size` bytes with `user_values` user values, all nil.
///
/// # Safety
///
/// Lua's stack has room for two values. May raise.
pub(crate) unsafe fn new_userdata(lua: *mut lua_State, size: usize, user_values: c_int) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { lua_newuserdatauv(lua, size, user_values) }
}

/// Pushes user value `n` of the userdata at `index`. Neither raises nor allocates.
///
/// # Safety
///
/// At `index` there is a userdata that [`new_userdata`] made with `n` user values or more. The stack has room for two
/// values.
#[inline]
pub(crate) unsafe fn push_user_value(lua: *mut lua_State, index: c_int, n: c_int) {
    // SAFETY: the caller's promise.
    unsafe { lua_getiuservalue(lua, index, n) };
}

/// Pops a value and makes it user value `n` of the userdata at `index`. Neither raises nor allocates.
///
/// # Safety
///
/// At `index` there is a userdata that [`new_userdata`] made with `n` user values or more. A value is on top of the
/// stack, and the stack has room for one more value.
#[inline]
pub(crate) unsafe fn set_user_value(lua: *mut lua_State, index: c_int, n: c_int) {
    // SAFETY: the caller's promise.
    unsafe { lua_setiuservalue(lua, index, n) };
}

/// Makes the value at `from`, an absolute index, user value `n` of the userdata at `index`. Neither raises nor
/// allocates.
///
/// # Safety
///
/// At `index`, also an absolute index, there is a userdata that [`new_userdata`] made with `n` user values or more. The
/// stack has room for two values.
#[inline]
pub(crate) unsafe fn set_user_value_to(lua: *mut lua_State, index: c_int, n: c_int, from: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        lua_pushvalue(lua, from);
        lua_setiuservalue(lua, index, n);
    }
}

/// Sets user values 1 to `count` of the userdata at `index` to nil. Neither raises nor allocates.
///
/// # Safety
///
/// At `index` there is a userdata that [`new_userdata`] made with `count` user values or more. The stack has room for
/// two values.
#[inline]
pub(crate) unsafe fn clear_user_values(lua: *mut lua_State, index: c_int, count: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        for n in 1..=count {
            lua_pushnil(lua);
            lua_setiuservalue(lua, index, n);
        }
    }
}
