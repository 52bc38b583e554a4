//! User values before Lua 5.4. In these versions a userdata has only one user value, or an environment. `many` is for
//! later versions.
//!
//! The one user value is a table with a place for each user value of `new_userdata`. The places are allocated with the
//! table, so filling a place takes no memory.

use mlua::ffi::{
    lua_State, lua_createtable, lua_insert, lua_newuserdata, lua_pop, lua_pushnil, lua_pushvalue, lua_rawseti,
    lua_remove, lua_setuservalue,
};
use std::ffi::{c_int, c_void};

/// Pushes a new userdata of `size` bytes with `user_values` user values, all nil.
///
/// # Safety
///
/// Lua's stack has room for two values. May raise.
pub(crate) unsafe fn new_userdata(lua: *mut lua_State, size: usize, user_values: c_int) -> *mut c_void {
    // SAFETY: the caller's promise. On 5.1, mlua's lua_setuservalue sets the environment.
    unsafe {
        let block = lua_newuserdata(lua, size);
        if user_values > 0 {
            lua_createtable(lua, user_values, 0);
            lua_setuservalue(lua, -2);
        }
        block
    }
}

/// Pushes the table of the userdata at `index`, and then its value `n`.
///
/// Calls Lua's own functions: mlua's functions for older versions make one more call of Lua, for the type of the value.
#[inline]
unsafe fn push_value(lua: *mut lua_State, index: c_int, n: c_int) {
    // SAFETY: only called with a userdata at `index` that has this value, and with room for two values.
    unsafe {
        push_table(lua, index);
        #[cfg(not(feature = "lua53"))]
        mlua::ffi::lua_rawgeti_(lua, -1, n);
        #[cfg(feature = "lua53")]
        mlua::ffi::lua_rawgeti(lua, -1, n.into());
    }
}

#[inline]
unsafe fn push_table(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called with a userdata at `index`, and room for a value.
    unsafe {
        #[cfg(any(feature = "lua51", feature = "luajit"))]
        mlua::ffi::lua_getfenv(lua, index);
        #[cfg(not(any(feature = "lua51", feature = "luajit")))]
        mlua::ffi::lua_getuservalue(lua, index);
    }
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
    unsafe {
        push_value(lua, index, n);
        lua_remove(lua, -2);
    }
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
    unsafe {
        push_table(lua, index);
        lua_insert(lua, -2);
        lua_rawseti(lua, -2, n.into());
        lua_pop(lua, 1);
    }
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
        push_table(lua, index);
        lua_pushvalue(lua, from);
        lua_rawseti(lua, -2, n.into());
        lua_pop(lua, 1);
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
        push_table(lua, index);
        for n in 1..=count {
            lua_pushnil(lua);
            lua_rawseti(lua, -2, n.into());
        }
        lua_pop(lua, 1);
    }
}
