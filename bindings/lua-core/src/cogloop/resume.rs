//! Resumes the coroutine of a task, and then registers what the task waits for next.

use super::claim::limit;
use super::fail::{close_stubborn, fail};
use super::finish::{finish, is_over};
use super::left::{Left, is_left, mark};
use super::sleepers::expect_sleeper;
use super::slice::{begin_slice, end_slice, line_of};
use super::task::{Asked, Phase, THREAD, Task, task_at};
use super::ticket::{Payload, arm_entry};
use super::traceback::on_raise;
use super::unpark::{CUTS_MAX, push_raise, raised_now};
use crate::host::arm::Due;
use crate::host::memory::{COROUTINE, Handle, Meter, Request, State, value};
use crate::host::node::{attach, drop_directions, set_callback, settle_reference};
use crate::host::state::{state_at, with_or_raise};
use crate::lua::guard::{Failure, Text};
use crate::lua::interrupt;
use crate::lua::version::{allow_yields, begin, push_user_value, set_user_value};
use cogloop_io::Interest;
use mlua::ffi::{
    LUA_OK, LUA_TLIGHTUSERDATA, LUA_YIELD, lua_State, lua_checkstack, lua_gettop, lua_insert, lua_pop,
    lua_pushlightuserdata, lua_pushvalue, lua_resume, lua_settop, lua_status, lua_tothread, lua_touserdata, lua_type,
    lua_xmove, luaL_checkstack,
};
use std::ffi::c_int;

/// Resumes the coroutine of the task at `index` with the `values` on top, if the coroutine is still as it was left.
/// Then registers what the task waits for.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, and a task at `index`, with nothing but the values above it.
pub(super) unsafe fn go(lua: *mut lua_State, index: c_int, mut left: Left, mut values: c_int) {
    // SAFETY: the caller's promise. The coroutine is on the stack, and its own stack is touched only after `is_left`.
    unsafe {
        push_user_value(lua, index, THREAD);
        lua_insert(lua, index + 1); // stack: … task co values…
        let coroutine = lua_tothread(lua, index + 1);
        let state = state_at(lua, 1);
        if !state.is_null() && !std::mem::replace(&mut (*state).cogloop.may_yield, true) {
            allow_yields(lua);
        }
        if coroutine.is_null() || (*task_at(lua, index)).is_over() || !is_left(coroutine, left) {
            return lost(lua, index);
        }
        let clock = if state.is_null() { None } else { Meter::start(state) };
        let slice = clock.map(|start_ns| begin_slice(lua, index, left, start_ns));
        while let Some(again) = run_on(lua, index, coroutine, left, values) {
            left = Left::Waiting;
            values = again;
        }
        if let Some(slice) = slice {
            end_slice(lua, index, slice);
        }
    }
}

/// Resumes a coroutine once, and serves its request. If the coroutine can go on at once, returns the number of values
/// on top with which it goes on. Stack: … task co values…
unsafe fn run_on(
    lua: *mut lua_State,
    index: c_int,
    coroutine: *mut lua_State,
    left: Left,
    values: c_int,
) -> Option<c_int> {
    // SAFETY: only called by `go`, with a coroutine that is as it was left. No Rust value with a destructor is alive;
    // the state is fetched again after the coroutine has run.
    unsafe {
        let task = task_at(lua, index);
        let args = hand_over(lua, coroutine, left, values)?;
        lua_settop(lua, index + 1);
        (*task).phase = Phase::Running;
        (*task).key = 0;
        (*task).is_cut = false;
        // If the task raises, `onerror` gets CURRENT.
        lua_pushvalue(lua, index);
        set_user_value(lua, 1, value::CURRENT);
        let (request, results) = resume(lua, state_at(lua, 1), coroutine, index, args)?;
        let state = state_at(lua, 1);
        note_line(state, coroutine);
        let Some(request) = request else {
            // The script has called `coroutine.yield`, so other tasks run first.
            lua_pop(coroutine, results);
            (*task).phase = Phase::Queued;
            queue(lua, state, index, Payload::YIELDED, 0);
            return None;
        };
        match (*task).asked {
            Asked::Pending => {
                keep_mark(coroutine, results);
                (*task).asked = raised_now(state, task);
                return Some(push_raise(lua, index));
            }
            Asked::Raised { .. } if (*task).cuts >= CUTS_MAX => {
                close_stubborn(lua, coroutine, index);
                return None;
            }
            _ => {}
        }
        if let Request::Wait { handle, direction, limit_ns } = request {
            lua_pop(coroutine, 1);
            lua_xmove(coroutine, lua, 1); // stack: … task co handle
            lua_pushlightuserdata(coroutine, mark());
            return claim(lua, index, coroutine, (handle, direction), limit_ns);
        }
        keep_mark(coroutine, results);
        rest(lua, state, index, request);
        None
    }
}

