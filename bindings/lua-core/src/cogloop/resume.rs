//! Resuming a coroutine, and queueing it for what it waits for next.

use super::claim::limit;
use super::left::{Left, is_left, mark};
use super::sleepers::expect_sleeper;
use super::ticket::{Payload, arm_entry};
use crate::host::arm::Due;
use crate::host::leave::CLOSED;
use crate::host::memory::{COROUTINE, Request, State, value};
use crate::host::node::{attach, drop_directions, set_callback, settle_reference};
use crate::host::state::{state_at, with_or_raise};
use crate::lua::guard::{Failure, Text, push_text};
use crate::lua::interrupt;
use crate::lua::version::{allow_yields, begin, close_thread, push_user_value, set_user_value};
use mlua::ffi::{
    LUA_OK, LUA_TLIGHTUSERDATA, LUA_YIELD, lua_State, lua_checkstack, lua_concat, lua_error, lua_gettop, lua_pop,
    lua_pushstring, lua_pushvalue, lua_rawequal, lua_replace, lua_resume, lua_settop, lua_status, lua_tothread,
    lua_touserdata, lua_type, lua_xmove, luaL_traceback,
};
use std::ffi::c_int;
use std::ptr::null;

/// Resumes the coroutine at `index` with the `values` on top, if it is as it was left, and then queues it for what it
/// waits for.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1, at `index` what was a coroutine when the entry was made.
pub(super) unsafe fn go(lua: *mut lua_State, index: c_int, mut left: Left, mut values: c_int) {
    // SAFETY: the caller's promise. No Rust value with a destructor is alive; the state is fetched anew after the
    // coroutine has run. The coroutine's stack is touched only after `is_left`.
    unsafe {
        let coroutine = lua_tothread(lua, index);
        let state = state_at(lua, 1);
        if !state.is_null() && !std::mem::replace(&mut (*state).cogloop.may_yield, true) {
            allow_yields(lua);
        }
        while !coroutine.is_null() && is_left(coroutine, left) {
            let state = state_at(lua, 1);
            let fresh = if let Left::Fresh(args) = left { args } else { 0 };
            if state.is_null() || lua_checkstack(coroutine, values + fresh + 8) == 0 {
                return;
            }
            let args = match left {
                Left::Fresh(args) if lua_status(coroutine) == LUA_OK => {
                    begin(coroutine, args);
                    args
                }
                Left::Fresh(_) | Left::Yielded => 0,
                Left::Waiting => {
                    lua_pop(coroutine, 1); // the mark
                    lua_xmove(lua, coroutine, values);
                    values
                }
            };
            // For `onerror`.
            lua_pushvalue(lua, index);
            set_user_value(lua, 1, value::CURRENT);
            let (request, results) = match resume(lua, state, coroutine, args) {
                Some(yielded) => yielded,
                None => return,
            };
            let state = state_at(lua, 1);
            let Some(request) = request else {
                // A yield of the script's own lets others run.
                lua_pop(coroutine, results);
                return queue(lua, state, index, Payload::YIELDED, 0);
            };
            let Request::Wait { handle, direction, limit_ns } = request else {
                let Request::Sleep(delay_ns) = request else { return };
                lua_pop(coroutine, results - 1); // the mark stays
                return queue(lua, state, index, Payload::COROUTINE, delay_ns);
            };
            lua_pushvalue(coroutine, -2);
            lua_xmove(coroutine, lua, 1); // S: … co handle
            left = Left::Waiting;
            match attach(lua, index + 1, handle, direction) {
                Ok(node) if is_left(coroutine, left) => {
                    let state = state_at(lua, 1);
                    (*node).owner = (*state).id;
                    set_callback(lua, index + 1, direction, index, COROUTINE); // S: … co handle … node
                    (*state).cogloop.waiting = handle.number;
                    settle_reference(state, node);
                    if let Some(limit_ns) = limit_ns {
                        limit(lua, node, direction, limit_ns);
                    }
                    lua_settop(lua, index);
                    return;
                }
                // The object's Lua code has resumed or ended the coroutine.
                Ok(_) => {
                    let _ = drop_directions(lua, state_at(lua, 1), lua_gettop(lua), direction);
                    return;
                }
                Err(failure) => {
                    lua_settop(lua, index);
                    values = failure.push(lua);
                }
            }
        }
    }
}

