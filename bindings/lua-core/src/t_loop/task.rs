//! Tasks: `addTask`, which returns a Task, and `cancelTask`, which takes one.

use crate::host::arm::{Due, For};
use crate::host::entries::{slot, unlink};
use crate::host::memory::{State, TaskBlock, value};
use crate::host::state::{check_loop, state_at, with, with_or_raise};
use crate::host::upvalue;
use crate::lua::args::{check_callable, check_ms, test_userdata, wrong};
use crate::lua::callback::pack;
use crate::lua::entry::entry;
use crate::lua::stack::stack;
use crate::lua::version::{clear_user_values, new_userdata, push_user_value, set_user_value};
use cogloop_io::{AddError, Key, Missed, Plan};
use mlua::ffi::{
    LUA_TTABLE, lua_State, lua_gettop, lua_pop, lua_pushboolean, lua_pushnil, lua_pushvalue, lua_rawequal, lua_rawgeti,
    lua_rawseti, lua_replace, lua_setmetatable, lua_settop, lua_upvalueindex,
};
use std::ffi::c_int;
use std::num::NonZeroU64;
use std::ptr::null_mut;

/// User value of a Task: the task that fires after it, in a loop made with `debug`.
pub(super) const NEXT: c_int = 1;
/// User value of a Task: `{ f, arg1, … }`. It is the last user value.
pub(super) const CALLBACK: c_int = 2;

entry!(
    /// `loop:addTask( ms, f, ... )` → Task
    pub(super) fn add_task(lua: *mut lua_State) -> c_int {
        let owner = (*check_loop(lua, 1)).id as u32;
        let delay_ns = check_ms(lua, 2);
        check_callable(lua, 3);
        let args = if lua_gettop(lua) > 3 { pack(lua, 3) } else { pack_shared(lua) };
        stack!(lua: loop ms tbl);
        let task = new_userdata(lua, size_of::<TaskBlock>(), 2).cast::<TaskBlock>();
        task.write(TaskBlock { key: TaskBlock::DONE, owner, args });
        lua_pushvalue(lua, lua_upvalueindex(upvalue::TIMER));
        lua_setmetatable(lua, -2);
        lua_pushvalue(lua, 3);
        set_user_value(lua, -2, CALLBACK);
        stack!(lua: loop ms tbl task);

        // The state is fetched again, because making these objects may have run a finalizer that has closed the loop.
        let state = state_at(lua, 1);
        if state.is_null() {
            check_loop(lua, 1);
        }
        let key = with_or_raise(lua, state, |state| Ok(state.arm(lua, Due::After(delay_ns), For::Script, 0)?));
        link(lua, state, task, key);
        1
    }
);

/// Puts the Task on top into the loop's table as the entry of `key`. The loop is at 1.
///
/// # Safety
///
/// [The rule for Lua calls](crate); `state` and `task` belong to those values, and `key` was armed just now.
pub(super) unsafe fn link(lua: *mut lua_State, state: *mut State, task: *mut TaskBlock, key: Key) {
    // SAFETY: the caller's promise. If memory runs out, storing raises. The key then stays in `State::unlinked`, and
    // `State::drop_unlinked` cancels the timer later. Storing runs no finalizer, so the state stays valid.
    unsafe {
        push_user_value(lua, 1, value::TASKS);
        lua_pushvalue(lua, -2);
        lua_rawseti(lua, -2, slot(key.index())); // stack: loop … task tasks
        lua_pop(lua, 1);
        #[cfg(feature = "luajit")]
        forget_env(lua, key);
        (*state).linked();
        (*task).key = key.to_bits();
        if (*state).debug {
            tell_next(lua, state);
        }
    }
}

/// Arms the next expiry of a task whose callback has returned a period. Expiries that have passed are skipped. The
/// period is known only now, so expiries that passed while the callback ran are skipped, too.
pub(super) fn rearm(state: &mut State, deadline_ns: u64, period_ns: NonZeroU64) -> Result<Key, AddError> {
    let plan = Plan::every(deadline_ns, period_ns, Missed::Skip);
    let next = state.events.follow(&plan, state.events.now_ns());
    let next_ns = next.map_or(u64::MAX, |next| next.deadline);
    // SAFETY: `lua` may be null. The script arms nothing here, so a recording needs no line of the script.
    unsafe { state.arm(null_mut(), Due::At(next_ns), For::Script, 0) }
}