/// Notes the line where a coroutine waits, for a recording.
unsafe fn note_line(state: *mut State, coroutine: *mut lua_State) {
    // SAFETY: only called by `run_on` and `claim`, with an open loop and a coroutine that has yielded.
    unsafe {
        if (*state).events.is_recorded() {
            (*state).set_place(line_of(coroutine).text().as_bytes());
        }
    }
}

/// Puts the values with which the coroutine goes on onto the coroutine's stack, and removes the mark that a wait has
/// left on top of that stack. If the coroutine is fresh or was woken, the values are there already. In all other cases
/// they are the `values` on top of `lua`. Returns the number of values; `None` if the loop is closed, or the coroutine
/// has no room.
unsafe fn hand_over(lua: *mut lua_State, coroutine: *mut lua_State, left: Left, values: c_int) -> Option<c_int> {
    // SAFETY: only called by `run_on`.
    unsafe {
        let fresh = if let Left::Fresh(args) = left { args } else { 0 };
        if state_at(lua, 1).is_null() || lua_checkstack(coroutine, values + fresh + 8) == 0 {
            return None;
        }
        Some(match left {
            Left::Fresh(args) if lua_status(coroutine) == LUA_OK => begin(coroutine, args, on_raise),
            Left::Fresh(_) | Left::Yielded => 0,
            Left::Woken(count) => {
                lua_pop(coroutine, 1); // the mark
                count
            }
            Left::Waiting => {
                lua_pop(coroutine, 1); // the mark
                lua_xmove(lua, coroutine, values);
                values
            }
        })
    }
}

/// Lets the task at `index` wait for the handle on top. If the system refuses the handle, pushes the error with which
/// the task goes on, and returns the number of values.
unsafe fn claim(
    lua: *mut lua_State,
    index: c_int,
    coroutine: *mut lua_State,
    (handle, direction): (Handle, Interest),
    limit_ns: Option<u64>,
) -> Option<c_int> {
    // SAFETY: only called by `run_on`, with an open loop. Stack: … task co handle
    unsafe {
        match attach(lua, index + 2, handle, direction) {
            Ok(node) if is_left(coroutine, Left::Waiting) => {
                let (state, task) = (state_at(lua, 1), task_at(lua, index));
                (*node).owner = (*state).id;
                set_callback(lua, index + 2, direction, index, COROUTINE); // stack: … task co handle … node
                (*state).cogloop.waiting = handle.number;
                (*task).phase = Phase::Watching(handle.number);
                settle_reference(state, node);
                if let Some(limit_ns) = cut(state, task, limit_ns) {
                    note_line(state, coroutine);
                    limit(lua, node, direction, limit_ns);
                }
                lua_settop(lua, index);
                None
            }
            // The Lua code of the handle's object has resumed or ended the coroutine.
            Ok(_) => {
                drop_directions(lua, state_at(lua, 1), lua_gettop(lua), direction);
                None
            }
            Err(failure) => {
                lua_settop(lua, index + 1);
                let values = failure.push(lua);
                is_left(coroutine, Left::Waiting).then_some(values)
            }
        }
    }
}

/// Removes the values that a coroutine has yielded, but not the mark.
unsafe fn keep_mark(coroutine: *mut lua_State, results: c_int) {
    // SAFETY: only called with a coroutine that has yielded these values, with the mark on top.
    unsafe {
        if results > 1 {
            lua_pop(coroutine, results);
            lua_pushlightuserdata(coroutine, mark());
        }
    }
}

/// Called if the coroutine of the task at `index` is not as it was left, because other code has resumed or closed it.
/// If it was closed, the task ends.
unsafe fn lost(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called by `go`.
    unsafe {
        lua_settop(lua, index);
        (*task_at(lua, index)).key = 0;
        is_over(lua, index, state_at(lua, 1));
    }
}

/// The longest time that a wait may take. A cancelled task may wait no longer than its grace period, the time for
/// cleaning up. If the grace period cuts the wait short, the wait raises the cancellation again.
unsafe fn cut(state: *mut State, task: *mut Task, limit_ns: Option<u64>) -> Option<u64> {
    // SAFETY: only called by `claim` and `rest`, with an open loop.
    unsafe {
        let Asked::Raised { until_ns } = (*task).asked else { return limit_ns };
        let left_ns = until_ns.saturating_sub((*state).events.now_ns());
        if limit_ns.is_some_and(|limit_ns| limit_ns < left_ns) {
            return limit_ns;
        }
        (*task).is_cut = true;
        (*task).cuts += u8::from(left_ns == 0);
        Some(left_ns)
    }
}

