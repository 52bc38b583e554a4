//! `addHandle`, `removeHandle` and `loop[ h ]`.

use crate::host::handle::{check_handle, look, refuse};
use crate::host::node::{attach, drop_directions, push_node, set_callback};
use crate::host::state::check_loop;
use crate::lua::args::{check_callable, check_direction};
use crate::lua::callback::pack;
use crate::lua::entry::entry;
use crate::lua::stack::stack;
use mlua::ffi::{lua_State, lua_pushboolean, lua_pushnil, lua_pushstring, lua_settop};
use std::ffi::c_int;

entry!(
    /// `loop:addHandle( h, dir, f, ... )` → Node
    pub(super) fn add_handle(lua: *mut lua_State) -> c_int {
        check_loop(lua, 1);
        let handle = check_handle(lua, 2);
        let direction = check_direction(lua, 3);
        check_callable(lua, 4);
        let args = pack(lua, 4);
        stack!(lua: loop h dir tbl);
        (*check_loop(lua, 1)).note_place(lua);
        match attach(lua, 2, handle, direction) {
            Ok(_) => set_callback(lua, 2, direction, 4, args),
            Err(failure) => refuse(lua, 2, failure.text),
        }
        1
    }
);

entry!(
    /// `loop:removeHandle( h, dir )` → Node, or `false, message`
    pub(super) fn remove_handle(lua: *mut lua_State) -> c_int {
        check_loop(lua, 1);
        let handle = check_handle(lua, 2);
        let direction = check_direction(lua, 3);
        lua_settop(lua, 3);
        let node = push_node(lua, 2, handle);
        stack!(lua: loop h dir node);
        if node.is_null() || ((*node).interest & direction).is_empty() {
            lua_pushboolean(lua, 0);
            lua_pushstring(lua, c"Descriptor not observed in Loop -> ignoring".as_ptr());
            return 2;
        }
        let state = check_loop(lua, 1);
        (*state).note_place(lua);
        drop_directions(lua, state, 4, direction);
        1
    }
);

/// `loop[ h ]`: the Node of a handle, or nil. The key is at 2.
///
/// # Safety
///
/// As for a C function that Lua calls: the loop is at 1, a key at 2, and the function has the module's upvalues.
pub(super) unsafe fn index_handle(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        check_loop(lua, 1);
        // A script may call `__index` itself, with any number of arguments.
        lua_settop(lua, 2);
        match look(lua, 2) {
            Ok(handle) => {
                check_loop(lua, 1);
                push_node(lua, 2, handle);
            }
            Err(_) => lua_pushnil(lua),
        }
    }
    1
}
