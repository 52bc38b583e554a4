//! Waking a task at its wait: with values by `unpark`, with an error by `cancel`.
//!
//! ```text
//!                    │ what it does              │ `cancel`
//!   ─────────────────┼───────────────────────────┼──────────────────────────────────────────────
//!   Fresh            │ has not begun             │ it never begins
//!   Sleeping, Parked │ waits: a timer, or none   │ the timer is gone; its wait raises, next turn
//!   Watching         │ waits for a handle        │ the handle is free; its wait raises, next turn
//!   Running, Queued  │ runs, or is about to      │ the next wait raises
//! ```
//!
//! Once told, a task may wait until its grace is over. A wait beyond that is cut short and raises again. After
//! [`CUTS_MAX`] of these the coroutine is closed: a task that catches its cancellation for ever cannot stay.

use super::claim::drop_claim;
use super::finish::{CANCELLATION_KEY, finish, is_over};
use super::left::{Left, is_active, is_left, mark, raise_mark};
use super::task::{ABOUT, Asked, Phase, Task, check_task, receive, task_at, thread_of};
use super::ticket::{Payload, arm_entry};
use crate::host::arm::Due;
use crate::host::entries::unlink;
use crate::host::memory::{State, value};
use crate::host::state::state_at;
use crate::lua::args::bad_argument;
use crate::lua::class::push_kept;
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::version::{push_user_value, set_user_value};
use cogloop_io::Key;
use mlua::ffi::{
    LUA_OK, LUA_TSTRING, lua_State, lua_checkstack, lua_createtable, lua_gettop, lua_insert, lua_pop, lua_pushboolean,
    lua_pushlightuserdata, lua_pushstring, lua_pushvalue, lua_rawset, lua_setmetatable, lua_settop, lua_status,
    lua_type, lua_xmove,
};
use std::ffi::c_int;

/// After so many waits that were cut short a task is closed.
pub(super) const CUTS_MAX: u8 = 100;

/// Replaces the reason on top by a cancellation of the task at `index`.
///
/// # Safety
///
/// The rule of the crate; a task at `index`, an absolute one. Room for four values.
pub(super) unsafe fn push_cancellation(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        lua_createtable(lua, 0, 2);
        lua_insert(lua, -2); // S: … { } reason
        lua_pushstring(lua, c"reason".as_ptr());
        lua_insert(lua, -2);
        lua_rawset(lua, -3);
        push_user_value(lua, index, ABOUT);
        if lua_type(lua, -1) == LUA_TSTRING {
            lua_pushstring(lua, c"name".as_ptr());
            lua_insert(lua, -2);
            lua_rawset(lua, -3);
        } else {
            lua_pop(lua, 1);
        }
        if push_kept(lua, &CANCELLATION_KEY) {
            lua_setmetatable(lua, -2);
        }
    }
}

/// Cancels the timer of a task, if there is one. Neither raises nor allocates.
unsafe fn end_timer(lua: *mut lua_State, task: *mut Task) {
    // SAFETY: only called with the open loop of the task at 1, and room for two values.
    unsafe {
        let state = state_at(lua, 1);
        if let Some(key) = Key::from_bits(std::mem::take(&mut (*task).key))
            && (*state).events.cancel_timer(key).is_some()
        {
            unlink(lua, key);
        }
    }
}

/// Queues the task at `index`, which waits: its wait ends in the next turn with the `values` on top, which are popped.
/// If it raises, for want of memory, nothing has changed.
unsafe fn queue_woken(lua: *mut lua_State, index: c_int, coroutine: *mut lua_State, values: c_int) {
    // SAFETY: only called when `is_left` has said that the coroutine waits, with the loop at 1 and open.
    unsafe {
        if lua_checkstack(coroutine, values + 4) == 0 {
            Text::<40>::new("too many values").raise(lua);
        }
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::TASKS);
        lua_pushvalue(lua, index);
        let key = arm_entry(lua, state_at(lua, 1), top + 1, Payload::woken(values), Due::After(0));
        lua_settop(lua, top);
        let task = task_at(lua, index);
        end_timer(lua, task);
        (*task).key = key.to_bits();
        (*task).phase = Phase::Queued;
        (*task).is_cut = false;
        lua_pop(coroutine, 1); // the mark
        lua_xmove(lua, coroutine, values);
        lua_pushlightuserdata(coroutine, mark());
    }
}

/// Wakes the task at `index` with the `values` on top, which are popped, if it is parked. Returns whether it was.
///
/// # Safety
///
/// The rule of the crate; the task's loop is at 1 and open, `index` is absolute. Room for four values.
pub(super) unsafe fn unpark_at(lua: *mut lua_State, index: c_int, values: c_int) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let coroutine = thread_of(lua, index);
        let is_parked =
            !coroutine.is_null() && (*task_at(lua, index)).phase == Phase::Parked && is_left(coroutine, Left::Waiting);
        if is_parked {
            queue_woken(lua, index, coroutine, values);
        } else {
            lua_pop(lua, values);
        }
        is_parked
    }
}

