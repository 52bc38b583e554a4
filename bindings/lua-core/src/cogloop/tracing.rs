//! `trace`: writes the events of a loop to a file for Perfetto.

use super::loops::receiver;
use crate::host::state::with_or_raise;
use crate::lua::args::{bytes, wrong};
use crate::lua::entry::entry;
use crate::lua::errno::ErrorMessage;
use crate::lua::guard::{Failure, Text, errno_of};
use crate::sys::path;
use cogloop_io::trace::DEFAULT_LIMIT;
use mlua::ffi::{
    LUA_TBOOLEAN, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, lua_State, lua_pushboolean, lua_settop, lua_toboolean,
    lua_tonumber, lua_type,
};
use std::ffi::c_int;

entry!(
    /// `loop:trace( file [, mib] )` → true: writes the loop's events to this file until `loop:trace( false )`, until
    /// the loop is closed, or until the file has `mib` MiB. `loop:trace( )` → whether a trace is being written. Returns
    /// nil, message, errno if the system refuses the file. `loop:trace( false )` also returns nil, message, errno if
    /// the system has refused to write the trace.
    pub(super) fn trace(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        lua_settop(lua, 3);
        let limit = check_limit(lua);
        let failure = match lua_type(lua, 2) {
            LUA_TNIL => {
                let is_traced = (*state).trace.as_ref().is_some_and(|trace| trace.is_open());
                lua_pushboolean(lua, c_int::from(is_traced));
                return 1;
            }
            LUA_TBOOLEAN if lua_toboolean(lua, 2) == 0 => {
                with_or_raise(lua, state, |state| Ok(state.end_trace().err().map(|error| Failure::of("trace", &error))))
            }
            LUA_TSTRING => {
                let name = bytes(lua, 2);
                with_or_raise(lua, state, |state| {
                    let begun = path::of_bytes(name).and_then(|path| state.begin_trace(path, limit));
                    Ok(begun.err().map(|error| about_file(name, &error)))
                })
            }
            _ => wrong(lua, 2, c"file", c"the name of a file, false or nil"),
        };
        match failure {
            Some(failure) => failure.push(lua),
            None => {
                lua_pushboolean(lua, 1);
                1
            }
        }
    }
);

/// The size that the file may reach, in bytes.
unsafe fn check_limit(lua: *mut lua_State) -> u64 {
    // SAFETY: only called by `trace`.
    unsafe {
        if lua_type(lua, 3) == LUA_TNIL {
            return DEFAULT_LIMIT;
        }
        let mib = if lua_type(lua, 3) == LUA_TNUMBER { lua_tonumber(lua, 3) } else { f64::NAN };
        if !(mib > 0.0 && mib.is_finite()) {
            wrong(lua, 3, c"mib", c"a finite number above 0");
        }
        (mib * f64::from(1 << 20)) as u64
    }
}

fn about_file(name: &[u8], error: &std::io::Error) -> Failure {
    let name = Text::<200>::of_bytes(name);
    Failure { errno: errno_of(error), text: Text::new(format_args!("trace: {name}: {}", ErrorMessage(error))) }
}
