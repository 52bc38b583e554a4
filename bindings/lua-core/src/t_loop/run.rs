//! `run` and `stop`.

use crate::host::drive::drive;
use crate::host::memory::Pace;
use crate::host::state::check_loop;
use crate::lua::entry::entry;
use mlua::ffi::lua_State;
use std::ffi::c_int;

entry!(
    /// `loop:run( )`
    pub(super) fn run(lua: *mut lua_State) -> c_int {
        drive(lua, Pace::Forever);
        0
    }
);

entry!(
    /// `loop:stop( )`. Does nothing if the loop is not running.
    pub(super) fn stop(lua: *mut lua_State) -> c_int {
        (*check_loop(lua, 1)).stopped = true;
        0
    }
);
