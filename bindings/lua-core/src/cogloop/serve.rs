//! Serving what is due: one C function for a batch, one Lua call for a callback, and between the two as little as can be.

use super::arm::Payload;
use super::coroutine;
use super::stats::Meter;
use crate::host::drive::must_return;
use crate::host::state::{LoopBlock, State, value, with};
use crate::lua::callback::call;
use crate::lua::guard::stack_is;
use crate::lua::version::push_user_value;
use crate::t_loop::task::slot;
use mlua::ffi::{lua_State, lua_call, lua_pushnil, lua_pushvalue, lua_rawgeti, lua_rawseti, lua_settop};

/// Calls every timer that is due in this turn. Returns whether there was any.
///
/// # Safety
///
/// The rule of the crate; the loop of this block is at 1, is open, and is one of the face `cogloop`.
pub(crate) unsafe fn serve_timers(lua: *mut lua_State, block: *mut LoopBlock) -> bool {
    // SAFETY: the caller's promise; the state is fetched anew after each callback, which may have closed the loop.
    unsafe {
        lua_settop(lua, 1);
        push_user_value(lua, 1, value::TASKS); // S: loop entries
        let mut found = false;
        while !must_return((*block).state) {
            let state = (*block).state;
            let expired = match with(state, |state| Ok(state.events.next_expired())) {
                Ok(Some(expired)) => expired,
                Ok(None) => break,
                Err(text) => text.raise(lua),
            };
            found = true;
            stack_is(lua, 2);
            (*state).served = true;
            (*state).own.firing = Some(expired);
            let payload = Payload(expired.value);
            lua_rawgeti(lua, 2, slot(expired.key.index())); // S: loop entries entry
            if !payload.repeats() {
                // The wheel has let go of the key, so this place is next in line for a new timer.
                lua_pushnil(lua);
                lua_rawseti(lua, 2, slot(expired.key.index()));
            }
            (*state).own.fired += 1;
            if payload.is_wait() {
                coroutine::serve(lua, payload, expired.key);
            } else if (*state).own.is_measuring {
                measured(lua, state, payload, expired.late_ns);
            } else {
                invoke(lua, payload);
            }
            lua_settop(lua, 2);
        }
        if let Some(state) = (*block).state.as_mut() {
            state.own.firing = None;
        }
        found
    }
}

/// Calls the entry on top.
#[inline]
unsafe fn invoke(lua: *mut lua_State, payload: Payload) {
    // SAFETY: only called by `serve_timers`.
    unsafe {
        match payload.packed_args() {
            None => lua_call(lua, 0, 0),
            Some(args) => call(lua, args, 0),
        }
    }
}

/// The same, timed.
#[cold]
unsafe fn measured(lua: *mut lua_State, state: *mut State, payload: Payload, late_ns: u64) {
    // SAFETY: only called by `serve_timers`. S: loop entries entry
    unsafe {
        if let Some(meter) = &mut (*state).own.meter {
            meter.late(late_ns);
        }
        let start_ns = Meter::start(state);
        lua_pushvalue(lua, 3);
        invoke(lua, payload);
        if let Some(start_ns) = start_ns {
            Meter::stop(lua, start_ns, 3);
        }
    }
}
