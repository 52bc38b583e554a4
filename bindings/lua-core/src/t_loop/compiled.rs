//! The calls that LuaJIT compiles with the script: `addTask`, `cancelTask`, and the loop that serves many due tasks.
//! They work like the compiled calls of the module `cogloop`; see `cogloop/compiled.rs`.
//!
//! ```text
//!   of a loop:  TASKS[ place ] = task        ENVS[ place ] = the task's table of user values, weak
//! ```
//!
//! The FFI does not reach the user values of a userdata. Their table is the userdata's environment. So the Lua code
//! keeps the environment of each task in ENVS.

use super::task::{LAST, finish, link, rearm};
use crate::host::arm::{Due, For};
use crate::host::compiled::{note_firing, on, on_without_hook, prepare, take_due};
use crate::host::drive::must_return;
use crate::host::entries::slot;
use crate::host::memory::{LoopBlock, TaskBlock, value};
use crate::host::state::{check_loop, with_or_raise};
use crate::host::upvalue;
use crate::lua::args::{fraction_to_ns, period_of, test_userdata};
use crate::lua::class::{keep, push_weak_table, set_functions};
use crate::lua::compiled::{is_allowed, run, set_pointers};
use crate::lua::entry::entry;
use crate::lua::version::{new_userdata, push_user_value, set_user_value};
use cogloop_io::Key;
use mlua::ffi::{
    LUA_TTABLE, lua_State, lua_createtable, lua_getfenv, lua_gettop, lua_pushinteger, lua_pushvalue, lua_rawseti,
    lua_setfield, lua_setmetatable, lua_settop, lua_tonumber, lua_type, lua_upvalueindex,
};
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

/// The Lua side.
const CODE: &str = include_str!("compiled.lua");

/// The place in the registry of the Lua function that serves due tasks.
pub(super) static SERVE_KEY: u8 = 0;

/// The number of tasks that [`fill`] makes.
const STOCK: c_int = 32;

/// Takes the place of the number of arguments in a task that was never armed.
const NEW: c_int = -2;

/// Replaces functions of the class by those that are compiled with the script, if that is allowed.
///
/// # Safety
///
/// Only for `open_loop`, when the functions of the class are set. The upvalues are at the indices `upvalues`. May
/// raise.
pub(super) unsafe fn install(lua: *mut lua_State, upvalues: &[c_int; 5]) {
    // SAFETY: the caller's promise. The Lua code gives the pointers the types that the functions below have.
    unsafe {
        if !is_allowed() {
            return;
        }
        let top = lua_gettop(lua);
        for n in [upvalue::CLASS, upvalue::LOOP, upvalue::TIMER] {
            lua_pushvalue(lua, upvalues[n as usize - 1]);
        }
        lua_createtable(lua, 0, 16);
        let own = top + 4;
        let functions = [(c"values", values as _), (c"fill", fill as _), (c"of_task", of_task as _)];
        set_functions(lua, own, upvalues, &functions);
        set_functions(lua, own, upvalues, &[(c"finish", finish_task), (c"again_or_raise", again_or_raise)]);
        let pointers = [
            (c"add", add as *const c_void),
            (c"linked", linked as *const c_void),
            (c"cancel", cancel as *const c_void),
            (c"next", next as *const c_void),
            (c"begin", begin as *const c_void),
            (c"ended", ended as *const c_void),
            (c"again", again as *const c_void),
        ];
        set_pointers(lua, own, &pointers);
        for (name, n) in [(c"TASKS", value::TASKS), (c"CURRENT", value::CURRENT), (c"ENVS", value::ENVS)] {
            lua_pushinteger(lua, n.into());
            lua_setfield(lua, own, name.as_ptr());
        }
        lua_pushvalue(lua, upvalues[LAST as usize - 1]);
        lua_setfield(lua, own, c"last".as_ptr());
        run(lua, CODE, 4);
        keep(lua, top + 1, &SERVE_KEY);
        lua_settop(lua, top);
    }
}

