//! The end of a task: its outcome is kept, it leaves the loop's list, and whoever waits for it is told.
//!
//! ```text
//!   returns ──► Done: results            ┐
//!   raises ───► Failed: the error        ├─► WAITERS: a task is woken, a function is called
//!   cancelled ► Cancelled: the reason    ┘      │
//!                                               └─ nobody, and Failed: the error is raised, for `onerror`
//! ```

use super::cancel::{push_cancellation, unpark_at};
use super::left::is_dead;
use super::task::{ABOUT, Phase, THREAD, Task, WAITERS, check_task, receive, task_at, thread_of};
use crate::host::leave::MEANWHILE;
use crate::host::memory::{State, value};
use crate::host::state::state_at;
use crate::lua::class::push_kept;
use crate::lua::entry::entry;
use crate::lua::guard::{Failure, Text, push_text};
use crate::lua::version::{push_user_value, set_user_value};
use mlua::ffi::{
    LUA_TFUNCTION, LUA_TNIL, LUA_TTABLE, LUA_TUSERDATA, lua_State, lua_call, lua_concat, lua_createtable,
    lua_getmetatable, lua_gettop, lua_insert, lua_pop, lua_pushboolean, lua_pushnil, lua_pushstring, lua_pushthread,
    lua_pushvalue, lua_rawequal, lua_rawget, lua_rawgeti, lua_rawlen, lua_rawset, lua_rawseti, lua_remove, lua_settop,
    lua_type, lua_xmove, luaL_checkstack, luaL_traceback,
};
use std::ffi::c_int;
use std::ptr::null;

/// The places in the registry of `{ [coroutine] = { error, traceback } }`, weak, and of the metatable of cancellations.
pub(super) static TRACES_KEY: u8 = 0;
pub(super) static CANCELLATION_KEY: u8 = 0;

/// Ends the task at `index`: its outcome are the `values` on top, which it pops. Returns whether anybody was told.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1, open or closed, and the task at `index`, an absolute one. Lua code of the
/// module's runs. Room for eight values.
pub(super) unsafe fn finish(lua: *mut lua_State, index: c_int, phase: Phase, values: c_int) -> bool {
    // SAFETY: the caller's promise. Only the table of the results can raise, before anything has changed.
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
        (*task).phase = phase;
        (*task).results = values;
        (*task).key = 0;
        let state = state_at(lua, 1);
        if state.is_null() {
            return false;
        }
        leave_list(lua, state, task);
        tell(lua, index)
    }
}

/// Takes a task out of ALIVE. The last one gets its place. Neither raises nor allocates.
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
            (*task_at(lua, -1)).place = place;
            lua_rawseti(lua, -2, place.into());
        }
        lua_pushnil(lua);
        lua_rawseti(lua, -2, last.into());
        lua_pop(lua, 1);
    }
}

/// Tells those that wait for the task at `index`, and forgets them. Returns whether there were any.
unsafe fn tell(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: only called by `finish`.
    unsafe {
        push_user_value(lua, index, WAITERS);
        let waiters = lua_gettop(lua);
        lua_pushnil(lua);
        set_user_value(lua, index, WAITERS);
        let mut is_told = false;
        match lua_type(lua, waiters) {
            LUA_TNIL => {}
            LUA_TTABLE => {
                let mut n = 1;
                while n <= lua_rawlen(lua, waiters) as i64 {
                    lua_rawgeti(lua, waiters, n);
                    is_told |= tell_one(lua, index);
                    lua_settop(lua, waiters);
                    n += 1;
                }
            }
            _ => {
                lua_pushvalue(lua, waiters);
                is_told = tell_one(lua, index);
            }
        }
        lua_settop(lua, waiters - 1);
        is_told
    }
}

