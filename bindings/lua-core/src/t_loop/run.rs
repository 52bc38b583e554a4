//! `run` and `stop`.

use crate::host::drive::drive;
use crate::host::memory::Pace;
use crate::host::state::check_loop;
use mlua::ffi::lua_State;
use std::ffi::c_int;

/// `loop:run( )`
pub(crate) unsafe extern "C-unwind" fn run(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua with the loop.
    unsafe { drive(lua, Pace::Forever) };
    0
}

/// `loop:stop( )`. A loop that is not running is left alone.
pub(crate) unsafe extern "C-unwind" fn stop(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; `check_loop` vouches for the state.
    unsafe {
        (*check_loop(lua, 1)).stopped = true;
    }
    0
}