entry!(
    /// `( loop )` → the table of the loop's user values; nothing if the value is no open loop
    fn values(lua: *mut lua_State) -> c_int {
        if prepare(lua, upvalue::LOOP).is_none() {
            return 0;
        }
        push_user_value(lua, 1, value::ENVS);
        if lua_type(lua, -1) != LUA_TTABLE {
            push_weak_table(lua);
            // Making the table may have run a finalizer, which may have closed the loop.
            if prepare(lua, upvalue::LOOP).is_none() {
                return 0;
            }
            set_user_value(lua, 1, value::ENVS);
        }
        lua_getfenv(lua, 1);
        1
    }
);

entry!(
    /// `( stock, environments )` → the number of tasks that it makes. Puts the tasks into the first table, and the
    /// tables of their user values into the second.
    fn fill(lua: *mut lua_State) -> c_int {
        for n in 1..=STOCK {
            let task = new_userdata(lua, size_of::<TaskBlock>(), 2).cast::<TaskBlock>();
            task.write(TaskBlock { key: TaskBlock::DONE, owner: 0, args: NEW });
            lua_pushvalue(lua, lua_upvalueindex(upvalue::TIMER));
            lua_setmetatable(lua, -2);
            lua_getfenv(lua, -1);
            lua_rawseti(lua, 2, n.into());
            lua_rawseti(lua, 1, n.into());
        }
        lua_pushinteger(lua, STOCK.into());
        1
    }
);

entry!(
    /// `( task )` → the table of its user values
    fn of_task(lua: *mut lua_State) -> c_int {
        if test_userdata(lua, 1, upvalue::TIMER).is_null() {
            return 0;
        }
        lua_getfenv(lua, 1);
        1
    }
);

entry!(
    /// `( task )`: drops the function and arguments of a task that was cancelled.
    fn finish_task(lua: *mut lua_State) -> c_int {
        if !test_userdata(lua, 1, upvalue::TIMER).is_null() {
            finish(lua, 1);
        }
        0
    }
);

/// Arms a task of the stock, and returns its place in TASKS. The Lua code then stores the task at that place, and sets
/// the field `arming` of the loop's block to 0. If a turn, a listing or another timer has come before that, the task
/// may be parked, that is, its timer is paused. In this case the Lua code also calls [`linked`].
unsafe extern "C" fn add(block: *mut LoopBlock, ms: f64, args: i32, task: *mut TaskBlock) -> i32 {
    // SAFETY: called by the Lua code with a loop and a task, or null. Without a limit `arm` does not use the Lua state.
    unsafe {
        on_without_hook(block, |state| {
            if state.timers_max.is_some() || state.debug || task.is_null() || (*task).args != NEW {
                return None;
            }
            let delay_ns = fraction_to_ns(ms)?;
            let key = state.arm(null_mut(), Due::After(delay_ns), For::Script, 0).ok()?;
            state.arms(key);
            task.write(TaskBlock { key: key.to_bits(), owner: state.id as u32, args });
            Some(slot(key.index()) as i32)
        })
    }
}

/// Lets the time of a parked task go on. The Lua code calls this function when a task that may be parked is in TASKS.
/// Returns 1, or 0 if the task was cancelled meanwhile.
unsafe extern "C" fn linked(block: *mut LoopBlock, task: *const TaskBlock) -> i32 {
    // SAFETY: called by the Lua code with a loop and a task.
    unsafe { on(block, |state| Key::from_bits((*task).key).map(|key| i32::from(state.armed_in_steps(key)))) }
}

