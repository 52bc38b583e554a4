//! Ends a task's wait from outside, and passes values to the task. The values go onto the coroutine's own stack, below
//! the mark (see [`super::left`]).
//!
//! A task that was cancelled may still wait until its grace period, the time for cleaning up, is over. A later wait is
//! cut short and raises the cancellation again. After [`CUTS_MAX`] such waits the coroutine is closed. So a task that
//! always catches its cancellation cannot stay for ever.

use super::left::{Left, is_left, mark, raise_mark};
use super::task::{ABOUT, Asked, Phase, Task, task_at, thread_of};
use crate::host::entries::unlink;
use crate::host::memory::State;
use crate::host::state::{state_at, with_or_raise};
use crate::lua::class::push_kept;
use crate::lua::guard::Text;
use crate::lua::version::push_user_value;
use cogloop_io::Key;
use mlua::ffi::{
    LUA_TNIL, LUA_TSTRING, lua_State, lua_checkstack, lua_createtable, lua_insert, lua_pop, lua_pushlightuserdata,
    lua_pushstring, lua_rawset, lua_setmetatable, lua_type, lua_xmove,
};
use std::ffi::c_int;

/// The place in the registry of the metatable of cancellations.
pub(super) static CANCELLATION_KEY: u8 = 0;

/// The number of waits that may begin after the grace period before the task is closed.
pub(super) const CUTS_MAX: u8 = 100;

/// Replaces the reason on top by a cancellation of the task at `index`.
///
/// # Safety
///
/// [The rule for Lua calls](crate); a task is at the absolute index `index`. Room for four values.
pub(super) unsafe fn push_cancellation(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        push_user_value(lua, index, ABOUT); // stack: … reason name
        let (has_reason, has_name) = (lua_type(lua, -2) != LUA_TNIL, lua_type(lua, -1) == LUA_TSTRING);
        lua_createtable(lua, 0, c_int::from(has_reason) + c_int::from(has_name));
        lua_insert(lua, -3); // stack: … { } reason name
        for (has, field) in [(has_name, c"name"), (has_reason, c"reason")] {
            if has {
                lua_pushstring(lua, field.as_ptr());
                lua_insert(lua, -2);
                lua_rawset(lua, if field == c"name" { -4 } else { -3 });
            } else {
                lua_pop(lua, 1);
            }
        }
        if push_kept(lua, &CANCELLATION_KEY) {
            lua_setmetatable(lua, -2);
        }
    }
}

/// Cancels the timer of a task, if there is one. Neither raises nor allocates.
///
/// # Safety
///
/// The open loop of the task is at 1. Room for two values.
pub(super) unsafe fn end_timer(lua: *mut lua_State, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        let state = state_at(lua, 1);
        if let Some(key) = Key::from_bits(std::mem::take(&mut (*task).key))
            && (*state).events.cancel_timer(key).is_some()
        {
            unlink(lua, key);
        }
    }
}

/// Queues the waiting task at `index`. The task runs before the loop waits again, and its wait returns the `values` on
/// top, which are popped. If memory runs out, this function raises, and nothing has changed.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the task's loop is at 1 and open, and `is_left` has said that the coroutine waits.
/// Room for four values.
pub(super) unsafe fn queue_woken(lua: *mut lua_State, index: c_int, coroutine: *mut lua_State, values: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_checkstack(coroutine, values + 4) == 0 {
            Text::<40>::new("too many values").raise(lua);
        }
        let state = state_at(lua, 1);
        with_or_raise(lua, state, |state| Ok(state.cogloop.woken.expect()?));
        let task = task_at(lua, index);
        end_timer(lua, task);
        (*task).phase = Phase::Woken((*state).cogloop.woken.push((*task).place, values));
        (*task).is_cut = false;
        lua_pop(coroutine, 1); // the mark
        lua_xmove(lua, coroutine, values);
        lua_pushlightuserdata(coroutine, mark());
    }
}

/// Wakes the task at `index` if it waits in the phase `phase`, which is `Parked` or `Paused`. Its wait returns the
/// `values` on top. They are popped even if the task is not woken. Returns whether the task was woken.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the task's loop is at 1 and open, `index` is absolute. Room for four values.
pub(super) unsafe fn unpark_at(lua: *mut lua_State, index: c_int, phase: Phase, values: c_int) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let coroutine = thread_of(lua, index);
        let is_parked =
            !coroutine.is_null() && (*task_at(lua, index)).phase == phase && is_left(coroutine, Left::Waiting);
        if is_parked {
            queue_woken(lua, index, coroutine, values);
        } else {
            lua_pop(lua, values);
        }
        is_parked
    }
}

/// Returns the state of a cancellation that the task's wait raises now. The task's grace period begins now, too.
///
/// # Safety
///
/// The state of the task's open loop.
pub(super) unsafe fn raised_now(state: *mut State, task: *mut Task) -> Asked {
    // SAFETY: the caller's promise.
    unsafe {
        Asked::Raised { until_ns: (*state).events.now_ns().saturating_add(u64::from((*task).grace_ms) * 1_000_000) }
    }
}

/// Pushes the values that make a wait of the task at `index` raise its cancellation. Returns their number.
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
