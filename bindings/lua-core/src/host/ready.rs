//! Serves a handle that is ready, from its token to the call of the script's function.
//!
//! All code in this file runs inside the protected call of `drive`, with the loop at 1, so it may raise.

use super::memory::{
    COROUTINE, DIRECTIONS, Kind as HandleKind, LoopBlock, Meter, NodeBlock, State, direction_value, value,
};
use super::observed::{ask, forget_closed, holds_data};
use super::state::{state_at, with_or_raise};
use crate::lua::callback::call;
use crate::lua::stack::stack;
use crate::lua::version::{push_user_value, set_user_value_to};
use cogloop_io::trace::{Detail, Kind};
use cogloop_io::{Interest, Ready, Token};
use mlua::ffi::{lua_State, lua_rawgeti, lua_settop, lua_touserdata};
use std::ffi::c_int;

/// Runs the callbacks of a handle that is ready: first read, then write, if the handle is still observed.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, `state` is its state, and `ready` was pulled just now, or was
/// kept in `write_left`.
pub(crate) unsafe fn serve_handle(lua: *mut lua_State, state: *mut State, ready: Ready) {
    // SAFETY: the caller's promise; `stack!` lines show what is on the stack. The Node is on the stack, so it lives.
    unsafe {
        let Some(number) = (*state).number_of(ready.token) else { return };
        lua_settop(lua, 1);
        push_user_value(lua, 1, value::NODES);
        lua_rawgeti(lua, 2, number.into());
        stack!(lua: loop nodes node);
        let node = lua_touserdata(lua, 3).cast::<NodeBlock>();
        if node.is_null() {
            return;
        }
        let block = lua_touserdata(lua, 1).cast::<LoopBlock>();
        for (i, direction) in DIRECTIONS.into_iter().enumerate() {
            let state = (*block).state;
            if let Some(state) = state.as_mut() {
                let has_more = i == 0 && ready.ready == Interest::BOTH;
                state.write_left = has_more.then_some(Ready { ready: Interest::WRITE, ..ready });
            }
            // An earlier callback of any handle may have changed anything.
            if is_over(state, node, ready.token) {
                return;
            }
            if (ready.ready & (*node).interest & direction).is_empty() {
                continue;
            }
            // The kernel's report is true until the first callback runs.
            if (*state).served {
                match look_again(lua, node, ready.token, direction) {
                    Report::Holds => {}
                    Report::IsUsedUp => continue,
                    Report::IsOver => return,
                }
            }
            serve_direction(lua, (*block).state, node, i, ready.ready);
        }
    }
}

/// Whether the report of a handle must be dropped, because its loop was closed or stopped, or because the handle was
/// removed.
unsafe fn is_over(state: *mut State, node: *mut NodeBlock, token: Token) -> bool {
    // SAFETY: only called with the state of the loop at 1, or null if it is closed, and with a Node on the stack.
    unsafe { state.is_null() || (*state).stopped || (*node).token != token.to_bits() }
}

/// Whether the kernel's report of a direction is still true after callbacks ran.
enum Report {
    Holds,
    /// The other direction may still be served.
    IsUsedUp,
    IsOver,
}

/// Asks the handle of the Node at 3 whether the report still holds. An object's Lua code may run.
unsafe fn look_again(lua: *mut lua_State, node: *mut NodeBlock, token: Token, direction: Interest) -> Report {
    // SAFETY: only called by `serve_handle`, with the loop at 1, open, and the Node at 3. After Lua code has run,
    // everything that it may have changed is looked up again.
    unsafe {
        let Some((_, is_stale)) = ask(lua, 3) else { return Report::IsOver };
        stack!(lua: loop nodes node);
        if is_stale {
            forget_unless_number(lua, node);
            return Report::IsOver;
        }
        let state = state_at(lua, 1);
        if (*state).stopped || !(*node).interest.contains(direction) || is_used_up(lua, state, node, direction) {
            return Report::IsUsedUp;
        }
        if is_over(state_at(lua, 1), node, token) { Report::IsOver } else { Report::Holds }
    }
}

/// Calls the function of a direction of the Node at 3, or resumes the coroutine that waits for it.
unsafe fn serve_direction(lua: *mut lua_State, state: *mut State, node: *mut NodeBlock, i: usize, ready: Interest) {
    // SAFETY: only called by `serve_handle`, with the loop at 1, open, and the Node at 3.
    unsafe {
        note_current(lua, state, 3);
        if (*node).args[i] == COROUTINE {
            // The other direction may belong to another coroutine or function.
            ((*state).face.resume)(lua, i, ready);
        } else {
            let clock = Meter::start(state);
            push_user_value(lua, 3, direction_value(DIRECTIONS[i]));
            call(lua, (*node).args[i], 0);
            if let Some(start_ns) = clock {
                let number = u64::try_from((*node).number).unwrap_or_default();
                Meter::stop(lua, start_ns, 4, (Kind::Descriptor, Detail::Number(number)));
            }
        }
        lua_settop(lua, 3);
    }
}

/// Whether a callback that ran since the report has used up the readiness of the Node at 3, so that the next read or
/// write could block. The Node's own read callback may have used up the readiness for writing. Any callback may have
/// emptied the buffer of a file or an object. A read from a socket or a plain number needs no check here, because the
/// event loop has asked the kernel again before it returned the report. An object's Lua code may run.
unsafe fn is_used_up(lua: *mut lua_State, state: *mut State, node: *mut NodeBlock, direction: Interest) -> bool {
    // SAFETY: only called by `look_again`, with the Node at 3 and the loop open.
    unsafe {
        let is_asked = direction == Interest::WRITE || matches!((*node).kind, HandleKind::File(_) | HandleKind::Object);
        let Some(token) = Token::from_bits((*node).token).filter(|_| is_asked) else { return false };
        let ready = with_or_raise(lua, state, |state| Ok(state.events.look_again(token, direction)));
        if direction == Interest::WRITE || !ready.is_empty() {
            return ready.is_empty();
        }
        let is_empty = !holds_data(lua, 3);
        // How much an object has buffered depends on how its peer has sent the data. So a recording stores the answer,
        // and a replay uses the stored answer.
        let state = state_at(lua, 1);
        if state.is_null() { true } else { (*state).events.witness(u64::from(is_empty)) != 0 }
    }
}

/// Drops the Node at 3, whose handle was closed. A plain number is kept until the script removes it. While the number
/// is closed, it gets no event on any backend, and the script may open it again.
unsafe fn forget_unless_number(lua: *mut lua_State, node: *mut NodeBlock) {
    // SAFETY: only called by `look_again`, with the Node at 3 and the loop open.
    unsafe {
        if (*node).kind != HandleKind::Number {
            forget_closed(lua, 3);
        }
    }
}

/// Stores the value at `index` as CURRENT, for `onerror`. The callback of that value runs now. Neither raises nor
/// allocates.
pub(crate) unsafe fn note_current(lua: *mut lua_State, state: *mut State, index: c_int) {
    // SAFETY: only called with a live state of the loop at 1, and a Task or Node at `index`.
    unsafe {
        (*state).served = true;
        set_user_value_to(lua, 1, value::CURRENT, index);
    }
}
