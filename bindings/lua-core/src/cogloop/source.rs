//! The objects that `source.lua` observes for `signal` and `child`. Each has a descriptor that becomes readable.
//!
//! ```text
//!   signal ──────► Signals ──► loop ──► f( name )         the old handler is back when no watcher is left
//!   child ends ──► pidfd ────► loop ──► f( pid, how, code )
//! ```
//!
//! A source is closed as soon as its watcher is off or its loop is closed. The garbage collector closes only a source
//! that was never watched.

use crate::host::memory::Source;
use crate::host::source::release;
use crate::lua::args::{bytes, wrong};
use crate::lua::class::set_functions;
use crate::lua::entry::entry;
use crate::lua::guard::{Failure, guard};
use crate::lua::version::new_userdata;
use crate::sys::descriptor::Number;
use crate::sys::sources::{self, Signals, catch, end_of, number_of, observe, signal_of};
use cogloop_io::memory::expect_bytes;
use mlua::ffi::{
    LUA_TNUMBER, LUA_TSTRING, lua_CFunction, lua_State, lua_getmetatable, lua_gettop, lua_isinteger, lua_pop,
    lua_pushboolean, lua_pushinteger, lua_pushstring, lua_pushvalue, lua_rawequal, lua_setfield, lua_setmetatable,
    lua_tointeger, lua_tonumber, lua_touserdata, lua_type, luaL_checkudata, luaL_getmetatable, luaL_newmetatable,
};
use std::ffi::{CStr, c_int};
use std::io;
use std::num::NonZeroI32;
use std::ptr::null_mut;

const NAME: &CStr = c"cogloop.source";

const METHODS: [(&CStr, lua_CFunction); 4] =
    [(c"fileno", fileno), (c"take", take), (c"close", close), (c"__gc", close)];

/// Pushes an empty source, with its metatable.
unsafe fn push_source(lua: *mut lua_State) -> *mut Source {
    // SAFETY: only called by functions that Lua calls.
    unsafe {
        let source = new_userdata(lua, size_of::<Source>(), 0).cast::<Source>();
        source.write(Source { pid: 0, pidfd: -1, signals: null_mut(), state: null_mut() });
        if luaL_newmetatable(lua, NAME.as_ptr()) != 0 {
            lua_pushvalue(lua, -1);
            lua_setfield(lua, -2, c"__index".as_ptr());
            set_functions(lua, lua_gettop(lua), &[], &METHODS);
        }
        lua_setmetatable(lua, -2);
        source
    }
}

/// The number of the signal that is named at `arg`.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(super) unsafe fn check_signal(lua: *mut lua_State, arg: c_int) -> c_int {
    const WANTED: &CStr = c"'INT', 'TERM', 'HUP', 'RTMIN+1' or another signal that can be caught";
    // SAFETY: the caller's promise; the string is on the stack.
    unsafe {
        let name = if lua_type(lua, arg) == LUA_TSTRING { bytes(lua, arg) } else { b"" };
        signal_of(name.strip_prefix(b"SIG").unwrap_or(name)).unwrap_or_else(|| wrong(lua, arg, c"name", WANTED))
    }
}

entry!(
    /// `( name )` → source; nil, message, errno
    pub(super) fn open_signal(lua: *mut lua_State) -> c_int {
        // The userdata has its finalizer before it owns anything.
        let signal = check_signal(lua, 1);
        let source = push_source(lua);
        match guard(|| Ok(catch(signal).and_then(boxed).map_err(|error| Failure::of("signal", &error)))) {
            Ok(Ok(signals)) => {
                (*source).signals = signals;
                1
            }
            Ok(Err(failure)) => failure.push(lua),
            Err(text) => text.raise(lua),
        }
    }
);

/// An upper bound for the bytes of the box of a [`Signals`].
const FOR_A_BOX: usize = 4 << 10;

/// Moves the signals to the heap, where a userdata can own them.
fn boxed(signals: Signals) -> io::Result<*mut Signals> {
    expect_bytes(FOR_A_BOX)?;
    Ok(Box::into_raw(Box::new(signals)))
}

/// The number of a process at `arg`.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(super) unsafe fn check_pid(lua: *mut lua_State, arg: c_int) -> NonZeroI32 {
    // SAFETY: the caller's promise.
    unsafe {
        let is_whole = lua_type(lua, arg) == LUA_TNUMBER
            && (lua_isinteger(lua, arg) != 0 || lua_tonumber(lua, arg).fract() == 0.0);
        let number = if is_whole { i32::try_from(lua_tointeger(lua, arg)).ok() } else { None };
        let pid = number.filter(|&pid| pid > 0).and_then(NonZeroI32::new);
        pid.unwrap_or_else(|| wrong(lua, arg, c"pid", c"the number of a child process"))
    }
}

