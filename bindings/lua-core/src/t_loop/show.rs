//! `show` and `tostring`: a loop as text.
//!
//! ```text
//! T.Loop[1000]: 0x55fc3e7615f8 TIMER LIST:
//!   1  { 1000ms}  function 1000
//!   2  { 3500ms}  function 3500 `foo` `bar`
//! T.Loop{2} 0x55fc3e7615f8 HANDLE LIST:
//!   4  [R]  function `a string` `a` `b` `c`
//!   5  [W]  function T.Net.Socket `Message to be sent`
//! ```

use super::task::CALLBACK;
use crate::host::entries::slot;
use crate::host::memory::{DIRECTIONS, NodeBlock, State, TaskBlock, direction_value, value};
use crate::host::observed::sweep;
use crate::host::state::{check_loop, state_at, with_or_raise};
use crate::host::upvalue;
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::stack::stack;
use crate::lua::version::push_user_value;
use cogloop_io::Interest;
use mlua::ffi::{
    LUA_TBOOLEAN, LUA_TFUNCTION, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, lua_State, lua_call, lua_concat, lua_getglobal,
    lua_gettop, lua_insert, lua_pop, lua_pushfstring, lua_pushstring, lua_pushvalue, lua_rawgeti, lua_settop,
    lua_toboolean, lua_topointer, lua_tostring, lua_touserdata, lua_type, luaL_Buffer, luaL_addvalue, luaL_buffinit,
    luaL_checkany, luaL_checkstack, luaL_getmetafield, luaL_pushresult, luaL_typename,
};
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

entry!(
    /// `tostring( loop )`: a text with the number of observed descriptors in braces.
    pub(super) fn to_string(lua: *mut lua_State) -> c_int {
        // `state_at` works on a closed loop, too.
        if crate::lua::args::test_userdata(lua, 1, upvalue::LOOP).is_null() {
            check_loop(lua, 1);
        }
        match state_at(lua, 1).as_ref() {
            None => lua_pushfstring(lua, c"t.Loop{closed}: %p".as_ptr(), lua_topointer(lua, 1)),
            Some(state) => {
                let count = state.events.descriptors() as c_int;
                lua_pushfstring(lua, c"t.Loop{%d}: %p".as_ptr(), count, lua_topointer(lua, 1))
            }
        };
        1
    }
);

entry!(
    /// `tostring( task )` and `tostring( node )`: `T.Loop.Task: 0x…`. Lua before 5.3 does not use `__name` for that.
    pub(super) fn object_to_string(lua: *mut lua_State) -> c_int {
        // The name is on the stack, or lives for ever.
        luaL_checkany(lua, 1);
        let has_name = luaL_getmetafield(lua, 1, c"__name".as_ptr()) == LUA_TSTRING;
        let name = if has_name { lua_tostring(lua, -1) } else { luaL_typename(lua, 1) };
        lua_pushfstring(lua, c"%s: %p".as_ptr(), name, lua_topointer(lua, 1));
        1
    }
);

entry!(
    /// `loop:show( )`: prints the tasks, in the order of expiry, and the handles. Returns the same text.
    pub(super) fn show(lua: *mut lua_State) -> c_int {
        // The buffer has no destructor and does not move. Each line is pushed and then added, so the stack stays
        // balanced.
        let state = check_loop(lua, 1);
        lua_settop(lua, 1);
        sweep(lua);
        push_user_value(lua, 1, value::TASKS);
        push_user_value(lua, 1, value::NODES);
        stack!(lua: loop tasks nodes);
        with_or_raise(lua, state, State::sort);
        let now_ns = (*state).events.now_ns();
        let next_ms = (*state).sorted_at(0).map_or(0, |(deadline_ns, _)| left_ms(deadline_ns, now_ns));
        let mut memory = MaybeUninit::<luaL_Buffer>::uninit();
        let buffer = memory.as_mut_ptr();
        luaL_buffinit(lua, buffer);
        // From here on a finalizer may run at any step, and may close the loop.
        Text::<40>::new(format_args!("T.Loop[{next_ms}]")).push(lua);
        lua_pushfstring(lua, c": %p TIMER LIST:".as_ptr(), lua_topointer(lua, 1));
        lua_concat(lua, 2);
        luaL_addvalue(buffer);
        add_tasks(lua, buffer, now_ns);
        Text::<24>::new("\n").push(lua);
        lua_pushfstring(lua, c"T.Loop{%d} %p HANDLE LIST:".as_ptr(), descriptors(lua), lua_topointer(lua, 1));
        lua_concat(lua, 2);
        luaL_addvalue(buffer);
        add_handles(lua, buffer);
        luaL_pushresult(buffer);
        stack!(lua: loop tasks nodes text);
        if lua_getglobal(lua, c"print".as_ptr()) == LUA_TFUNCTION {
            lua_pushvalue(lua, -2);
            lua_call(lua, 1, 0);
        } else {
            lua_pop(lua, 1);
        }
        1
    }
);

