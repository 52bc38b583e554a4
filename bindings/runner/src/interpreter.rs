//! Runs one script in one Lua state, with the standard libraries and our modules. As in the `lua` program, everything
//! runs inside one protected call.

use crate::command_line::{Before, Script, Source};
use crate::message::{on_raise, report, tell};
use crate::{ctrl_c, prompt};
use cogloop_lua_core::interrupt;
use mlua::ffi::{
    LUA_OK, LUA_REGISTRYINDEX, lua_State, lua_close, lua_createtable, lua_error, lua_getfield, lua_getglobal,
    lua_pcall, lua_pop, lua_pushboolean, lua_pushcfunction, lua_pushlightuserdata, lua_pushlstring, lua_pushstring,
    lua_rawseti, lua_setfield, lua_setglobal, lua_touserdata, luaL_checkstack, luaL_loadbufferx, luaL_loadfile,
    luaL_newstate, luaL_openlibs,
};
use std::ffi::{c_int, c_void};
use std::process::ExitCode;
use std::ptr::{from_ref, null};

/// Runs the script to its end. Errors are written to standard error.
pub(crate) fn run(script: &Script) -> ExitCode {
    // SAFETY: we made the state, and only this thread uses it. No Lua call outside the protected call can raise;
    // `lua_close` handles errors of finalizers itself.
    let worked = unsafe {
        let lua = luaL_newstate();
        if lua.is_null() {
            tell(format_args!("not enough memory"));
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
                tell(format_args!("cannot handle Ctrl-C: {error}"));
                false
            }
        };
        ctrl_c::forget();
        lua_close(lua);
        worked
    };
    match worked {
        _ if interrupt::happened() && !script.is_interactive => ExitCode::from(ctrl_c::STATUS),
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// The part of `run` inside the protected call. An error leaves it by `longjmp`, so it holds no Rust value with a
/// destructor.
unsafe extern "C-unwind" fn main(lua: *mut lua_State) -> c_int {
    // SAFETY: called by `run` with the script, which outlives the call; comments beside the lines show the stack.
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
        let is_script = script.source != Source::None;
        match &script.source {
            Source::File(path) => load(lua, luaL_loadfile(lua, path.as_ptr())),
            Source::Stdin => load(lua, luaL_loadfile(lua, null())),
            Source::None => {}
        }
        if script.is_checked_only {
            return 0;
        }
        if is_script {
            let count = script.args.len() as c_int;
            luaL_checkstack(lua, count, c"too many arguments to script".as_ptr());
            for arg in &script.args {
                lua_pushlstring(lua, arg.as_ptr().cast(), arg.len());
            }
            call(lua, count);
        }
        if script.is_interactive {
            prompt::run(lua);
        }
    }
    0
}

/// Raises the message on the stack if the loader has left a message instead of a function.
unsafe fn load(lua: *mut lua_State, answer: c_int) {
    if answer != LUA_OK {
        // SAFETY: only called by `main` and `prepare`, right after a loader, whose message is on top.
        unsafe { lua_error(lua) };
    }
}

/// Calls a function on the stack with the values above it, and drops its results. `arguments` is the number of these
/// values.
unsafe fn call(lua: *mut lua_State, arguments: c_int) {
    // SAFETY: only called by `main` and `prepare`. The stack is: script on_raise function arguments.
    unsafe {
        if lua_pcall(lua, arguments, 0, 2) != LUA_OK {
            lua_error(lua);
        }
    }
}

/// Runs an action that an option or the environment variable `LUA_INIT` requests before the script.
unsafe fn prepare(lua: *mut lua_State, before: &Before) {
    // SAFETY: only called by `main`, whose stack is: script on_raise. The stack is the same afterwards.
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