/// Cancels a pending task. Returns its place in TASKS. The Lua code then empties the place, and sets the field
/// `emptying` of the block to 0.
unsafe extern "C" fn cancel(block: *mut LoopBlock, task: *mut TaskBlock) -> i32 {
    // SAFETY: called by the Lua code with a loop and a task.
    unsafe {
        on_without_hook(block, |state| {
            if (*task).owner != state.id as u32 || state.debug || !state.steps.may_empty() {
                return None;
            }
            let key = Key::from_bits((*task).key)?;
            state.events.cancel_timer(key)?;
            (*task).key = TaskBlock::DONE;
            state.empties(key.index());
            Some(slot(key.index()) as i32)
        })
    }
}

/// Takes the next due task, and returns its place in TASKS. The Lua code empties the place and calls [`begin`]. Returns
/// 0 if no task is left for this turn, or if the loop must return. Returns [`UNUSUAL`](crate::host::compiled::UNUSUAL)
/// if the C function must serve the task.
unsafe extern "C" fn next(block: *mut LoopBlock) -> i32 {
    // SAFETY: called by the Lua code with a loop; the state is null or belongs to an open loop.
    unsafe {
        if must_return((*block).state) {
            return 0;
        }
        on_without_hook(block, |state| {
            let Some(expired) = take_due(state)? else { return Some(0) };
            note_firing(state, expired);
            state.empties(expired.key.index());
            Some(slot(expired.key.index()) as i32)
        })
    }
}

/// Called just before the task's callback. Returns the number of the callback's arguments;
/// [`UNUSUAL`](crate::host::compiled::UNUSUAL) if there is no task, or the loop was closed.
unsafe extern "C" fn begin(block: *mut LoopBlock, task: *mut TaskBlock) -> i32 {
    // SAFETY: called by the Lua code with a loop, and with what was in TASKS.
    unsafe {
        on(block, |state| {
            state.emptied();
            if task.is_null() {
                return None;
            }
            (*task).key = TaskBlock::RUNNING;
            state.current = task;
            Some((*task).args)
        })
    }
}

/// Called when the task's callback has returned. Returns 1 if the task may be armed again, 0 if the task has ended, and
/// [`UNUSUAL`](crate::host::compiled::UNUSUAL) if the loop was closed.
unsafe extern "C" fn ended(block: *mut LoopBlock, task: *mut TaskBlock) -> i32 {
    // SAFETY: called by the Lua code with a loop and a task.
    unsafe {
        on(block, |state| {
            state.current = null_mut();
            let may_go_on = (*task).key == TaskBlock::RUNNING;
            (*task).key = TaskBlock::DONE;
            Some(i32::from(may_go_on))
        })
    }
}

/// If the number that the task's callback has returned is a period, arms the task again and returns its place, like
/// [`add`]. If it is no period, returns 0. If the C function must arm the task, returns
/// [`UNUSUAL`](crate::host::compiled::UNUSUAL).
unsafe extern "C" fn again(block: *mut LoopBlock, task: *mut TaskBlock, ms: f64) -> i32 {
    // SAFETY: called by the Lua code with a loop and a task.
    unsafe {
        on_without_hook(block, |state| {
            let Some(period_ns) = period_of(ms) else { return Some(0) };
            let deadline_ns = state.cogloop.firing?.deadline_ns;
            let key = rearm(state, deadline_ns, period_ns).ok()?;
            state.arms(key);
            (*task).key = key.to_bits();
            Some(slot(key.index()) as i32)
        })
    }
}

entry!(
    /// `( loop, task, ms )`: like [`again`], but raises if the task cannot be armed
    fn again_or_raise(lua: *mut lua_State) -> c_int {
        let state = check_loop(lua, 1);
        let task = test_userdata(lua, 2, upvalue::TIMER).cast::<TaskBlock>();
        let Some(period_ns) = period_of(lua_tonumber(lua, 3)).filter(|_| !task.is_null()) else { return 0 };
        let Some(fired) = (*state).cogloop.firing else { return 0 };
        lua_settop(lua, 2);
        let key = with_or_raise(lua, state, |state| Ok(rearm(state, fired.deadline_ns, period_ns)?));
        link(lua, state, task, key);
        0
    }
);
