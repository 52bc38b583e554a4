//! Builds the classes of `t.Net`.

use super::names;
use crate::lua::class::{Functions, set_functions};
use mlua::ffi::{
    lua_CFunction, lua_State, lua_createtable, lua_gettop, lua_pushinteger, lua_pushlstring, lua_rawset, lua_rawseti,
    lua_setmetatable, lua_settop,
};
use std::ffi::c_int;

/// A class: the functions that the class and its objects share, the objects' metamethods, and the function for `Class(
/// … )`.
pub(super) struct Class {
    pub(super) methods: &'static Functions,
    /// Functions of the objects only. They replace shared functions with the same names.
    pub(super) own: &'static Functions,
    pub(super) meta: &'static Functions,
    pub(super) construct: lua_CFunction,
}

/// Pushes a class, and fills the metatable of its objects, which is number `number` of `metas`.
pub(super) unsafe fn push_class(lua: *mut lua_State, class: &Class, metas: [c_int; 3], number: usize) {
    // SAFETY: only called by `install`, with absolute indices. Comments beside the lines show the stack.
    unsafe {
        lua_createtable(lua, 0, 32);
        let table = lua_gettop(lua);
        lua_createtable(lua, 0, 32); // stack: … class methods
        let methods = table + 1;
        lua_createtable(lua, 0, 1); // stack: … class methods meta
        for (functions, target, looked_up) in [
            (class.methods, table, table),
            (class.methods, methods, table),
            (class.own, methods, table),
            (class.meta, metas[number], methods),
            (&[(c"__call", class.construct)], table + 2, table),
        ] {
            set_functions(lua, target, &[metas[0], metas[1], looked_up, metas[2]], functions);
        }
        if number == 0 {
            [table, methods].into_iter().for_each(|target| set_ways(lua, target));
        }
        #[cfg(feature = "luajit")]
        if number == 0 {
            super::compiled::install(lua, table, methods, metas[0]);
        }
        lua_setmetatable(lua, table);
        lua_settop(lua, table);
    }
}

/// Sets the names of the ways to shut a socket down.
unsafe fn set_ways(lua: *mut lua_State, table: c_int) {
    // SAFETY: only called by `push_class`, with an absolute index.
    unsafe {
        for way in names::SHUTDOWNS {
            for name in way.names {
                lua_pushlstring(lua, name.as_ptr().cast(), name.len());
                lua_pushinteger(lua, way.value.into());
                lua_rawset(lua, table);
            }
            lua_pushlstring(lua, way.names[0].as_ptr().cast(), way.names[0].len());
            lua_rawseti(lua, table, way.value.into());
        }
    }
}
