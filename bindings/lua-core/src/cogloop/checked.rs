//! Argument checks for the functions of the module that are written in Lua. Each function here checks the arguments and
//! then calls the Lua code. So an error names the script's line, function and argument, not those of our own code.
//!
//! ```text
//!   script ── loop:signal( 'KILL', f ) ──► signal, here: argument 1 is wrong
//!   script ── loop:signal( 'INT', f ) ───► signal, here ──► signal, in Lua
//! ```

use super::loops::receiver;
use super::source::{check_pid, check_signal};
use super::upvalue;
use crate::lua::args::{check_callable, check_ms};
use crate::lua::entry::entry;
use mlua::ffi::{
    LUA_MULTRET, LUA_TTABLE, lua_CFunction, lua_State, lua_call, lua_getfield, lua_gettop, lua_insert,
    lua_pushcclosure, lua_pushnil, lua_pushvalue, lua_remove, lua_setfield, lua_type, lua_upvalueindex,
};
use std::ffi::{CStr, c_int};

/// The upvalue with the Lua function. It comes after the upvalues that every function of the module has.
const INNER: c_int = upvalue::COUNT + 1;

const FUNCTIONS: [(&CStr, lua_CFunction); 4] =
    [(c"debounce", rate), (c"throttle", rate), (c"signal", signal), (c"child", child)];

/// Puts the checks before the Lua functions in the table on top. A function of the module gets the table of the default
/// loop as an upvalue. A method of a loop gets nil.
///
/// # Safety
///
/// Only for `open_cogloop`, with the upvalues at the bottom of the stack. May raise.
pub(super) unsafe fn wrap(lua: *mut lua_State, is_method: bool) {
    // SAFETY: the caller's promise; comments beside the lines show the stack.
    unsafe {
        let table = lua_gettop(lua); // stack: … table
        for (name, function) in FUNCTIONS {
            for n in 1..=upvalue::COUNT {
                match is_method && n == upvalue::DEFAULT {
                    true => lua_pushnil(lua),
                    false => lua_pushvalue(lua, n),
                }
            }
            lua_getfield(lua, table, name.as_ptr());
            lua_pushcclosure(lua, function, INNER);
            lua_setfield(lua, table, name.as_ptr());
        }
    }
}

entry!(
    /// `loop:debounce( ms, f )`, `loop:throttle( ms, f )`
    fn rate(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_ms(lua, 2);
        pass_on(lua)
    }
);

entry!(
    /// `loop:signal( name, f )`
    fn signal(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_signal(lua, 2);
        pass_on(lua)
    }
);

entry!(
    /// `loop:child( pid, f )`
    fn child(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_pid(lua, 2);
        pass_on(lua)
    }
);

/// Checks that the script's second argument can be called, and calls the Lua function with all arguments.
unsafe fn pass_on(lua: *mut lua_State) -> c_int {
    // SAFETY: only called by the functions above. No Rust value with a destructor is alive.
    unsafe {
        check_callable(lua, 3);
        if lua_type(lua, lua_upvalueindex(upvalue::DEFAULT)) == LUA_TTABLE {
            lua_remove(lua, 1);
        }
        lua_pushvalue(lua, lua_upvalueindex(INNER));
        lua_insert(lua, 1);
        lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
        lua_gettop(lua)
    }
}
