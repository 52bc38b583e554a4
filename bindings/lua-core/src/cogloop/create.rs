//! Making a loop: `cogloop.loop{ backend =, clock =, resolution =, … }`

use super::serve::FACE;
use super::upvalue;
use crate::host::create::{Choice, in_words, open, push_loop};
use crate::host::memory::{State, value};
use crate::host::recorded::{PATH_MAX, Wanted};
use crate::lua::args::{COLON, bytes, fraction_to_ns, unknown_option, wrong, wrong_option};
use crate::lua::entry::entry;
use crate::lua::guard::{ErrorText, Failure, Text, guard};
use crate::lua::version::set_user_value;
use crate::sys::errno::ENOSYS;
use cogloop_io::Error;
use mlua::ffi::{
    LUA_TNIL, LUA_TNONE, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, lua_State, lua_createtable, lua_next, lua_pop,
    lua_pushnil, lua_pushvalue, lua_rawequal, lua_rawseti, lua_settop, lua_tonumber, lua_type, lua_upvalueindex,
};
use std::ffi::{CStr, c_int};
use std::num::NonZeroUsize;

entry!(
    /// `cogloop.loop( [options] )` → loop; or nil, message, errno
    pub(super) fn construct(lua: *mut lua_State) -> c_int {
        let choice = read_options(lua);
        lua_settop(lua, 1);
        push_open(lua, choice).map_or_else(|failure| failure.push(lua), |()| 1)
    }
);

/// Pushes a loop with the default options.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running C function has the module's upvalues.
pub(super) unsafe fn push_default(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Err(failure) = push_open(lua, Choice::default()) {
            failure.text.raise(lua);
        }
    }
}

unsafe fn push_open(lua: *mut lua_State, choice: Choice) -> Result<(), Failure> {
    // SAFETY: only called by functions of the module; the userdata has its finalizer before it owns anything.
    unsafe {
        let block = push_loop(lua);
        lua_createtable(lua, 0, 0);
        set_user_value(lua, -2, value::ALIVE);
        let state = match guard(|| try_open(choice)) {
            Ok(opened) => opened?,
            Err(text) => text.raise(lua),
        };
        (*block).state = state;
        lua_pushvalue(lua, -1);
        lua_rawseti(lua, lua_upvalueindex(upvalue::LOOPS), (*state).id.cast_signed());
    }
    Ok(())
}

/// Makes a loop's state. The inner error says that the kernel, the allocator or a recording has failed, or that no
/// backend works. The outer error says that an option is wrong, or that `COGLOOP_BACKEND` names an unknown backend.
fn try_open(choice: Choice) -> Result<Result<*mut State, Failure>, ErrorText> {
    match open(&FACE, choice) {
        Ok(state) => Ok(Ok(state)),
        Err(Error::Recording { option, path, source }) => {
            Ok(Err(Failure::of(&format!("option '{option}': '{}'", path.display()), &source)))
        }
        Err(Error::Io { doing, source }) => Ok(Err(Failure::of(doing, &source))),
        Err(error @ Error::NoBackend { .. }) => Ok(Err(Failure { errno: ENOSYS, text: Text::new(error) })),
        Err(error) => Err(in_words(&error)),
    }
}

const UNKNOWN: &CStr = c"unknown option '%s'; there are backend, clock, resolution, slack, max_timers, max_handles, \
    max_callbacks, record and replay";

/// Describes a valid limit in an error message.
const WHOLE: &CStr = c"a whole number from 1 to 4294967294";

/// Returns the number if it is as [`WHOLE`] describes it.
fn whole(number: f64) -> Option<NonZeroUsize> {
    if number.fract() == 0.0 && number < u32::MAX.into() { NonZeroUsize::new(number as usize) } else { None }
}

/// Reads the options table at 1.
unsafe fn read_options(lua: *mut lua_State) -> Choice {
    let mut choice = Choice::default();
    // SAFETY: only called by `construct`. Only string keys are read as text, because converting a number key in place
    // would confuse `lua_next`.
    unsafe {
        match lua_type(lua, 1) {
            LUA_TNONE | LUA_TNIL => return choice,
            LUA_TTABLE if lua_rawequal(lua, 1, lua_upvalueindex(upvalue::MODULE)) != 0 => {
                Text::<100>::new(COLON).raise(lua)
            }
            LUA_TTABLE => {}
            _ => wrong(lua, 1, c"options", c"a table"),
        }
        lua_pushnil(lua);
        while lua_next(lua, 1) != 0 {
            // stack: options … key value
            let key = if lua_type(lua, -2) == LUA_TSTRING { bytes(lua, -2) } else { b"" };
            let text = if lua_type(lua, -1) == LUA_TSTRING { Some(bytes(lua, -1)) } else { None };
            let number = if lua_type(lua, -1) == LUA_TNUMBER { fraction_to_ns(lua_tonumber(lua, -1)) } else { None };
            let count = if lua_type(lua, -1) == LUA_TNUMBER { whole(lua_tonumber(lua, -1)) } else { None };
            match (key, text, number) {
                (b"record" | b"replay", Some(path), _) if (1..PATH_MAX).contains(&path.len()) => {
                    if choice.recording.is_some() {
                        Text::<60>::new("options 'record' and 'replay' exclude each other").raise(lua);
                    }
                    let mut recording = Wanted { path: Text::new(""), is_replay: key == b"replay" };
                    recording.path.extend(path);
                    choice.recording = Some(recording);
                }
                (b"backend", Some(name), _) => choice.backend = Some(Text::of_bytes(name)),
                (b"clock", Some(b"virtual"), _) => choice.is_virtual = true,
                (b"clock", Some(b"real"), _) => choice.is_virtual = false,
                (b"resolution", _, Some(ns @ 1..)) => choice.resolution_ns = ns,
                (b"slack", _, Some(ns)) => choice.slack_ns = ns,
                (b"max_timers" | b"max_handles" | b"max_callbacks", ..) => match (key, count) {
                    (b"max_timers", Some(count)) => choice.limits.timers = count.get(),
                    (b"max_handles", Some(count)) => choice.limits.descriptors = count.get(),
                    (_, Some(count)) => choice.limits.served_in_turn = count,
                    (b"max_timers", _) => wrong_option(lua, c"option 'max_timers'", WHOLE),
                    (b"max_handles", _) => wrong_option(lua, c"option 'max_handles'", WHOLE),
                    _ => wrong_option(lua, c"option 'max_callbacks'", WHOLE),
                },
                (b"backend", ..) => wrong_option(lua, c"option 'backend'", c"a name"),
                (b"record", ..) => wrong_option(lua, c"option 'record'", c"the name of a file"),
                (b"replay", ..) => wrong_option(lua, c"option 'replay'", c"the name of a file"),
                (b"clock", ..) => wrong_option(lua, c"option 'clock'", c"'real' or 'virtual'"),
                (b"slack", ..) => wrong_option(lua, c"option 'slack'", c"milliseconds, 0 or more,"),
                (b"resolution", ..) => wrong_option(lua, c"option 'resolution'", c"milliseconds above 0"),
                _ => {
                    lua_pop(lua, 1);
                    unknown_option(lua, UNKNOWN)
                }
            }
            lua_pop(lua, 1);
        }
    }
    choice
}