/// Lets the task at `index` sleep, or park.
unsafe fn rest(lua: *mut lua_State, state: *mut State, index: c_int, request: Request) {
    // SAFETY: only called by `run_on`, with an open loop.
    unsafe {
        let task = task_at(lua, index);
        match request {
            Request::Sleep(delay_ns) => {
                (*task).phase = Phase::Sleeping;
                let delay_ns = cut(state, task, Some(delay_ns)).unwrap_or(delay_ns);
                queue(lua, state, index, Payload::COROUTINE, delay_ns);
            }
            Request::Park { limit_ns, is_public } => {
                (*task).phase = if is_public { Phase::Parked } else { Phase::Paused };
                if let Some(limit_ns) = cut(state, task, limit_ns) {
                    queue(lua, state, index, Payload::UNPARKED, limit_ns);
                }
            }
            Request::Wait { .. } => {}
        }
    }
}

/// Resumes the coroutine of the task at `index` with the `args` on its stack. Returns the coroutine's request, if it
/// has one, and the number of values that it has yielded. Returns `None` if the coroutine has ended, or the loop is
/// closed. If the coroutine fails and nothing waits for the task, raises the error.
unsafe fn resume(
    lua: *mut lua_State,
    state: *mut State,
    coroutine: *mut lua_State,
    index: c_int,
    args: c_int,
) -> Option<(Option<Request>, c_int)> {
    // SAFETY: only called by `run_on`, with a coroutine that can be resumed.
    unsafe {
        (*state).cogloop.firing = None;
        (*state).cogloop.request = None;
        let outer = std::mem::replace(&mut (*state).cogloop.resumed, coroutine);
        let is_cut_off = std::mem::replace(&mut (*state).cogloop.is_cut_off, false);
        let runner = interrupt::run_in(coroutine);
        let mut results = 0;
        let status = lua_resume(coroutine, lua, args, &raw mut results);
        interrupt::run_in(runner);
        let state = state_at(lua, 1);
        if let Some(state) = state.as_mut() {
            state.cogloop.resumed = outer;
            state.cogloop.is_cut_off = is_cut_off;
        }
        match status {
            LUA_YIELD => {}
            LUA_OK => {
                luaL_checkstack(lua, results + 8, c"too many results".as_ptr());
                lua_xmove(coroutine, lua, results);
                // `coroutine.status` says "dead" only if the stack is empty.
                lua_settop(coroutine, 0);
                finish(lua, index, Phase::Done, results);
                return None;
            }
            _ => {
                fail(lua, coroutine, index);
                return None;
            }
        }
        if state.is_null() {
            return None;
        }
        let is_ours =
            results > 0 && lua_type(coroutine, -1) == LUA_TLIGHTUSERDATA && lua_touserdata(coroutine, -1) == mark();
        let request = (*state).cogloop.request.take().filter(|request| match request {
            Request::Sleep(_) | Request::Park { .. } => is_ours,
            Request::Wait { .. } => is_ours && results > 1,
        });
        Some((request, results))
    }
}

/// Arms a timer that resumes the task at `index`.
unsafe fn queue(lua: *mut lua_State, state: *mut State, index: c_int, payload: u64, delay_ns: u64) {
    // SAFETY: only called by `run_on` and `rest`, with the state of the loop at 1.
    unsafe {
        lua_settop(lua, index);
        push_user_value(lua, 1, value::TASKS);
        lua_pushvalue(lua, index);
        let may_be_void = payload == Payload::COROUTINE || payload == Payload::UNPARKED;
        if may_be_void {
            with_or_raise(lua, state, |state| Ok(expect_sleeper(state)?));
        }
        let key = arm_entry(lua, state, index + 1, payload, Due::After(delay_ns));
        if may_be_void {
            (*state).cogloop.sleepers.push(key);
        }
        (*task_at(lua, index)).key = key.to_bits();
        lua_settop(lua, index);
    }
}

/// Pushes what `wait`, `park` or `pause` returns to a coroutine when its wait fails. Returns the number of values.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for three values.
pub(super) unsafe fn push_reason(lua: *mut lua_State, errno: c_int, why: &str) -> c_int {
    // SAFETY: the caller's promise. The values are made on this stack, because an out-of-memory error on the
    // coroutine's stack would not be caught.
    unsafe { Failure { errno, text: Text::new(why) }.push(lua) }
}
