//! Questions about a task (`name`, `status`, `thread`), and the loop's list of tasks.

use super::finish::is_over;
use super::loops::{push_owner, receiver};
use super::task::{THREAD, Task, check_task, push_name, status_of};
use crate::host::memory::{State, value};
use crate::host::state::state_at;
use crate::lua::entry::entry;
use crate::lua::version::push_user_value;
use mlua::ffi::{
    LUA_TSTRING, lua_State, lua_concat, lua_createtable, lua_insert, lua_pushfstring, lua_pushnil, lua_pushstring,
    lua_rawgeti, lua_rawseti, lua_settop, lua_topointer, lua_tostring, lua_type,
};
use std::ffi::c_int;

/// Inserts the loop of the task at 1 below the task. Returns the task and the loop's state, which is null if the loop
/// is gone or closed.
/// stack: task … → loop task …
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's, called with a task.
pub(super) unsafe fn receive(lua: *mut lua_State) -> (*mut Task, *mut State) {
    // SAFETY: the caller's promise.
    unsafe {
        let task = check_task(lua, 1);
        let state = push_owner(lua, (*task).owner);
        lua_insert(lua, 1);
        (task, state)
    }
}

entry!(
    /// `task:thread( )` → the task's coroutine, for `debug` and `coroutine`; nil once the task has ended
    pub(super) fn thread(lua: *mut lua_State) -> c_int {
        let task = check_task(lua, 1);
        lua_settop(lua, 1);
        match (*task).is_over() {
            true => lua_pushnil(lua),
            false => push_user_value(lua, 1, THREAD),
        }
        1
    }
);

entry!(
    /// `task:name( )` → the name that `spawn` got, or nil
    pub(super) fn name(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 1);
        push_name(lua, 1);
        1
    }
);

entry!(
    /// `task:status( )` → `'ready'`, `'running'`, `'waiting'`; `'done'`, `'failed'`, `'cancelled'`
    pub(super) fn status(lua: *mut lua_State) -> c_int {
        let (_, mut state) = receive(lua);
        lua_settop(lua, 2);
        // If the loop is gone, nil is in its place.
        if !state.is_null() {
            is_over(lua, 2, state);
            state = state_at(lua, 1);
        }
        let text = status_of(lua, 2, state);
        lua_pushstring(lua, text.as_ptr());
        1
    }
);

entry!(
    pub(super) fn to_string(lua: *mut lua_State) -> c_int {
        let (_, state) = receive(lua);
        lua_settop(lua, 2);
        let text = status_of(lua, 2, state);
        push_name(lua, 2); // stack: loop task name
        lua_pushstring(lua, c"cogloop.task: ".as_ptr());
        match lua_type(lua, 3) == LUA_TSTRING {
            true => lua_pushfstring(lua, c"'%s', ".as_ptr(), lua_tostring(lua, 3)),
            false => lua_pushstring(lua, c"".as_ptr()),
        };
        lua_pushfstring(lua, c"%s, %p".as_ptr(), text.as_ptr(), lua_topointer(lua, 2));
        lua_concat(lua, 3);
        1
    }
);

entry!(
    /// `loop:tasks( )` → the tasks that have not ended, in no order
    pub(super) fn tasks(lua: *mut lua_State) -> c_int {
        // The list is copied by index, up to its present length, because making the table may run a finalizer that
        // changes the list.
        receiver(lua);
        lua_settop(lua, 1);
        lua_createtable(lua, 0, 0);
        push_user_value(lua, 1, value::ALIVE); // stack: loop list alive
        let mut count = 0;
        loop {
            let state = state_at(lua, 1);
            if state.is_null() || count >= (*state).cogloop.alive {
                break;
            }
            count += 1;
            lua_rawgeti(lua, 3, count.into());
            lua_rawseti(lua, 2, count.into());
        }
        lua_settop(lua, 2);
        1
    }
);
