//! The end of a task: the task keeps its outcome, leaves the loop's list, and wakes the tasks that wait for it.
//!
//! ```text
//!   returns ──► Done: results            ┐
//!   raises ───► Failed: the error        ├─► WAITERS: a task is woken, a function is called
//!   cancelled ► Cancelled: the reason    ┘      │
//!                                               └─ no waiter, and Failed: the error is raised, for `onerror`
//! ```

use super::left::is_dead;
use super::task::{ABOUT, Asked, Phase, THREAD, Task, WAITERS, task_at, thread_of};
use super::unpark::{push_cancellation, unpark_at};
use crate::host::memory::{State, value};
use crate::host::state::state_at;
use crate::lua::version::{push_user_value, set_user_value};
use mlua::ffi::{
    LUA_TFUNCTION, LUA_TNIL, LUA_TTABLE, LUA_TUSERDATA, lua_State, lua_call, lua_createtable, lua_gettop, lua_insert,
    lua_pop, lua_pushboolean, lua_pushnil, lua_pushstring, lua_pushvalue, lua_rawequal, lua_rawgeti, lua_rawlen,
    lua_rawseti, lua_settop, lua_type, luaL_checkstack,
};
use std::ffi::c_int;

/// Ends the task at `index`. Pops the `values` on top and keeps them as its results or its error. Returns whether
/// anything waited for the task.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, open or closed, and the task is at the absolute index `index`.
/// Lua code of the module runs. Room for eight values.
pub(super) unsafe fn finish(lua: *mut lua_State, index: c_int, phase: Phase, values: c_int) -> bool {
    // SAFETY: the caller's promise. Until the task has ended, only making the table of the results can raise. The table
    // is made before anything changes.
    unsafe {
        match values {
            0 => lua_pushnil(lua),
            1 => {}
            count => {
                luaL_checkstack(lua, 4, c"too many results".as_ptr());
                lua_createtable(lua, count, 0);
                let table = lua_gettop(lua) - count;
                lua_insert(lua, table);
                for n in (1..=count).rev() {
                    lua_rawseti(lua, table, n.into());
                }
            }
        }
        set_user_value(lua, index, THREAD);
        let task = task_at(lua, index);
        let before = std::mem::replace(&mut (*task).phase, phase);
        (*task).results = values;
        (*task).key = 0;
        let state = state_at(lua, 1);
        if state.is_null() {
            return false;
        }
        if let Phase::Woken(number) = before {
            (*state).cogloop.woken.move_to(number, 0);
        }
        leave_list(lua, state, task);
        wake_waiters(lua, index)
    }
}

/// Takes a task out of ALIVE, the loop's list. The last task of the list moves to the place that becomes free. Neither
/// raises nor allocates.
unsafe fn leave_list(lua: *mut lua_State, state: *mut State, task: *mut Task) {
    // SAFETY: only called by `finish`: the places that are set exist.
    unsafe {
        let (place, last) = (std::mem::take(&mut (*task).place), (*state).cogloop.alive);
        if place == 0 {
            return;
        }
        (*state).cogloop.alive = last - 1;
        push_user_value(lua, 1, value::ALIVE);
        if place != last {
            lua_rawgeti(lua, -1, last.into());
            let moved = task_at(lua, -1);
            (*moved).place = place;
            if let Phase::Woken(number) = (*moved).phase {
                (*state).cogloop.woken.move_to(number, place);
            }
            lua_rawseti(lua, -2, place.into());
        }
        lua_pushnil(lua);
        lua_rawseti(lua, -2, last.into());
        lua_pop(lua, 1);
    }
}

/// Wakes or calls everything that waits for the task at `index`, and empties the list of waiters. Returns whether
/// anything was woken or called. A task in the list that no longer waits is not woken.
unsafe fn wake_waiters(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: only called by `finish`.
    unsafe {
        push_user_value(lua, index, WAITERS);
        let waiters = lua_gettop(lua);
        lua_pushnil(lua);
        set_user_value(lua, index, WAITERS);
        let mut has_waiter = false;
        match lua_type(lua, waiters) {
            LUA_TNIL => {}
            LUA_TTABLE => {
                let mut n = 1;
                while n <= lua_rawlen(lua, waiters) as i64 {
                    lua_rawgeti(lua, waiters, n);
                    has_waiter |= wake_waiter(lua, index);
                    lua_settop(lua, waiters);
                    n += 1;
                }
            }
            _ => {
                lua_pushvalue(lua, waiters);
                has_waiter = wake_waiter(lua, index);
            }
        }
        lua_settop(lua, waiters - 1);
        has_waiter
    }
}

/// Wakes or calls the waiter on top, because the task at `index` has ended. Returns false if the waiter, a task, no
/// longer waits.
unsafe fn wake_waiter(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: only called by `wake_waiters`. A hook may have closed the loop.
    unsafe {
        match lua_type(lua, -1) {
            LUA_TUSERDATA if !state_at(lua, 1).is_null() => {
                let waiter = lua_gettop(lua);
                lua_pushboolean(lua, 1);
                unpark_at(lua, waiter, Phase::Paused, 1)
            }
            LUA_TFUNCTION => {
                lua_pushvalue(lua, index);
                lua_call(lua, 1, 0);
                true
            }
            _ => false,
        }
    }
}

/// Whether the task at `index` has ended. If other code has closed its coroutine, the task ends now.
///
/// # Safety
///
/// As for [`finish`]; `state` is that of the loop at 1, or null.
pub(super) unsafe fn is_over(lua: *mut lua_State, index: c_int, state: *mut State) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let task = task_at(lua, index);
        if (*task).is_over() {
            return true;
        }
        let coroutine = thread_of(lua, index);
        if state.is_null() || !(coroutine.is_null() || is_dead(coroutine)) {
            return false;
        }
        if (*task).asked == Asked::No {
            lua_pushstring(lua, c"its coroutine was closed, or ended by others".as_ptr());
            push_cancellation(lua, index);
        } else {
            // If the task was cancelled before, the first reason stays.
            push_user_value(lua, index, ABOUT);
        }
        // Making the text may have run a finalizer.
        if !(*task).is_over() {
            finish(lua, index, Phase::Cancelled, 1);
        }
        true
    }
}

/// Ends the tasks whose coroutines other code has closed.
///
/// # Safety
///
/// As for [`finish`]; the loop is open.
pub(super) unsafe fn sweep(lua: *mut lua_State) {
    // SAFETY: the caller's promise. The list is walked from its end. Ending a task moves the last task into its place,
    // and the last task was checked before.
    unsafe {
        let top = lua_gettop(lua);
        let mut place = (*state_at(lua, 1)).cogloop.alive;
        while place > 0 {
            let state = state_at(lua, 1);
            if state.is_null() {
                return;
            }
            if place <= (*state).cogloop.alive {
                push_user_value(lua, 1, value::ALIVE);
                lua_rawgeti(lua, -1, place.into());
                is_over(lua, top + 2, state);
            }
            lua_settop(lua, top);
            place -= 1;
        }
    }
}

/// Whether the error on top is the cancellation of the task at `index`.
///
/// # Safety
///
/// A task at `index`. Room for two values. Neither raises nor allocates.
pub(super) unsafe fn is_own_cancellation(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        push_user_value(lua, index, ABOUT);
        let is_own = lua_type(lua, -1) == LUA_TTABLE && lua_rawequal(lua, -1, -2) != 0;
        lua_pop(lua, 1);
        is_own
    }
}