entry!(
    /// `( pid )` → source; nil, message, errno
    pub(super) fn open_child(lua: *mut lua_State) -> c_int {
        // The userdata has its finalizer before it owns anything.
        let pid = check_pid(lua, 1);
        let source = push_source(lua);
        match guard(|| Ok(observed(pid).map_err(|error| Failure::of("child", &error)))) {
            Ok(Ok((pidfd, signals))) => {
                source.write(Source { pid: pid.get(), pidfd, signals, state: null_mut() });
                1
            }
            Ok(Err(failure)) => failure.push(lua),
            Err(text) => text.raise(lua),
        }
    }
);

fn observed(pid: NonZeroI32) -> io::Result<(Number, *mut Signals)> {
    let (pidfd, signals) = observe(pid)?;
    Ok((pidfd, signals.map_or(Ok(null_mut()), boxed)?))
}

unsafe fn check(lua: *mut lua_State) -> *mut Source {
    // SAFETY: only called by the methods.
    unsafe { luaL_checkudata(lua, 1, NAME.as_ptr()).cast() }
}

entry!(
    fn fileno(lua: *mut lua_State) -> c_int {
        let source = check(lua);
        let number = (*source).signals.as_ref().map_or((*source).pidfd, number_of);
        lua_pushinteger(lua, number.into());
        1
    }
);

/// Passes the result of a source through the recording of its loop, if there is one. A loop that records stores the
/// result. A loop that replays returns the stored result.
unsafe fn witness(source: *mut Source, value: u64) -> u64 {
    // SAFETY: only called with a source whose userdata is on the stack. Its state lives, or is null.
    unsafe { (*source).state.as_ref() }.map_or(value, |state| state.events.witness(value))
}

const ENDED: u64 = 1 << 32;
const BY_SIGNAL: u64 = 1 << 33;
const HAS_CODE: u64 = 1 << 34;

/// The end of a child as a number, for [`witness`].
fn packed(end: Option<(&'static CStr, Option<c_int>)>) -> u64 {
    let Some((how, code)) = end else { return 0 };
    let how = if how == c"exit" { 0 } else { BY_SIGNAL };
    ENDED | how | code.map_or(0, |code| HAS_CODE | u64::from(code.cast_unsigned()))
}

fn unpacked(end: u64) -> Option<(&'static CStr, Option<c_int>)> {
    let how = if end & BY_SIGNAL == 0 { c"exit" } else { c"signal" };
    let code = (end & HAS_CODE != 0).then_some((end as u32).cast_signed());
    (end & ENDED != 0).then_some((how, code))
}

entry!(
    /// For a signal, returns whether it came. For a child that has ended, returns `'exit'` or `'signal'` and the code,
    /// only once. Returns nil while the child runs.
    fn take(lua: *mut lua_State) -> c_int {
        let source = check(lua);
        let came = (*source).signals.as_mut().is_some_and(sources::take);
        if (*source).pid == 0 {
            lua_pushboolean(lua, c_int::from(witness(source, came.into()) != 0));
            return 1;
        }
        let Some((how, code)) = unpacked(witness(source, packed(end_of((*source).pid)))) else { return 0 };
        lua_pushstring(lua, how.as_ptr());
        match code {
            Some(code) => lua_pushinteger(lua, code.into()),
            None => mlua::ffi::lua_pushnil(lua),
        }
        2
    }
);

entry!(
    /// Closes the source. This function is also `__gc`.
    fn close(lua: *mut lua_State) -> c_int {
        // `release` forgets what it frees, so a second call does nothing.
        release(check(lua));
        0
    }
);

/// The source at `index`, or null.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for two values.
pub(super) unsafe fn source_at(lua: *mut lua_State, index: c_int) -> *mut Source {
    // SAFETY: the caller's promise.
    unsafe {
        let source = lua_touserdata(lua, index).cast::<Source>();
        if source.is_null() || lua_getmetatable(lua, index) == 0 {
            return null_mut();
        }
        luaL_getmetatable(lua, NAME.as_ptr());
        let is_one = lua_rawequal(lua, -1, -2) != 0;
        lua_pop(lua, 2);
        if is_one { source } else { null_mut() }
    }
}
