//! Reports an error: its text, with a traceback. Also writes the program's other texts. `println!` and `eprintln!` would
//! panic if a text cannot be written, for example because a disk is full.

use crate::colour;
use cogloop_lua_core::push_traceback;
use mlua::ffi::{
    LUA_TNUMBER, LUA_TSTRING, lua_State, lua_pushfstring, lua_pushvalue, lua_tolstring, lua_tostring, lua_type,
    luaL_callmeta, luaL_traceback, luaL_typename,
};
use std::ffi::{CStr, c_int};
use std::fmt::Arguments;
use std::io::Write;
use std::process::ExitCode;

const TRACEBACK: &[u8] = b"\nstack traceback:\n";

/// Writes a text to standard output. Returns the exit status.
pub(crate) fn show(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes `cogloop: `, the message and the end of the line to standard error.
pub(crate) fn tell(message: Arguments<'_>) {
    // If this fails, there is no way to report it.
    let _ = std::io::stderr().lock().write_all(format!("cogloop: {message}\n").as_bytes());
}

/// Writes the message on top of the stack to standard error. On a terminal the message gets colours.
///
/// # Safety
///
/// There is a value on top.
pub(crate) unsafe fn report(lua: *mut lua_State) {
    // SAFETY: the caller's promise; the bytes stay on the stack.
    unsafe {
        let mut length = 0;
        let bytes = lua_tolstring(lua, -1, &raw mut length);
        let message =
            if bytes.is_null() { b"error without a message" } else { std::slice::from_raw_parts(bytes.cast(), length) };
        // If this fails, there is no way to report it.
        let _ = std::io::stderr().lock().write_all(&colour::error(message, colour::is_wanted()));
    }
}

/// The message handler: makes a text of any error value, and adds a traceback.
pub(crate) unsafe extern "C-unwind" fn on_raise(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua in the place of the error, with the error value.
    unsafe {
        // Like `lua`: a number counts as text; the result of `__tostring` counts only if it is a string.
        let is_text = matches!(lua_type(lua, 1), LUA_TSTRING | LUA_TNUMBER)
            || luaL_callmeta(lua, 1, c"__tostring".as_ptr()) != 0 && lua_type(lua, -1) == LUA_TSTRING;
        if !is_text {
            lua_pushfstring(lua, c"(error object is a %s value)".as_ptr(), luaL_typename(lua, 1));
        }
        // stack: error … text. The error stays at index 1, where `push_traceback` expects it.
        lua_pushvalue(lua, -1);
        let text = lua_tostring(lua, -1);
        // If an error of a callback left `run`, the traceback of the callback is more useful than ours.
        if push_traceback(lua) {
            lua_pushfstring(lua, c"%s\n%s".as_ptr(), text, lua_tostring(lua, -1));
        } else if !CStr::from_ptr(text).to_bytes().windows(TRACEBACK.len()).any(|window| window == TRACEBACK) {
            luaL_traceback(lua, lua, text, 1);
        }
    }
    1
}