/// Empties the place of `key` in ENVS, which holds each task's table of user values. The table at that place may belong
/// to an earlier task. The loop is at 1.
#[cfg(feature = "luajit")]
unsafe fn forget_env(lua: *mut lua_State, key: Key) {
    // SAFETY: only called by `link`, with room for two values. Emptying a place takes no memory.
    unsafe {
        push_user_value(lua, 1, value::ENVS);
        if mlua::ffi::lua_type(lua, -1) == LUA_TTABLE {
            lua_pushnil(lua);
            lua_rawseti(lua, -2, slot(key.index()));
        }
        lua_pop(lua, 1);
    }
}

entry!(
    /// `loop:cancelTask( task )` → whether the task was pending. If the task's own callback calls `cancelTask`, returns
    /// false only if the task was cancelled before.
    pub(super) fn cancel_task(lua: *mut lua_State) -> c_int {
        // The task is read before the loop is checked, so that the processor loads the task from memory during the
        // check.
        let task = test_userdata(lua, 2, upvalue::TIMER).cast::<TaskBlock>();
        let state = check_loop(lua, 1);
        if task.is_null() {
            wrong(lua, 2, c"task", c"T.Loop.Task");
        }
        let cancelled = (*task).owner == (*state).id as u32
            && match Key::from_bits((*task).key) {
                Some(key) => {
                    let was_armed = with_or_raise(lua, state, |state| Ok(state.events.cancel_timer(key).is_some()));
                    if was_armed {
                        unlink(lua, key);
                    }
                    finish(lua, 2);
                    was_armed
                }
                None => std::mem::replace(&mut (*task).key, TaskBlock::DONE) == TaskBlock::RUNNING,
            };
        if cancelled && (*state).debug {
            tell_next(lua, state);
        }
        lua_pushboolean(lua, c_int::from(cancelled));
        1
    }
);

/// Ends the Task at `index`, and drops its function and arguments. Neither raises nor allocates.
///
/// # Safety
///
/// There is a Task at `index`, an absolute index. Room for two values.
pub(super) unsafe fn finish(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        (*mlua::ffi::lua_touserdata(lua, index).cast::<TaskBlock>()).key = TaskBlock::DONE;
        clear_user_values(lua, index, CALLBACK);
    }
}

/// For debugging: stores in each Task the Task that fires after it. The loop is at 1.
///
/// # Safety
///
/// [The rule for Lua calls](crate); `state` belongs to the loop at 1.
#[cold]
pub(super) unsafe fn tell_next(lua: *mut lua_State, state: *mut State) {
    // SAFETY: the caller's promise. No call in the loop raises, allocates or runs Lua code, so `order` stays as it is.
    unsafe {
        if with(state, State::sort).is_err() {
            return;
        }
        push_user_value(lua, 1, value::TASKS); // stack: loop … tasks
        lua_pushnil(lua); // stack: loop … tasks next
        for position in (0..(*state).timers_sorted()).rev() {
            let Some((_, index)) = (*state).sorted_at(position) else { continue };
            lua_rawgeti(lua, -2, slot(index)); // stack: loop … tasks next task
            lua_pushvalue(lua, -2);
            set_user_value(lua, -2, NEXT);
            mlua::ffi::lua_remove(lua, -2); // stack: loop … tasks task
        }
        lua_pop(lua, 2);
        debug_assert!(!state_at(lua, 1).is_null());
    }
}

/// Like [`pack`], but for a function without arguments, which is at 3 and on top of the stack. Its table contains only
/// the function, so tasks with the same function can share it. A weak table holds the table of the last such task.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of `t.Loop`'s. Room for two values.
pub(super) unsafe fn pack_shared(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let last = lua_upvalueindex(LAST);
        if lua_rawgeti(lua, last, 1) == LUA_TTABLE {
            lua_rawgeti(lua, 4, 1); // stack: … f tbl f'
            if lua_rawequal(lua, 5, 3) != 0 {
                lua_pop(lua, 1);
                lua_replace(lua, 3);
                return 0;
            }
        }
        lua_settop(lua, 3);
        let args = pack(lua, 3);
        lua_pushvalue(lua, 3);
        lua_rawseti(lua, last, 1);
        args
    }
}

/// The upvalue with a weak table. It holds the callback's table of the last task that was added without arguments.
pub(super) const LAST: c_int = 5;
