//! Coroutines that wait: `spawn`, `sleep`, `wait`.
//!
//! ```text
//!   go ── lua_resume ──► coroutine ── sleep: note the request, yield MARK ──► go: arm a timer for the coroutine
//!    ▲                                                                             │
//!    └───────────────────────────── the timer is due, the handle is ready ◄────────┘
//! ```
//!
//! A coroutine is queued only after `lua_resume` has said that it has yielded. Where it cannot yield, in a callback of
//! `table.sort` or, on 5.1, below a `pcall`, Lua raises in the coroutine, and nothing stays armed.

use super::claim::check_free;
use super::left::mark;
use super::loops::receiver;
use super::ticket::{Payload, arm_entry};
use crate::host::arm::Due;
use crate::host::handle::check_handle;
use crate::host::memory::{Kind, Request, State, value};
use crate::host::state::check_loop;
use crate::lua::args::{check_callable, check_direction, check_ms};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::stack::stack;
use crate::lua::version::{begin_with, can_yield, push_user_value};
use mlua::ffi::{
    lua_State, lua_checkstack, lua_gettop, lua_newthread, lua_pushboolean, lua_pushlightuserdata, lua_pushvalue,
    lua_settop, lua_type, lua_yield,
};
use std::ffi::c_int;

entry!(
    /// `loop:spawn( f, ... )` → coroutine: `f( ... )` begins in the next turn.
    pub(super) fn spawn(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_callable(lua, 2);
        let top = lua_gettop(lua);
        let coroutine = lua_newthread(lua); // S: loop f args… co
        if lua_checkstack(coroutine, top) == 0 || lua_checkstack(lua, top + 6) == 0 {
            Text::<40>::new("too many arguments").raise(lua);
        }
        let args = begin_with(lua, coroutine, 2, top);
        push_user_value(lua, 1, value::TASKS);
        lua_pushvalue(lua, top + 1);
        let state = check_loop(lua, 1);
        let payload = Payload::fresh(args);
        arm_entry(lua, state, top + 2, payload, Due::After(0));
        lua_settop(lua, top + 1);
        1
    }
);

entry!(
    /// `loop:sleep( ms )`, in a coroutine of `spawn`
    pub(super) fn sleep(lua: *mut lua_State) -> c_int {
        // No value with a destructor is alive when it yields.
        let state = receiver(lua);
        let delay_ns = check_ms(lua, 2);
        check_inside(lua, state);
        (*state).cogloop.request = Some(Request::Sleep(delay_ns));
        lua_pushlightuserdata(lua, mark());
        lua_yield(lua, 1)
    }
);

entry!(
    /// `loop:wait( handle, dir [, ms] )`, in a coroutine of `spawn` → `'r'`, `'w'` or `'rw'`; nil, message, errno
    pub(super) fn wait(lua: *mut lua_State) -> c_int {
        // No value with a destructor is alive when it yields.
        receiver(lua);
        let handle = check_handle(lua, 2);
        let direction = check_direction(lua, 3);
        let limit_ns = if lua_type(lua, 4) > mlua::ffi::LUA_TNIL { Some(check_ms(lua, 4)) } else { None };
        lua_settop(lua, 2);
        check_free(lua, handle, direction, false);
        let state = check_loop(lua, 1);
        check_inside(lua, state);
        // What is ready when the coroutine goes on may be gone when it reads. Then the call must not wait, too.
        if let Kind::Socket(socket) = handle.kind {
            (*socket).waited.insert(direction);
        }
        (*state).cogloop.request = Some(Request::Wait { handle, direction, limit_ns });
        lua_pushlightuserdata(lua, mark());
        stack!(lua: loop handle mark);
        lua_yield(lua, 2)
    }
);

/// Raises unless `lua` is a coroutine of this loop that can yield.
unsafe fn check_inside(lua: *mut lua_State, state: *mut State) {
    // SAFETY: only called by functions of the module.
    unsafe {
        if (*state).cogloop.resumed != lua {
            Text::<120>::new("only in a coroutine of this loop's spawn, and not in one that it made itself").raise(lua);
        }
        if !can_yield(lua) {
            Text::<120>::new("no coroutine can wait here: a C function, as table.sort, or a metamethod is in between")
                .raise(lua);
        }
    }
}

entry!(
    /// `loop:running( )` → whether the caller is a coroutine that may sleep and wait
    pub(super) fn running(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        lua_pushboolean(lua, c_int::from((*state).cogloop.resumed == lua && can_yield(lua)));
        1
    }
);