/// Adds a line for each task.
unsafe fn add_tasks(lua: *mut lua_State, buffer: *mut luaL_Buffer, now_ns: u64) {
    // SAFETY: only called by `show`, with the loop at 1, its tasks at 2, and the buffer on top.
    unsafe {
        let mut position = 0;
        // The list is copied entry by entry, and each Task is looked up, because a finalizer may change the list or the
        // Task meanwhile.
        while let Some((deadline_ns, index)) = nth(lua, position) {
            position += 1;
            lua_rawgeti(lua, 2, slot(index));
            let task = lua_touserdata(lua, -1).cast::<TaskBlock>();
            if task.is_null() {
                lua_pop(lua, 1);
                continue;
            }
            let left_ms = left_ms(deadline_ns, now_ns);
            Text::<48>::new(format_args!("\n{position:>3}  {{{left_ms:>5}ms}} ")).push(lua); // stack: … task line
            let args = (*task).args;
            push_user_value(lua, lua_gettop(lua) - 1, CALLBACK);
            add_callback(lua, buffer, args);
        }
    }
}

/// Adds a line for each direction of each handle.
unsafe fn add_handles(lua: *mut lua_State, buffer: *mut luaL_Buffer) {
    // SAFETY: only called by `show`, with the loop at 1, its nodes at 3, and the buffer on top.
    unsafe {
        sort_nodes(lua);
        let mut position = 0;
        while let Some((number, _)) = nth(lua, position) {
            position += 1;
            for (i, direction) in DIRECTIONS.into_iter().enumerate() {
                lua_rawgeti(lua, 3, number as i64);
                let node = lua_touserdata(lua, -1).cast::<NodeBlock>();
                if node.is_null() || !(*node).interest.contains(direction) {
                    lua_pop(lua, 1);
                    continue;
                }
                let letter = if direction == Interest::READ { 'R' } else { 'W' };
                Text::<24>::new(format_args!("\n{number:>3}  [{letter}] ")).push(lua); // stack: … node line
                let args = (*node).args[i];
                push_user_value(lua, lua_gettop(lua) - 1, direction_value(direction));
                add_callback(lua, buffer, args);
            }
        }
    }
}

/// The milliseconds until a deadline, rounded up.
fn left_ms(deadline_ns: u64, now_ns: u64) -> u64 {
    deadline_ns.saturating_sub(now_ns).div_ceil(1_000_000)
}

/// An entry of the sorted list: the deadline and the index of the key, or the descriptor's number and 0. The loop is at
/// 1.
unsafe fn nth(lua: *mut lua_State, position: usize) -> Option<(u64, u32)> {
    // SAFETY: only called by `show`, with the loop at 1.
    unsafe { state_at(lua, 1).as_ref()?.sorted_at(position) }
}

unsafe fn descriptors(lua: *mut lua_State) -> c_int {
    // SAFETY: only called by `show`, with the loop at 1.
    unsafe { state_at(lua, 1).as_ref() }.map_or(0, |state| state.events.descriptors() as c_int)
}

/// Puts the numbers of the observed descriptors into the sorted list. The nodes are at 3.
unsafe fn sort_nodes(lua: *mut lua_State) {
    // SAFETY: only called by `show`. Iterating over the table neither allocates nor runs Lua code.
    unsafe {
        let state = state_at(lua, 1);
        if state.is_null() {
            return;
        }
        with_or_raise(lua, state, State::expect_nodes);
        mlua::ffi::lua_pushnil(lua);
        while mlua::ffi::lua_next(lua, 3) != 0 {
            let node = lua_touserdata(lua, -1).cast::<NodeBlock>();
            (*state).order.push(((*node).number as u64, 0, 0));
            lua_pop(lua, 1);
        }
        (*state).order.sort_unstable();
    }
}

/// Adds a line to the buffer. Stack: … object line table → …
unsafe fn add_callback(lua: *mut lua_State, buffer: *mut luaL_Buffer, args: c_int) {
    // SAFETY: only called by `show`.
    unsafe {
        luaL_checkstack(lua, 8, null_mut());
        lua_insert(lua, -2); // stack: … object table line
        // The table is nil if a finalizer has ended the task meanwhile.
        let count = if lua_type(lua, -2) == LUA_TNIL { 0 } else { args + 1 };
        for i in 1..=count {
            lua_pushstring(lua, c" ".as_ptr());
            lua_rawgeti(lua, -3, i.into());
            describe(lua); // stack: … object table line " " value
            lua_concat(lua, 3);
        }
        mlua::ffi::lua_replace(lua, -3);
        lua_pop(lua, 1); // stack: … line
        luaL_addvalue(buffer);
    }
}

/// Replaces the value on top by a short text. No metamethod runs, so the result is always a string.
unsafe fn describe(lua: *mut lua_State) {
    // SAFETY: only called by `add_callback`, with room for two values.
    unsafe {
        let top = lua_gettop(lua);
        match lua_type(lua, -1) {
            LUA_TSTRING => {
                lua_pushstring(lua, c"`".as_ptr());
                lua_insert(lua, -2);
                lua_pushstring(lua, c"`".as_ptr());
                lua_concat(lua, 3);
                return;
            }
            LUA_TNIL => drop(lua_pushstring(lua, c"nil".as_ptr())),
            LUA_TBOOLEAN => {
                lua_pushstring(lua, if lua_toboolean(lua, -1) != 0 { c"true" } else { c"false" }.as_ptr());
            }
            LUA_TNUMBER => {
                lua_pushvalue(lua, -1);
                lua_tostring(lua, -1);
            }
            _ => match luaL_getmetafield(lua, -1, c"__name".as_ptr()) {
                LUA_TSTRING => {}
                LUA_TNIL => drop(lua_pushstring(lua, luaL_typename(lua, -1))),
                _ => {
                    lua_pop(lua, 1);
                    lua_pushstring(lua, luaL_typename(lua, -1));
                }
            },
        }
        stack!(lua, top: text);
        mlua::ffi::lua_remove(lua, -2);
    }
}
