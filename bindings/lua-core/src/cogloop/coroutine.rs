//! The functions that a task's coroutine calls: `sleep`, `wait`, `park`. Also `spawn`, which makes a task.
//!
//! ```text
//!   go ── lua_resume ──► coroutine ── sleep: note the request, yield MARK ──► go: arm a timer for the task
//!    ▲                                                                             │
//!    └───────────────────────────── the timer is due, the handle is ready ◄────────┘
//! ```
//!
//! MARK is an address that only our waits yield; see `left.rs`. A coroutine is queued only after `lua_resume` has
//! reported its yield. A coroutine cannot yield in a callback of `table.sort`, and on 5.1 it cannot yield below a
//! `pcall`. In these places the wait, or Lua itself, raises an error in the coroutine, and no timer is armed.

use super::claim::check_free;
use super::left::{mark, raise_mark};
use super::loops::receiver;
use super::spawn::{read_options, set_up};
use super::ticket::{Payload, arm_entry};
use crate::host::arm::Due;
use crate::host::handle::check_handle;
use crate::host::memory::{Kind, Request, State, value};
use crate::host::state::check_loop;
use crate::lua::args::{check_direction, check_ms};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::stack::stack;
use crate::lua::version::{begin_with, can_yield, push_user_value, suspend};
use mlua::ffi::{
    LUA_TNIL, lua_State, lua_checkstack, lua_gettop, lua_newthread, lua_pushboolean, lua_pushlightuserdata,
    lua_pushnil, lua_pushvalue, lua_rawseti, lua_settop, lua_type, lua_yield,
};
use std::ffi::c_int;

entry!(
    /// `loop:spawn( f, ... )`, `loop:spawn( { f, name =, grace = }, ... )` → task: `f( ... )` begins in the next turn.
    pub(super) fn spawn(lua: *mut lua_State) -> c_int {
        receiver(lua);
        let grace_ms = read_options(lua); // stack: loop f args… name
        let top = lua_gettop(lua) - 1;
        let coroutine = lua_newthread(lua);
        if lua_checkstack(coroutine, top + 2) == 0 || lua_checkstack(lua, top + 10) == 0 {
            Text::<40>::new("too many arguments").raise(lua);
        }
        let args = begin_with(lua, coroutine, 2, top);
        // stack: loop f args… name co
        let task = set_up(lua, top + 1, grace_ms);
        stack!(lua, top: name co task);
        push_user_value(lua, 1, value::TASKS);
        push_user_value(lua, 1, value::ALIVE);
        let state = check_loop(lua, 1);
        // The task is stored before it is counted, because storing raises if memory runs out. The task is counted only
        // after its timer is armed.
        let place = (*state).cogloop.alive + 1;
        lua_pushvalue(lua, top + 3);
        lua_rawseti(lua, -2, place.into());
        lua_pushvalue(lua, top + 3);
        let key = arm_entry(lua, state, top + 4, Payload::fresh(args), Due::After(0));
        (*state).cogloop.alive = place;
        (*task).owner = (*state).id;
        (*task).key = key.to_bits();
        (*task).place = place;
        lua_settop(lua, top + 3);
        1
    }
);

entry!(
    /// `loop:sleep( ms )`, in a task
    pub(super) fn sleep(lua: *mut lua_State) -> c_int {
        // No value with a destructor is alive when it yields.
        let state = receiver(lua);
        let delay_ns = check_ms(lua, 2);
        check_inside(lua, state);
        (*state).cogloop.request = Some(Request::Sleep(delay_ns));
        lua_settop(lua, 0);
        suspend(lua, 0, mark(), raise_mark())
    }
);

entry!(
    /// `loop:wait( handle, dir [, ms] )`, in a task → `'r'`, `'w'` or `'rw'`; nil, message, errno
    pub(super) fn wait(lua: *mut lua_State) -> c_int {
        // No value with a destructor is alive when it yields.
        receiver(lua);
        let handle = check_handle(lua, 2);
        let direction = check_direction(lua, 3);
        let limit_ns = check_limit(lua, 4);
        lua_settop(lua, 2);
        check_free(lua, handle, direction, false);
        let state = check_loop(lua, 1);
        check_inside(lua, state);
        // When the coroutine reads, other code may have taken the input. The socket remembers the direction, so that
        // the read does not block then; see `net/patience.rs`.
        if let Kind::Socket(socket) = handle.kind {
            (*socket).waited.insert(direction);
        }
        (*state).cogloop.request = Some(Request::Wait { handle, direction, limit_ns });
        stack!(lua: loop handle);
        suspend(lua, 1, mark(), raise_mark())
    }
);

/// Reads the limit at `arg`, in milliseconds. Returns `None` if it is nil or missing.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(super) unsafe fn check_limit(lua: *mut lua_State, arg: c_int) -> Option<u64> {
    // SAFETY: the caller's promise.
    unsafe { if lua_type(lua, arg) > LUA_TNIL { Some(check_ms(lua, arg)) } else { None } }
}

entry!(
    /// `loop:park( [ms] )`, in a task → the values that `unpark` gets; nil, `'timed out'`, errno
    pub(super) fn park(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        let limit_ns = check_limit(lua, 2);
        check_inside(lua, state);
        (*state).cogloop.request = Some(Request::Park { limit_ns, is_public: true });
        lua_settop(lua, 0);
        suspend(lua, 0, mark(), raise_mark())
    }
);

entry!(
    /// `( loop [, ms] )`: like `park`, but a cancellation does not raise: `pause` returns RAISE (see `left.rs`) and the
    /// error. The parts that are written in Lua use `pause`, because they have to clean up before they raise.
    pub(super) fn pause(lua: *mut lua_State) -> c_int {
        let state = check_loop(lua, 1);
        let limit_ns = check_limit(lua, 2);
        check_inside(lua, state);
        (*state).cogloop.request = Some(Request::Park { limit_ns, is_public: false });
        lua_pushlightuserdata(lua, mark());
        lua_yield(lua, 1)
    }
);

/// Pushes the task that runs in the loop at 1.
///
/// # Safety
///
/// [The rule for Lua calls](crate); `check_inside` was called for this loop. Room for two values.
unsafe fn push_running(lua: *mut lua_State) {
    // SAFETY: the caller's promise. While a task's coroutine runs, CURRENT is that task.
    unsafe { push_user_value(lua, 1, value::CURRENT) };
}

/// Raises an error if `lua` is not the running coroutine of a task of this loop, or if it cannot yield.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the state of an open loop.
pub(super) unsafe fn check_inside(lua: *mut lua_State, state: *mut State) {
    // SAFETY: the caller's promise.
    unsafe {
        let resumed = (*state).cogloop.resumed;
        if resumed != lua {
            let advice = match resumed.is_null() {
                true => "call this in a function that was passed to the loop's spawn",
                false => "a coroutine that a task makes can wait only if the loop's wrap makes it",
            };
            Text::<120>::new(format_args!("only a task of this loop can wait: {advice}")).raise(lua);
        }
        if (*state).cogloop.is_cut_off || !can_yield(lua) {
            Text::<120>::new("no task can wait here: a C function such as table.sort, or a metamethod, is in between")
                .raise(lua);
        }
    }
}

entry!(
    /// `loop:running( )` → whether the caller is a task that may wait, and the task
    pub(super) fn running(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        let is_task = (*state).cogloop.resumed == lua && !(*state).cogloop.is_cut_off && can_yield(lua);
        lua_pushboolean(lua, c_int::from(is_task));
        match is_task {
            true => push_running(lua),
            false => lua_pushnil(lua),
        }
        2
    }
);
