//! `top`: a text that says which callbacks take the most time.

use super::list::{Growing, push_written};
use super::loops::receiver;
use crate::host::profile::Profile;
use crate::host::state::{check_loop, with_or_raise};
use crate::lua::args::wrong;
use crate::lua::entry::entry;
use crate::lua::errno::NO_MEMORY;
use crate::lua::guard::{ErrorText, Text};
use mlua::ffi::{LUA_TBOOLEAN, LUA_TNIL, lua_State, lua_toboolean, lua_type};
use std::ffi::c_int;

entry!(
    /// `loop:top( [measure] )` → text: the time that callbacks took since the last call. The first call begins to
    /// measure, and `false` ends the measurement.
    pub(super) fn top(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        let kind = lua_type(lua, 2);
        if kind > LUA_TNIL && kind != LUA_TBOOLEAN {
            wrong(lua, 2, c"measure", c"a boolean or nil");
        }
        let ends = kind == LUA_TBOOLEAN && lua_toboolean(lua, 2) == 0;
        push_written(lua, state, |state| {
            let mut text = std::mem::take(&mut state.cogloop.text);
            text.clear();
            let written = state.write_top(&mut Growing(&mut text));
            state.cogloop.text = text;
            written.map_err(|_| -> ErrorText { Text::new(NO_MEMORY) })?;
            Ok(state.cogloop.text.len())
        });
        with_or_raise(lua, check_loop(lua, 1), |state| {
            let now_ns = state.events.now_ns();
            if ends {
                state.profile = None;
            } else if let Some(profile) = &mut state.profile {
                profile.begin_again(now_ns);
            } else {
                state.profile = Some(Box::new(Profile::try_new(now_ns)?));
            }
            state.settle_measuring();
            Ok(())
        });
        1
    }
);
