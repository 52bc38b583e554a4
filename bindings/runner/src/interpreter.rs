//! Runs one script in one Lua state, with the standard libraries and our modules. As in the `lua` program, all of it runs inside one
//! protected call.

use crate::command_line::{Before, Script, Source};
use crate::ctrl_c;
use cogloop_lua_core::{interrupt, push_traceback};
use mlua::ffi::{
    LUA_OK, LUA_REGISTRYINDEX, LUA_TNUMBER, LUA_TSTRING, lua_State, lua_close, lua_createtable, lua_error,
    lua_getfield, lua_getglobal, lua_pcall, lua_pop, lua_pushboolean, lua_pushcfunction, lua_pushfstring,
    lua_pushlightuserdata, lua_pushlstring, lua_pushstring, lua_pushvalue, lua_rawseti, lua_setfield, lua_setglobal,
    lua_tolstring, lua_tostring, lua_touserdata, lua_type, luaL_callmeta, luaL_checkstack, luaL_loadbufferx,
    luaL_loadfile, luaL_newstate, luaL_openlibs, luaL_traceback, luaL_typename,
};
use std::ffi::{CStr, c_int, c_void};
use std::io::Write;
use std::process::ExitCode;
use std::ptr::{from_ref, null};

const TRACEBACK: &[u8] = b"\nstack traceback:\n";

