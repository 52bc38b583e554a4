//! A loop inside an outer loop: its descriptor, and how long the outer loop may wait. The protocol is that of cqueues.

use super::loops::receiver;
use crate::host::memory::State;
use crate::lua::args::push_ms;
use crate::lua::entry::entry;
use crate::lua::guard::Failure;
use crate::sys::descriptor::number_of;
use mlua::ffi::{lua_State, lua_pushinteger, lua_pushnil, lua_pushnumber, lua_pushstring};
use std::ffi::c_int;

entry!(
    /// `loop:fd( )`, `loop:pollfd( )` → descriptor; or nil, message, errno
    pub(super) fn fd(lua: *mut lua_State) -> c_int {
        // The error becomes plain bytes before anything can raise.
        let state = receiver(lua);
        let answer = match (*state).events.pollable() {
            Ok(fd) => Ok(number_of(&fd)),
            Err(error) => Err(Failure::of("no descriptor to watch", &error)),
        };
        match answer {
            Ok(number) => lua_pushinteger(lua, number.into()),
            Err(failure) => return failure.push(lua),
        }
        1
    }
);

entry!(
    /// `loop:events( )` → `'r'`
    pub(super) fn events(lua: *mut lua_State) -> c_int {
        receiver(lua);
        lua_pushstring(lua, c"r".as_ptr());
        1
    }
);

unsafe fn next_ns(state: *mut State) -> Result<Option<u64>, Failure> {
    // SAFETY: only called with the state of an open loop.
    if unsafe { !(*state).cogloop.woken.is_empty() } {
        return Ok(Some(0));
    }
    // SAFETY: as above.
    unsafe { (*state).events.next_timeout_ns() }.map_err(|error| Failure::of("the backend", &error))
}

entry!(
    /// `loop:timeout( )` → the seconds until there is something to do, as in cqueues; nil if nothing is expected; or
    /// nil, message, errno
    pub(super) fn timeout(lua: *mut lua_State) -> c_int {
        match next_ns(receiver(lua)) {
            Ok(Some(ns)) => lua_pushnumber(lua, ns as f64 / 1e9),
            Ok(None) => lua_pushnil(lua),
            Err(failure) => return failure.push(lua),
        }
        1
    }
);

entry!(
    /// `loop:remaining( )` → like `timeout`, but in milliseconds
    pub(super) fn remaining(lua: *mut lua_State) -> c_int {
        match next_ns(receiver(lua)) {
            Ok(Some(ns)) => push_ms(lua, ns),
            Ok(None) => lua_pushnil(lua),
            Err(failure) => return failure.push(lua),
        }
        1
    }
);