entry!(
    /// `loop:unpark( task, ... )` → whether it was parked: then its `park` returns the values, in the next turn
    pub(super) fn unpark(lua: *mut lua_State) -> c_int {
        let state = super::loops::receiver(lua);
        let task = check_task(lua, 2);
        if (*task).owner != (*state).id {
            bad_argument(lua, 2, c"task: it belongs to another loop".as_ptr());
        }
        let values = lua_gettop(lua) - 2;
        let was_parked = unpark_at(lua, 2, values);
        lua_pushboolean(lua, c_int::from(was_parked));
        1
    }
);

entry!(
    /// `( task, ... )` → as `unpark`; false if its loop is closed
    pub(super) fn resume_parked(lua: *mut lua_State) -> c_int {
        let values = lua_gettop(lua) - 1;
        let (_, state) = receive(lua);
        let was_parked = !state.is_null() && unpark_at(lua, 2, values);
        lua_pushboolean(lua, c_int::from(was_parked));
        1
    }
);

entry!(
    /// `task:cancel( [reason] )` → whether this call has cancelled it
    pub(super) fn cancel(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 2);
        cancel_at_1(lua)
    }
);

entry!(
    /// `__close`: its second argument is an error, not a reason.
    pub(super) fn close(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 1);
        lua_pushstring(lua, c"its variable was closed".as_ptr());
        cancel_at_1(lua);
        0
    }
);

/// Cancels the task at 1 for the reason at 2.
unsafe fn cancel_at_1(lua: *mut lua_State) -> c_int {
    // SAFETY: only called by the entries above.
    unsafe {
        let (task, state) = receive(lua); // S: loop task reason
        // The loop may be gone: then there is nil in its place.
        if state.is_null() {
            lua_pushboolean(lua, 0);
            return 1;
        }
        let is_late = (*task).asked != Asked::No || is_over(lua, 2, state);
        if !is_late {
            push_cancellation(lua, 2); // S: loop task cancellation
        }
        // Making that may have run a finalizer, which may have done anything.
        let state = state_at(lua, 1);
        let is_late = is_late || state.is_null() || (*task).asked != Asked::No || (*task).is_over();
        if !is_late {
            interrupt(lua, state, task);
        }
        lua_pushboolean(lua, c_int::from(!is_late));
        1
    }
}

/// Cancels the task at 2 by the cancellation at 3.
unsafe fn interrupt(lua: *mut lua_State, state: *mut State, task: *mut Task) {
    // SAFETY: only called by `cancel_at_1`, with the open loop at 1.
    unsafe {
        let coroutine = thread_of(lua, 2);
        let is_waiting = !coroutine.is_null() && is_left(coroutine, Left::Waiting);
        match (*task).phase {
            _ if coroutine.is_null() => note(lua, task, Asked::Pending),
            Phase::Fresh if lua_status(coroutine) == LUA_OK && lua_gettop(coroutine) > 0 && !is_active(coroutine) => {
                end_timer(lua, task);
                lua_settop(coroutine, 0);
                note(lua, task, Asked::Pending);
                finish(lua, 2, Phase::Cancelled, 1);
                return;
            }
            Phase::Sleeping | Phase::Parked | Phase::Watching(_) if is_waiting => {
                lua_pushlightuserdata(lua, raise_mark());
                lua_insert(lua, 3);
                lua_pushvalue(lua, 4);
                lua_insert(lua, 3); // S: loop task cancellation raise cancellation
                let watched = (*task).phase;
                queue_woken(lua, 2, coroutine, 2);
                if let Phase::Watching(number) = watched {
                    drop_claim(lua, 2, number);
                }
                let asked = told(state, task);
                note(lua, task, asked);
            }
            _ => note(lua, task, Asked::Pending),
        }
    }
}

/// The cancellation at 3 is that of the task at 2 from now on.
unsafe fn note(lua: *mut lua_State, task: *mut Task, asked: Asked) {
    // SAFETY: only called by `interrupt`.
    unsafe {
        lua_pushvalue(lua, 3);
        set_user_value(lua, 2, ABOUT);
        (*task).asked = asked;
    }
}

/// The task gets its cancellation now.
///
/// # Safety
///
/// The state of the task's open loop.
pub(super) unsafe fn told(state: *mut State, task: *mut Task) -> Asked {
    // SAFETY: the caller's promise.
    unsafe {
        Asked::Told { until_ns: (*state).events.now_ns().saturating_add(u64::from((*task).grace_ms) * 1_000_000) }
    }
}

/// Pushes what makes a wait of the task at `index` raise its cancellation. Returns the number of values.
///
/// # Safety
///
/// A cancelled task at `index`. Room for three values. Neither raises nor allocates.
pub(super) unsafe fn push_raise(lua: *mut lua_State, index: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        lua_pushlightuserdata(lua, raise_mark());
        push_user_value(lua, index, ABOUT);
        2
    }
}
