//! Making a loop: `Loop( )`, `Loop( 10 )` or `Loop{ backend=…, clock=…, debug=… }`

use super::serve::FACE;
use crate::host::create::{Choice, in_words, open, push_loop};
use crate::lua::args::{bytes, unknown_option, wrong_option};
use crate::lua::entry::entry;
use crate::lua::guard::{Text, guard};
use mlua::ffi::{
    LUA_TBOOLEAN, LUA_TSTRING, LUA_TTABLE, lua_State, lua_next, lua_pop, lua_pushnil, lua_toboolean, lua_type,
};
use std::ffi::c_int;

entry!(
    /// `Loop( … )`: the class is at 1.
    pub(super) fn construct(lua: *mut lua_State) -> c_int {
        // The userdata gets its metatable, and with it its finalizer, before it owns anything.
        let choice = read_options(lua);
        let block = push_loop(lua);
        match guard(|| open(&FACE, choice).map_err(|error| in_words(&error))) {
            Ok(state) => (*block).state = state,
            Err(text) => text.raise(lua),
        }
        1
    }
);

/// Reads the options table at 2. Another value is the slot count of a lua-t script, and is ignored.
unsafe fn read_options(lua: *mut lua_State) -> Choice {
    let mut choice = Choice::default();
    // SAFETY: only called by `construct`. Only a key that is a string is read as text; `lua_next` allows that.
    unsafe {
        if lua_type(lua, 2) != LUA_TTABLE {
            return choice;
        }
        lua_pushnil(lua);
        while lua_next(lua, 2) != 0 {
            // stack: class options … key value
            let key = if lua_type(lua, -2) == LUA_TSTRING { bytes(lua, -2) } else { b"" };
            let text = if lua_type(lua, -1) == LUA_TSTRING { Some(bytes(lua, -1)) } else { None };
            match (key, text) {
                (b"backend", Some(name)) => choice.backend = Some(Text::of_bytes(name)),
                (b"clock", Some(b"virtual")) => choice.is_virtual = true,
                (b"clock", Some(b"real")) => choice.is_virtual = false,
                (b"debug", _) if lua_type(lua, -1) == LUA_TBOOLEAN => choice.debug = lua_toboolean(lua, -1) != 0,
                (b"backend", _) => wrong_option(lua, c"option 'backend'", c"a name"),
                (b"clock", _) => wrong_option(lua, c"option 'clock'", c"'real' or 'virtual'"),
                (b"debug", _) => wrong_option(lua, c"option 'debug'", c"a boolean"),
                _ => {
                    lua_pop(lua, 1);
                    unknown_option(lua, c"unknown option '%s'; there are backend, clock and debug")
                }
            }
            lua_pop(lua, 1);
        }
    }
    choice
}