/// Resumes a coroutine with the `args` on its stack. Returns its request, if it has one, and how many values it has
/// yielded; `None` if it has ended, or the loop is closed. Raises its error.
unsafe fn resume(
    lua: *mut lua_State,
    state: *mut State,
    coroutine: *mut lua_State,
    args: c_int,
) -> Option<(Option<Request>, c_int)> {
    // SAFETY: only called by `go`, with a coroutine that can be resumed.
    unsafe {
        (*state).cogloop.firing = None;
        (*state).cogloop.request = None;
        let outer = std::mem::replace(&mut (*state).cogloop.resumed, coroutine);
        let runner = interrupt::run_in(coroutine);
        let mut results = 0;
        let status = lua_resume(coroutine, lua, args, &raw mut results);
        interrupt::run_in(runner);
        let state = state_at(lua, 1);
        if let Some(state) = state.as_mut() {
            state.cogloop.resumed = outer;
        }
        match status {
            LUA_YIELD => {}
            LUA_OK => {
                // With an empty stack it is dead, and `coroutine.status` says so.
                lua_settop(coroutine, 0);
                return None;
            }
            _ => fail(lua, coroutine),
        }
        if state.is_null() {
            return None;
        }
        let is_ours =
            results > 0 && lua_type(coroutine, -1) == LUA_TLIGHTUSERDATA && lua_touserdata(coroutine, -1) == mark();
        let request = (*state).cogloop.request.take().filter(|request| match request {
            Request::Sleep(_) => is_ours,
            Request::Wait { .. } => is_ours && results > 1,
        });
        Some((request, results))
    }
}

/// Arms a timer that goes on with the coroutine at `index`.
unsafe fn queue(lua: *mut lua_State, state: *mut State, index: c_int, payload: u64, delay_ns: u64) {
    // SAFETY: only called by `go`, with the state of the loop at 1.
    unsafe {
        lua_settop(lua, index);
        push_user_value(lua, 1, value::TASKS);
        lua_pushvalue(lua, index);
        if payload == Payload::COROUTINE {
            with_or_raise(lua, state, |state| Ok(expect_sleeper(state)?));
        }
        let key = arm_entry(lua, state, index + 1, payload, Due::After(delay_ns));
        if payload == Payload::COROUTINE {
            (*state).cogloop.sleepers.push(key);
        }
        lua_settop(lua, index);
    }
}

/// Raises the error of a coroutine, with the traceback of its own stack. Closing the coroutine may raise another error
/// in a `__close`, which the traceback then tells.
unsafe fn fail(lua: *mut lua_State, coroutine: *mut lua_State) -> ! {
    // SAFETY: only called by `resume`; the error is on top of the coroutine's stack, and stays there: its `__close` get
    // it.
    unsafe {
        luaL_traceback(lua, coroutine, null(), 0);
        lua_xmove(coroutine, lua, 1); // S: … traceback err
        lua_pushvalue(lua, -1);
        lua_xmove(lua, coroutine, 1);
        if close_thread(coroutine) {
            lua_xmove(coroutine, lua, 1);
            if lua_rawequal(lua, -1, -2) == 0 {
                lua_pushvalue(lua, -3); // S: … traceback err other traceback
                lua_pushstring(lua, CLOSED.as_ptr());
                push_text(lua, -3);
                lua_concat(lua, 3);
                lua_replace(lua, -4);
            }
            lua_pop(lua, 1);
        }
        lua_settop(coroutine, 0);
        if let Some(state) = state_at(lua, 1).as_mut() {
            state.cogloop.has_traceback = true;
            lua_pushvalue(lua, -2);
            set_user_value(lua, 1, value::TRACEBACK);
        }
        lua_error(lua)
    }
}

/// Pushes what `wait` returns to a coroutine when its wait fails. Returns the number of values.
///
/// # Safety
///
/// The rule of the crate. Room for three values.
pub(super) unsafe fn push_reason(lua: *mut lua_State, errno: rustix::io::Errno, why: &str) -> c_int {
    // SAFETY: the caller's promise. They are made on this stack: an error of memory on the coroutine's stack would not
    // be caught.
    unsafe { Failure { errno: errno.raw_os_error(), text: Text::new(why) }.push(lua) }
}