/// Tells the waiter on top of the end of the task at `index`.
unsafe fn tell_one(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: only called by `tell`. A hook may have closed the loop.
    unsafe {
        match lua_type(lua, -1) {
            LUA_TUSERDATA if !state_at(lua, 1).is_null() => {
                let waiter = lua_gettop(lua);
                lua_pushboolean(lua, 1);
                unpark_at(lua, waiter, 1)
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

/// Adds the value on top, a task or a function, to those that are told of the end of the task at `index`, and pops it.
///
/// # Safety
///
/// The rule of the crate; a task at `index`, an absolute one. Room for four values.
pub(super) unsafe fn add_waiter(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise.
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
    /// `( task, waiter )`: the task, or the function, is told of the first one's end. Returns whether it has ended already.
    pub(super) fn watch(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 2);
        let (_, state) = receive(lua); // S: loop task waiter
        let has_ended = is_over(lua, 2, state);
        if !has_ended {
            add_waiter(lua, 2);
        }
        lua_pushboolean(lua, c_int::from(has_ended));
        1
    }
);

entry!(
    /// `( task, waiter )`: ends that.
    pub(super) fn unwatch(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 2);
        drop_waiter(lua, 1, 2);
        0
    }
);

entry!(
    /// `( task )`: ends it for the task that runs.
    pub(super) fn unawait(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 1);
        let (_, state) = receive(lua); // S: loop task
        if !state.is_null() {
            push_user_value(lua, 1, value::CURRENT);
            drop_waiter(lua, 2, 3);
        }
        0
    }
);

/// Removes a waiter, at `waiter`, from those of the task at `index`.
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
        // The order of the others stays: first come, first told.
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

/// Whether the task at `index` has ended. If others have closed its coroutine, it ends now.
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
        lua_pushstring(lua, c"its coroutine was closed, or ended by others".as_ptr());
        push_cancellation(lua, index);
        // Making that may have run a finalizer.
        if !(*task).is_over() {
            finish(lua, index, Phase::Cancelled, 1);
        }
        true
    }
}

/// Ends the tasks whose coroutines others have closed.
///
/// # Safety
///
/// As for [`finish`]; the loop is open.
pub(super) unsafe fn sweep(lua: *mut lua_State) {
    // SAFETY: the caller's promise. Ending a task puts another one, that was looked at, into its place.
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

entry!(
    /// `( task )` → its results; nil and its error
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
            _ => Failure { errno: libc::EBADF, text: Text::new("the loop is closed") }.push(lua),
        }
    }
);

/// Whether the value at `index` is a cancellation.
///
/// # Safety
///
/// An acceptable index. Room for two values. Neither raises nor allocates.
pub(super) unsafe fn is_cancellation(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_type(lua, index) != LUA_TTABLE || lua_getmetatable(lua, index) == 0 {
            return false;
        }
        let is_one = push_kept(lua, &CANCELLATION_KEY) && lua_rawequal(lua, -1, -2) != 0;
        lua_pop(lua, 2);
        is_one
    }
}

entry!(
    /// The message handler of a task's coroutine, since Lua 5.4: keeps the traceback, and leaves the error as it is.
    pub(super) fn on_raise(lua: *mut lua_State) -> c_int {
        lua_settop(lua, 1);
        if is_cancellation(lua, 1) || !push_kept(lua, &TRACES_KEY) {
            return 1;
        }
        lua_pushthread(lua);
        lua_pushvalue(lua, 3);
        lua_rawget(lua, 2); // S: err traces co { first, traceback } or nil
        luaL_traceback(lua, lua, null(), 1);
        if lua_type(lua, 4) == LUA_TTABLE {
            lua_rawgeti(lua, 4, 1);
            if lua_rawequal(lua, 1, -1) != 0 {
                return (lua_settop(lua, 1), 1).1;
            }
            lua_pushstring(lua, MEANWHILE.as_ptr());
            push_text(lua, -2);
            lua_remove(lua, -3);
            lua_pushstring(lua, c"\n".as_ptr());
            lua_rawgeti(lua, 4, 2);
            lua_concat(lua, 5);
        }
        lua_createtable(lua, 2, 0); // S: err traces co before traceback { }
        lua_pushvalue(lua, 1);
        lua_rawseti(lua, 6, 1);
        lua_pushvalue(lua, 5);
        lua_rawseti(lua, 6, 2);
        lua_remove(lua, 5);
        lua_remove(lua, 4);
        lua_rawset(lua, 2);
        lua_settop(lua, 1);
        1
    }
);

/// Pushes the traceback of the error on top of a coroutine's stack.
///
/// # Safety
///
/// The rule of the crate; the coroutine is alive and has failed. Room for four values.
pub(super) unsafe fn push_traceback(lua: *mut lua_State, coroutine: *mut lua_State) {
    // SAFETY: the caller's promise. A coroutine has room for two values beside its error.
    unsafe {
        let top = lua_gettop(lua);
        if push_kept(lua, &TRACES_KEY) {
            lua_pushthread(coroutine);
            lua_xmove(coroutine, lua, 1); // S: … traces co
            lua_pushvalue(lua, -1);
            lua_rawget(lua, -3); // S: … traces co kept
            if lua_type(lua, -1) == LUA_TTABLE {
                lua_rawgeti(lua, -1, 2);
                lua_insert(lua, top + 1);
                lua_pop(lua, 1);
                lua_pushnil(lua);
                lua_rawset(lua, -3);
                lua_settop(lua, top + 1);
                return;
            }
        }
        lua_settop(lua, top);
        luaL_traceback(lua, coroutine, null(), 0);
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
