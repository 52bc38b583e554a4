//! Ends a task's wait: `unpark` with values, `cancel` with an error.
//!
//! ```text
//!                    │ what it does              │ `cancel`
//!   ─────────────────┼───────────────────────────┼──────────────────────────────────────────────
//!   Fresh            │ has not begun             │ it never begins
//!   Sleeping, Parked,│ waits, perhaps on a timer │ its timer is cancelled; its wait raises
//!   Paused           │                           │
//!   Watching         │ waits for a handle        │ its claim is dropped; its wait raises
//!   Running, Queued, │ runs, or is about to      │ the next wait raises
//!   Woken            │                           │
//! ```
//!
//! A claim reserves a direction of a handle for a waiting task; see `claim.rs`. A wait that raises does so before the
//! loop waits again.

use super::claim::drop_claim;
use super::finish::{finish, is_over};
use super::left::{Left, is_active, is_left, raise_mark};
use super::loops::receiver;
use super::task::{ABOUT, Asked, OF_ANOTHER, Phase, Task, check_task, thread_of};
use super::tasks::receive;
use super::unpark::{end_timer, push_cancellation, queue_woken, raised_now, unpark_at};
use crate::host::memory::State;
use crate::host::state::state_at;
use crate::lua::args::bad_argument;
use crate::lua::entry::entry;
use crate::lua::version::set_user_value;
use mlua::ffi::{
    LUA_OK, lua_State, lua_gettop, lua_insert, lua_pushboolean, lua_pushlightuserdata, lua_pushstring, lua_pushvalue,
    lua_settop, lua_status,
};
use std::ffi::c_int;

entry!(
    /// `loop:unpark( task, ... )` → whether the task was parked. If it was, its `park` returns the values when the
    /// woken tasks run, which is before the loop waits again.
    pub(super) fn unpark(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        let task = check_task(lua, 2);
        if (*task).owner != (*state).id {
            bad_argument(lua, 2, OF_ANOTHER.as_ptr());
        }
        let values = lua_gettop(lua) - 2;
        let was_parked = unpark_at(lua, 2, Phase::Parked, values);
        lua_pushboolean(lua, c_int::from(was_parked));
        1
    }
);

entry!(
    /// `( task, ... )` → like `unpark`, but for a task in `pause`; false if the task's loop is closed
    pub(super) fn resume_parked(lua: *mut lua_State) -> c_int {
        let values = lua_gettop(lua) - 1;
        let (_, state) = receive(lua);
        let was_parked = !state.is_null() && unpark_at(lua, 2, Phase::Paused, values);
        lua_pushboolean(lua, c_int::from(was_parked));
        1
    }
);

entry!(
    /// `task:cancel( [reason] )` → whether this call has cancelled the task
    pub(super) fn cancel(lua: *mut lua_State) -> c_int {
        check_task(lua, 1);
        lua_settop(lua, 2);
        cancel_at_1(lua)
    }
);

entry!(
    /// `__close`. Lua passes an error as the second argument. The error is not the reason of the cancellation, so it is
    /// dropped.
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
        let (task, state) = receive(lua); // stack: loop task reason
        // If the loop is gone, nil is in its place.
        if state.is_null() {
            lua_pushboolean(lua, 0);
            return 1;
        }
        let is_late = is_over(lua, 2, state) || (*task).asked != Asked::No;
        if !is_late {
            push_cancellation(lua, 2); // stack: loop task cancellation
        }
        // Making the cancellation may have run a finalizer, and the finalizer may have changed anything.
        let state = state_at(lua, 1);
        let is_late = is_late || state.is_null() || (*task).asked != Asked::No || (*task).is_over();
        if !is_late {
            interrupt(lua, state, task);
        }
        lua_pushboolean(lua, c_int::from(!is_late));
        1
    }
}

/// Cancels the task at 2 with the cancellation at 3.
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
            }
            Phase::Sleeping | Phase::Parked | Phase::Paused | Phase::Watching(_) if is_waiting => {
                lua_pushlightuserdata(lua, raise_mark());
                lua_insert(lua, 3);
                lua_pushvalue(lua, 4);
                lua_insert(lua, 3); // stack: loop task cancellation raise cancellation
                let watched = (*task).phase;
                queue_woken(lua, 2, coroutine, 2);
                if let Phase::Watching(number) = watched {
                    drop_claim(lua, 2, number);
                }
                let asked = raised_now(state, task);
                note(lua, task, asked);
            }
            _ => note(lua, task, Asked::Pending),
        }
    }
}

/// Stores the cancellation at 3 in the task at 2.
unsafe fn note(lua: *mut lua_State, task: *mut Task, asked: Asked) {
    // SAFETY: only called by `interrupt`.
    unsafe {
        lua_pushvalue(lua, 3);
        set_user_value(lua, 2, ABOUT);
        (*task).asked = asked;
    }
}
