//! Waiting for the end of a task: the list of waiters, and the results that they get.

use super::coroutine::check_inside;
use super::finish::is_over;
use super::left::mark;
use super::task::{ABOUT, Phase, THREAD, WAITERS, check_task};
use super::tasks::receive;
use super::unpark::push_cancellation;
use crate::host::memory::{Request, value};
use crate::host::state::check_loop;
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::version::{push_user_value, set_user_value};
use mlua::ffi::{
    LUA_TNIL, LUA_TTABLE, lua_State, lua_createtable, lua_gettop, lua_pop, lua_pushboolean, lua_pushlightuserdata,
    lua_pushnil, lua_pushstring, lua_pushvalue, lua_rawequal, lua_rawgeti, lua_rawlen, lua_rawseti, lua_settop,
    lua_type, lua_yield, luaL_checkstack,
};
use std::ffi::c_int;

entry!(
    /// `( task [, ms] )` → true if `task` has ended, or if its loop is closed. Otherwise the running task waits for
    /// the end of `task`, and the results are those of `pause`.
    pub(super) fn await_end(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        let limit_ns = super::coroutine::check_limit(lua, 2);
        lua_settop(lua, 1);
        let (_, state) = receive(lua); // stack: loop task
        if is_over(lua, 2, state) || state.is_null() {
            lua_pushboolean(lua, 1);
            return 1;
        }
        check_inside(lua, state);
        push_user_value(lua, 1, value::CURRENT); // stack: loop task me
        if lua_rawequal(lua, 2, 3) != 0 {
            Text::<60>::new("a task cannot wait for its own end").raise(lua);
        }
        add_waiter(lua, 2);
        let state = check_loop(lua, 1);
        (*state).cogloop.request = Some(Request::Park { limit_ns, is_public: false });
        lua_pushlightuserdata(lua, mark());
        lua_yield(lua, 1)
    }
);

/// Adds the value on top, a task or a function, to the waiters of the task at `index`, and pops it.
unsafe fn add_waiter(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called by the entries here, with room for four values.
    unsafe {
        let new = lua_gettop(lua);
        push_user_value(lua, index, WAITERS);
        match lua_type(lua, -1) {
            LUA_TNIL => {
                lua_pushvalue(lua, new);
                set_user_value(lua, index, WAITERS);
            }
            LUA_TTABLE => {
                lua_pushvalue(lua, new);
                lua_rawseti(lua, -2, lua_rawlen(lua, -2) as i64 + 1);
            }
            _ => {
                lua_createtable(lua, 2, 0);
                lua_pushvalue(lua, new + 1);
                lua_rawseti(lua, -2, 1);
                lua_pushvalue(lua, new);
                lua_rawseti(lua, -2, 2);
                set_user_value(lua, index, WAITERS);
            }
        }
        lua_settop(lua, new - 1);
    }
}

entry!(
    /// `( task, waiter )`: when `task` ends, `waiter` is woken if it is a task, or called if it is a function. Returns
    /// whether `task` has ended already.
    pub(super) fn watch(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 2);
        let (_, state) = receive(lua); // stack: loop task waiter
        let has_ended = is_over(lua, 2, state);
        if !has_ended {
            add_waiter(lua, 2);
        }
        lua_pushboolean(lua, c_int::from(has_ended));
        1
    }
);

entry!(
    /// `( task, waiter )`: removes `waiter` again.
    pub(super) fn unwatch(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 2);
        drop_waiter(lua, 1, 2);
        0
    }
);

entry!(
    /// `( task )`: the running task no longer waits for `task`.
    pub(super) fn unawait(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 1);
        let (_, state) = receive(lua); // stack: loop task
        if !state.is_null() {
            push_user_value(lua, 1, value::CURRENT);
            drop_waiter(lua, 2, 3);
        }
        0
    }
);

/// Removes the waiter at `waiter` from the list of the task at `index`.
unsafe fn drop_waiter(lua: *mut lua_State, index: c_int, waiter: c_int) {
    // SAFETY: only called by the entries above, with the waiter on top.
    unsafe {
        let waiters = waiter + 1;
        push_user_value(lua, index, WAITERS);
        if lua_type(lua, waiters) != LUA_TTABLE {
            if lua_rawequal(lua, waiter, waiters) != 0 {
                lua_pushnil(lua);
                set_user_value(lua, index, WAITERS);
            }
            return;
        }
        // The other waiters keep their order, because they are woken in this order.
        let count = lua_rawlen(lua, waiters) as i64;
        let mut kept = 0;
        for n in 1..=count {
            lua_rawgeti(lua, waiters, n);
            if lua_rawequal(lua, -1, waiter) != 0 {
                lua_pop(lua, 1);
            } else {
                kept += 1;
                lua_rawseti(lua, waiters, kept);
            }
        }
        for n in kept + 1..=count {
            lua_pushnil(lua);
            lua_rawseti(lua, waiters, n);
        }
    }
}

entry!(
    /// `( task )` → the results of `task`; nil and its error if it has failed; nil and the cancellation if it was
    /// cancelled, or has not ended because its loop is closed
    pub(super) fn outcome(lua: *mut lua_State) -> c_int {
        let task = check_task(lua, 1);
        lua_settop(lua, 1);
        match (*task).phase {
            Phase::Done => {
                push_user_value(lua, 1, THREAD);
                let count = (*task).results;
                if count < 2 {
                    return count;
                }
                luaL_checkstack(lua, count, c"too many results".as_ptr());
                for n in 1..=count {
                    lua_rawgeti(lua, 2, n.into());
                }
                count
            }
            Phase::Failed | Phase::Cancelled => {
                lua_pushnil(lua);
                push_user_value(lua, 1, THREAD);
                2
            }
            _ => {
                cancel_with_loop(lua);
                lua_pushnil(lua);
                push_user_value(lua, 1, ABOUT);
                2
            }
        }
    }
);

/// Stores the cancellation of the task at 1, whose loop is closed. If the task was cancelled before, the first reason
/// stays.
unsafe fn cancel_with_loop(lua: *mut lua_State) {
    // SAFETY: only called by `outcome`.
    unsafe {
        let has_reason = || {
            push_user_value(lua, 1, ABOUT);
            let has_reason = lua_type(lua, -1) == LUA_TTABLE;
            lua_pop(lua, 1);
            has_reason
        };
        if has_reason() {
            return;
        }
        lua_pushstring(lua, c"the loop is closed".as_ptr());
        push_cancellation(lua, 1);
        // Making the cancellation may have run a finalizer that joins this task.
        match has_reason() {
            true => lua_pop(lua, 1),
            false => set_user_value(lua, 1, ABOUT),
        }
    }
}
