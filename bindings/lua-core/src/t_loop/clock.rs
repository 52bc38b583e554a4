//! `time` and `sleep`, with or without a `self`. On a loop with virtual time they use the virtual time.

use crate::host::memory::State;
use crate::host::state::check_loop;
use crate::host::upvalue;
use crate::lua::args::{bad_argument, check_ms, test_userdata};
use crate::lua::entry::entry;
use crate::lua::interrupt;
use mlua::ffi::{lua_State, lua_gettop, lua_pushinteger, lua_rawequal, lua_upvalueindex};
use std::ffi::c_int;
use std::ptr::null_mut;
use std::time::{Duration, SystemTime};

/// Skips a `self`. Returns the index of the first argument, and the loop if `self` is one.
unsafe fn receiver(lua: *mut lua_State) -> (c_int, *mut State) {
    // SAFETY: only called from functions of the module, whose upvalues are the metatables and the class.
    unsafe {
        if lua_gettop(lua) > 0 && lua_rawequal(lua, 1, lua_upvalueindex(upvalue::CLASS)) != 0 {
            (2, null_mut())
        } else if !test_userdata(lua, 1, upvalue::LOOP).is_null() {
            (2, check_loop(lua, 1))
        } else {
            (1, null_mut())
        }
    }
}

entry!(
    /// `Loop.time()`: milliseconds since the Unix epoch. A loop with virtual time returns the time since it was made.
    pub(super) fn time(lua: *mut lua_State) -> c_int {
        // The loop's state is read through a pointer; no reference is kept.
        let (_, state) = receiver(lua);
        let since_epoch = match state.as_ref() {
            Some(state) if state.virtual_clock.is_some() => Duration::from_nanos(state.events.now_ns()),
            // A time before 1970 counts as 1970.
            _ => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        };
        lua_pushinteger(lua, since_epoch.as_millis() as i64);
        1
    }
);

entry!(
    /// `Loop.sleep( ms )`: blocks. Of all signals only the Ctrl-C of the program `cogloop` shortens the sleep.
    pub(super) fn sleep(lua: *mut lua_State) -> c_int {
        // The loop's state is read through a pointer; no reference is kept.
        let (arg, state) = receiver(lua);
        let delay_ns = check_ms(lua, arg);
        match state.as_mut().filter(|state| state.virtual_clock.is_some()) {
            Some(state) => {
                if let Err(why) = state.pass(delay_ns) {
                    bad_argument(lua, arg, why.as_ptr());
                }
            }
            None => interrupt::sleep(Duration::from_nanos(delay_ns)),
        }
        0
    }
);
