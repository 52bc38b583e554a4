//! The functions that run a loop, ask it for its time, and close it.

use super::loops::receiver;
use super::ticket::{Ticket, push_ticket};
use super::upvalue;
use crate::host::drive::drive;
use crate::host::memory::{LoopBlock, Pace, value};
use crate::host::state::{check_loop, state_at};
use crate::lua::args::{bad_argument, check_ms, is_callable, push_ms, test_userdata, wrong};
use crate::lua::entry::entry;
use crate::lua::guard::{Failure, Text};
use crate::lua::stack::stack;
use crate::lua::version::{push_user_value, set_user_value};
use cogloop_io::Wait;
use mlua::ffi::{
    LUA_TNIL, LUA_TNONE, LUA_TTABLE, lua_State, lua_gettop, lua_pushboolean, lua_pushfstring, lua_pushinteger,
    lua_pushvalue, lua_rawgeti, lua_replace, lua_settop, lua_topointer, lua_touserdata, lua_type, lua_upvalueindex,
};
use std::ffi::c_int;

/// Takes the kernel's error of the last run, if the kernel refused a wait. The loop is at 1.
unsafe fn refused(lua: *mut lua_State) -> Option<Failure> {
    // SAFETY: only called by functions of the module.
    unsafe { state_at(lua, 1).as_mut() }?.cogloop.refused.take()
}

entry!(
    /// `loop:run( )` → true, after `stop` or when nothing is left; or nil, message, errno
    pub(super) fn run(lua: *mut lua_State) -> c_int {
        receiver(lua);
        drive(lua, Pace::Forever);
        if let Some(failure) = refused(lua) {
            return failure.push(lua);
        }
        lua_pushboolean(lua, 1);
        1
    }
);

entry!(
    /// `loop:step( [ms] )` → whether anything is left; or nil, message, errno. Takes one turn, which waits for at most
    /// `ms`.
    pub(super) fn step(lua: *mut lua_State) -> c_int {
        receiver(lua);
        let wait = match lua_type(lua, 2) {
            LUA_TNONE | LUA_TNIL => Wait::Block,
            _ => Wait::AtMost(check_ms(lua, 2)),
        };
        drive(lua, Pace::Once(wait));
        if let Some(failure) = refused(lua) {
            return failure.push(lua);
        }
        let is_left = state_at(lua, 1).as_ref().is_some_and(|state| !state.is_idle());
        lua_pushboolean(lua, c_int::from(is_left));
        1
    }
);

entry!(
    /// `loop:advance( ms )` → true; or nil, message, errno. Lets virtual time pass, and serves each timer at its own
    /// time. If a callback calls `advance`, the time passes but no timer is served, as if the callback took that long.
    pub(super) fn advance(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        let by_ns = check_ms(lua, 2);
        let Some(clock) = &(*state).virtual_clock else {
            Text::<80>::new("advance: the loop has no virtual clock").raise(lua)
        };
        if let Err(why) = (*state).check_left(by_ns) {
            bad_argument(lua, 2, why.as_ptr());
        }
        if (*state).running {
            clock.advance_ns(by_ns);
            lua_pushboolean(lua, 1);
            return 1;
        }
        let end_ns = (*state).events.now_ns().saturating_add(by_ns);
        drive(lua, Pace::Until { end_ns, is_looked_at: false });
        if let Some(failure) = refused(lua) {
            return failure.push(lua);
        }
        lua_pushboolean(lua, 1);
        1
    }
);

entry!(
    /// `loop:stop( )`: `run` returns after the current callback.
    pub(super) fn stop(lua: *mut lua_State) -> c_int {
        (*receiver(lua)).stopped = true;
        0
    }
);

entry!(
    /// `loop:close( )`. A second call does nothing.
    pub(super) fn close(lua: *mut lua_State) -> c_int {
        // If there is no default loop, `close` does not make one.
        if lua_type(lua, lua_upvalueindex(upvalue::DEFAULT)) == LUA_TTABLE {
            lua_settop(lua, 1);
            lua_rawgeti(lua, lua_upvalueindex(upvalue::DEFAULT), 1);
            lua_replace(lua, 1);
        } else if test_userdata(lua, 1, upvalue::LOOP).is_null() {
            check_loop(lua, 1);
        }
        crate::host::create::close(lua)
    }
);

entry!(
    /// `loop:now( )`: milliseconds since the loop was made.
    pub(super) fn now(lua: *mut lua_State) -> c_int {
        let now_ns = (*receiver(lua)).events.now_ns();
        push_ms(lua, now_ns);
        1
    }
);

entry!(
    /// `loop:firing( )` → the timer whose callback runs, how late it was served in ms, and the number of deadlines that
    /// it has missed; nothing if no timer's callback runs
    pub(super) fn firing(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        let owner = (*state).id;
        let Some(fired) = (*state).cogloop.firing else { return 0 };
        push_ticket(lua, Ticket { key: fired.key.to_bits(), owner }, lua_upvalueindex(upvalue::TIMER));
        push_ms(lua, fired.late_ns);
        lua_pushinteger(lua, fired.missed.try_into().unwrap_or(i64::MAX));
        3
    }
);

entry!(
    /// `loop:onerror( [f] )` → the previous function. `f( err, traceback, what )` gets the errors of callbacks; nil
    /// removes the function.
    pub(super) fn onerror(lua: *mut lua_State) -> c_int {
        receiver(lua);
        let is_given = lua_gettop(lua) > 1;
        if is_given && lua_type(lua, 2) != LUA_TNIL && !is_callable(lua, 2) {
            wrong(lua, 2, c"f", c"a function, a callable object or nil");
        }
        lua_settop(lua, 2);
        push_user_value(lua, 1, value::ONERROR);
        stack!(lua: loop f before);
        if is_given {
            lua_pushvalue(lua, 2);
            set_user_value(lua, 1, value::ONERROR);
        }
        1
    }
);

entry!(
    pub(super) fn to_string(lua: *mut lua_State) -> c_int {
        // A closed loop has a `LoopBlock`, too.
        if test_userdata(lua, 1, upvalue::LOOP).is_null() {
            check_loop(lua, 1);
        }
        let block = lua_touserdata(lua, 1).cast::<LoopBlock>();
        let pointer = lua_topointer(lua, 1);
        match (*block).state.as_ref() {
            None => lua_pushfstring(lua, c"cogloop.loop: closed, %p".as_ptr(), pointer),
            Some(state) => {
                let [timers, handles] = [state.events.timers(), state.events.descriptors()].map(|n| n as c_int);
                lua_pushfstring(lua, c"cogloop.loop: %d timers, %d handles, %p".as_ptr(), timers, handles, pointer)
            }
        };
        1
    }
);
