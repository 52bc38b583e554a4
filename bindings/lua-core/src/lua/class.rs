//! Builds the parts of a module: metatables, and tables of functions that share their upvalues. Also keeps modules in
//! Lua's registry.
//!
//! The metatables of a module are upvalues of its functions. A function recognises an object of the module by its
//! metatable. This check is faster than a lookup by name, and accepts no object of another library.

use mlua::ffi::{
    LUA_REGISTRYINDEX, LUA_TTABLE, lua_CFunction, lua_State, lua_createtable, lua_gettop, lua_pop, lua_pushcclosure,
    lua_pushstring, lua_pushvalue, lua_rawgetp, lua_rawsetp, lua_setfield, lua_setmetatable,
};
use std::ffi::{CStr, c_int};
use std::ptr::from_ref;

/// The functions of a table, each with its name.
pub(crate) type Functions = [(&'static CStr, lua_CFunction)];

/// Pushes a metatable with this `__name`.
///
/// # Safety
///
/// Room for two values. May raise.
pub(crate) unsafe fn push_metatable(lua: *mut lua_State, name: &CStr) {
    // SAFETY: the caller's promise.
    unsafe {
        lua_createtable(lua, 0, 16);
        lua_pushstring(lua, name.as_ptr());
        lua_setfield(lua, -2, c"__name".as_ptr());
    }
}

/// Pushes a table with weak values.
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

/// Sets functions as fields of the table at `table`. Their upvalues are the values at `upvalues`, in this order.
///
/// # Safety
///
/// `table` is the absolute index of a table, and `upvalues` are absolute indices of values. Room for the upvalues and
/// one value more. May raise.
pub(crate) unsafe fn set_functions(lua: *mut lua_State, table: c_int, upvalues: &[c_int], functions: &Functions) {
    // SAFETY: the caller's promise.
    unsafe {
        for &(name, function) in functions {
            for &upvalue in upvalues {
                lua_pushvalue(lua, upvalue);
            }
            lua_pushcclosure(lua, function, upvalues.len() as c_int);
            lua_setfield(lua, table, name.as_ptr());
        }
    }
}

/// Gives the metatable at `meta` a new table of methods as its `__index`.
///
/// # Safety
///
/// As for [`set_functions`], with room for one value more.
pub(crate) unsafe fn set_methods(lua: *mut lua_State, meta: c_int, upvalues: &[c_int], methods: &Functions) {
    // SAFETY: the caller's promise.
    unsafe {
        lua_createtable(lua, 0, methods.len() as c_int);
        set_functions(lua, lua_gettop(lua), upvalues, methods);
        lua_setfield(lua, meta, c"__index".as_ptr());
    }
}

/// Keeps the value at `index` in the registry, under the address of `key`. So a module exists only once in a Lua state,
/// even if scripts require it several times.
///
/// # Safety
///
/// There is a value at `index`. Room for one value. May raise.
pub(crate) unsafe fn keep(lua: *mut lua_State, index: c_int, key: &'static u8) {
    // SAFETY: the caller's promise.
    unsafe {
        lua_pushvalue(lua, index);
        lua_rawsetp(lua, LUA_REGISTRYINDEX, from_ref(key).cast());
    }
}

/// Pushes the table that [`keep`] has kept, and returns true. If there is no such table, it pushes nothing and returns
/// false.
///
/// # Safety
///
/// Room for one value.
pub(crate) unsafe fn push_kept(lua: *mut lua_State, key: &'static u8) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let is_kept = lua_rawgetp(lua, LUA_REGISTRYINDEX, from_ref(key).cast()) == LUA_TTABLE;
        if !is_kept {
            lua_pop(lua, 1);
        }
        is_kept
    }
}

/// Pushes the function that [`keep`] has kept, and returns true. If there is no such function, it pushes the value that
/// is there instead, or nil, and returns false.
///
/// # Safety
///
/// Room for one value.
#[cfg(feature = "luajit")]
pub(crate) unsafe fn push_kept_function(lua: *mut lua_State, key: &'static u8) -> bool {
    // SAFETY: the caller's promise.
    unsafe { lua_rawgetp(lua, LUA_REGISTRYINDEX, from_ref(key).cast()) == mlua::ffi::LUA_TFUNCTION }
}