/// Runs the script to its end. Errors are written to standard error.
pub(crate) fn run(script: &Script) -> ExitCode {
    // SAFETY: we made the state, and only this thread uses it. No Lua call outside of the protected one can raise; lua_close handles
    // errors of finalizers itself.
    let worked = unsafe {
        let lua = luaL_newstate();
        if lua.is_null() {
            eprintln!("cogloop: not enough memory");
            return ExitCode::FAILURE;
        }
        let worked = match ctrl_c::install(lua) {
            Ok(()) => {
                lua_pushcfunction(lua, main);
                lua_pushlightuserdata(lua, from_ref(script).cast_mut().cast::<c_void>());
                let worked = lua_pcall(lua, 1, 0, 0) == LUA_OK;
                if !worked {
                    report(lua);
                }
                worked
            }
            Err(error) => {
                eprintln!("cogloop: cannot handle Ctrl-C: {error}");
                false
            }
        };
        ctrl_c::forget();
        lua_close(lua);
        worked
    };
    match worked {
        _ if interrupt::happened() => ExitCode::from(ctrl_c::STATUS),
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Writes the message on top of the stack to standard error, unchanged.
unsafe fn report(lua: *mut lua_State) {
    // SAFETY: only called by `run`, after a failed call; the bytes stay on the stack.
    unsafe {
        let mut length = 0;
        let bytes = lua_tolstring(lua, -1, &raw mut length);
        let message =
            if bytes.is_null() { b"error without a message" } else { std::slice::from_raw_parts(bytes.cast(), length) };
        let mut stderr = std::io::stderr().lock();
        // If this fails, there is no way to report it.
        let _ = stderr.write_all(&[b"cogloop: ", message, b"\n"].concat());
    }
}

/// The protected part. No Rust value with a destructor lives here: an error leaves by `longjmp`.
unsafe extern "C-unwind" fn main(lua: *mut lua_State) -> c_int {
    // SAFETY: called by `run` with the script, which outlives the call; the stack is written beside the lines.
    unsafe {
        let script = lua_touserdata(lua, 1).cast_const().cast::<Script>();
        let script = &*script;
        if script.ignores_environment {
            // The libraries read this field when they are opened.
            lua_pushboolean(lua, 1);
            lua_setfield(lua, LUA_REGISTRYINDEX, c"LUA_NOENV".as_ptr());
        }
        luaL_openlibs(lua);
        preload(lua);
        push_arg_table(lua, script);
        lua_setglobal(lua, c"arg".as_ptr());
        lua_pushcfunction(lua, on_raise); // stack: script on_raise
        if !script.is_checked_only {
            for before in &script.before {
                prepare(lua, before);
            }
        }
        match &script.source {
            Source::File(path) => load(lua, luaL_loadfile(lua, path.as_ptr())),
            Source::Stdin => load(lua, luaL_loadfile(lua, null())),
            Source::None => return 0,
        }
        if script.is_checked_only {
            return 0;
        }
        let count = script.args.len() as c_int;
        luaL_checkstack(lua, count, c"too many arguments to script".as_ptr());
        for arg in &script.args {
            lua_pushlstring(lua, arg.as_ptr().cast(), arg.len());
        }
        call(lua, count);
    }
    0
}

/// Raises the message that a loader has left instead of a function.
unsafe fn load(lua: *mut lua_State, answer: c_int) {
    if answer != LUA_OK {
        // SAFETY: only called by `main`, right after a loader: its message is on top.
        unsafe { lua_error(lua) };
    }
}

/// Calls a function with the `args` values above it, and drops its results.
unsafe fn call(lua: *mut lua_State, arguments: c_int) {
    // SAFETY: only called by `main`, whose stack is: script on_raise function arguments.
    unsafe {
        if lua_pcall(lua, arguments, 0, 2) != LUA_OK {
            lua_error(lua);
        }
    }
}

/// Runs an action of an option or of the environment.
unsafe fn prepare(lua: *mut lua_State, before: &Before) {
    // SAFETY: only called by `main`, whose stack is: script on_raise. It is the same afterwards.
    unsafe {
        match before {
            Before::Run { code, name } => {
                load(lua, luaL_loadbufferx(lua, code.as_ptr().cast(), code.len(), name.as_ptr(), null()));
                call(lua, 0);
            }
            Before::File(path) => {
                load(lua, luaL_loadfile(lua, path.as_ptr()));
                call(lua, 0);
            }
            Before::Require { global, module } => {
                lua_getglobal(lua, c"require".as_ptr());
                lua_pushstring(lua, module.as_ptr());
                if lua_pcall(lua, 1, 1, 2) != LUA_OK {
                    lua_error(lua);
                }
                lua_setglobal(lua, global.as_ptr());
            }
        }
    }
}

/// Adds our modules to `package.preload`, so that `require` finds them before any file.
unsafe fn preload(lua: *mut lua_State) {
    // SAFETY: only called by `main`, with the libraries open.
    unsafe {
        lua_getglobal(lua, c"package".as_ptr());
        lua_getfield(lua, -1, c"preload".as_ptr());
        cogloop_lua_core::set_openers(lua);
        lua_pop(lua, 2);
    }
}

/// Pushes `arg`: the program at -1, the script at 0, its arguments from 1.
unsafe fn push_arg_table(lua: *mut lua_State, script: &Script) {
    // SAFETY: only called by `main`, with room on the stack.
    unsafe {
        lua_createtable(lua, script.args.len() as c_int, 2);
        for (place, text) in [&script.program, &script.name].into_iter().chain(&script.args).enumerate() {
            lua_pushlstring(lua, text.as_ptr().cast(), text.len());
            lua_rawseti(lua, -2, place as i64 - 1);
        }
    }
}

/// The message handler: adds a traceback to every kind of error value that has a text.
unsafe extern "C-unwind" fn on_raise(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua in the place of the error, with the error value.
    unsafe {
        // Like `lua`: a number counts as text; the result of `__tostring` counts only if it is a string.
        let is_text = matches!(lua_type(lua, 1), LUA_TSTRING | LUA_TNUMBER)
            || luaL_callmeta(lua, 1, c"__tostring".as_ptr()) != 0 && lua_type(lua, -1) == LUA_TSTRING;
        if !is_text {
            lua_pushfstring(lua, c"(error object is a %s value)".as_ptr(), luaL_typename(lua, 1));
        }
        // stack: error … text. The error itself is not changed, because `push_traceback` compares it.
        lua_pushvalue(lua, -1);
        let text = lua_tostring(lua, -1);
        // For an error of a callback that left `run`, the callback's own traceback says more than ours.
        if push_traceback(lua) {
            lua_pushfstring(lua, c"%s\n%s".as_ptr(), text, lua_tostring(lua, -1));
        } else if !CStr::from_ptr(text).to_bytes().windows(TRACEBACK.len()).any(|window| window == TRACEBACK) {
            luaL_traceback(lua, lua, text, 1);
        }
    }
    1
}
