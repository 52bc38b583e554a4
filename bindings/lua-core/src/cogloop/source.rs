//! The objects that `source.lua` observes for `signal` and `child`. Each has a descriptor that becomes readable.
//!
//! ```text
//!   signal ──────► Signals ──► loop ──► f( name )         the old handler is back when nobody watches any more
//!   child ends ──► pidfd ────► loop ──► f( pid, how, code )
//! ```
//!
//! A source is closed as soon as its watcher is off or its loop is closed. The collector closes only sources that were
//! never watched.
//!
//! Without pidfds, before Linux 5.3 and under some tools, SIGCHLD tells that some child has ended.

use crate::host::memory::Source;
use crate::host::source::release;
use crate::lua::args::{bytes, wrong};
use crate::lua::class::set_functions;
use crate::lua::entry::entry;
use crate::lua::guard::{Failure, guard};
use crate::lua::version::new_userdata;
use cogloop_io::child;
use cogloop_io::memory::expect_bytes;
use cogloop_io::signals::Signals;
use mlua::ffi::{
    LUA_TNUMBER, LUA_TSTRING, lua_CFunction, lua_State, lua_getmetatable, lua_gettop, lua_isinteger, lua_pop,
    lua_pushboolean, lua_pushinteger, lua_pushstring, lua_pushvalue, lua_rawequal, lua_setfield, lua_setmetatable,
    lua_tointeger, lua_tonumber, lua_touserdata, lua_type, luaL_checkudata, luaL_getmetatable, luaL_newmetatable,
};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, waitid};
use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::ptr::null_mut;

const NAME: &CStr = c"cogloop.source";

const METHODS: [(&CStr, lua_CFunction); 4] =
    [(c"fileno", fileno), (c"take", take), (c"close", close), (c"__gc", close)];

/// The signals that can be watched.
const SIGNALS: [(&[u8], c_int); 12] = [
    (b"HUP", libc::SIGHUP),
    (b"INT", libc::SIGINT),
    (b"QUIT", libc::SIGQUIT),
    (b"USR1", libc::SIGUSR1),
    (b"USR2", libc::SIGUSR2),
    (b"PIPE", libc::SIGPIPE),
    (b"ALRM", libc::SIGALRM),
    (b"TERM", libc::SIGTERM),
    (b"CHLD", libc::SIGCHLD),
    (b"CONT", libc::SIGCONT),
    (b"TSTP", libc::SIGTSTP),
    (b"WINCH", libc::SIGWINCH),
];

/// Pushes a source that owns nothing yet, with its metatable.
unsafe fn push_source(lua: *mut lua_State) -> *mut Source {
    // SAFETY: only called by functions that Lua calls.
    unsafe {
        let source = new_userdata(lua, size_of::<Source>(), 0).cast::<Source>();
        source.write(Source { pid: 0, pidfd: -1, signals: null_mut() });
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
/// The rule of the crate.
pub(super) unsafe fn check_signal(lua: *mut lua_State, arg: c_int) -> c_int {
    const WANTED: &CStr = c"'INT', 'TERM', 'HUP', 'RTMIN+1' or another signal that can be caught";
    // SAFETY: the caller's promise; the string is on the stack.
    unsafe {
        let name = if lua_type(lua, arg) == LUA_TSTRING { bytes(lua, arg) } else { b"" };
        number_of(name.strip_prefix(b"SIG").unwrap_or(name)).unwrap_or_else(|| wrong(lua, arg, c"name", WANTED))
    }
}

fn number_of(name: &[u8]) -> Option<c_int> {
    if let Some(&(_, number)) = SIGNALS.iter().find(|(known, _)| *known == name) {
        return Some(number);
    }
    real_time(std::str::from_utf8(name).ok()?)
}

/// `RTMIN`, `RTMIN+1`, `RTMAX-1`, `RTMAX`: a signal in this range.
#[cfg(target_os = "linux")]
fn real_time(name: &str) -> Option<c_int> {
    let (least, most) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let (base, offset) = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => (least, rest),
        (_, Some(rest)) => (most, rest),
        _ => return None,
    };
    let offset = match offset {
        "" => 0,
        _ if offset.starts_with(['+', '-']) => offset.parse().ok()?,
        _ => return None,
    };
    base.checked_add(offset).filter(|number| (least..=most).contains(number))
}

#[cfg(not(target_os = "linux"))]
fn real_time(_name: &str) -> Option<c_int> {
    None
}

entry!(
    /// `( name )` → source; nil, message, errno
    pub(super) fn open_signal(lua: *mut lua_State) -> c_int {
        // The userdata has its finalizer before it owns anything.
        let signal = check_signal(lua, 1);
        let source = push_source(lua);
        match guard(|| Ok(catch(signal).map_err(|error| Failure::of("signal", &error)))) {
            Ok(Ok(signals)) => {
                (*source).signals = signals;
                1
            }
            Ok(Err(failure)) => failure.push(lua),
            Err(text) => text.raise(lua),
        }
    }
);

/// More bytes than a box takes.
const FOR_A_BOX: usize = 4 << 10;

fn catch(signal: c_int) -> io::Result<*mut Signals> {
    let mut signals = Signals::new()?;
    signals.watch(signal)?;
    expect_bytes(FOR_A_BOX)?;
    Ok(Box::into_raw(Box::new(signals)))
}

/// The number of a process at `arg`.
///
/// # Safety
///
/// The rule of the crate.
pub(super) unsafe fn check_pid(lua: *mut lua_State, arg: c_int) -> Pid {
    // SAFETY: the caller's promise.
    unsafe {
        let is_whole = lua_type(lua, arg) == LUA_TNUMBER
            && (lua_isinteger(lua, arg) != 0 || lua_tonumber(lua, arg).fract() == 0.0);
        let number = if is_whole { i32::try_from(lua_tointeger(lua, arg)).ok() } else { None };
        let pid = number.filter(|&pid| pid > 0).and_then(Pid::from_raw);
        pid.unwrap_or_else(|| wrong(lua, arg, c"pid", c"the number of a child process"))
    }
}

entry!(
    /// `( pid )` → source; nil, message, errno
    pub(super) fn open_child(lua: *mut lua_State) -> c_int {
        // The userdata has its finalizer before it owns anything.
        let pid = check_pid(lua, 1);
        let source = push_source(lua);
        match guard(|| Ok(observe(pid).map_err(|error| Failure::of("child", &error)))) {
            Ok(Ok((pidfd, signals))) => {
                source.write(Source { pid: pid.as_raw_nonzero().get(), pidfd, signals });
                1
            }
            Ok(Err(failure)) => failure.push(lua),
            Err(text) => text.raise(lua),
        }
    }
);

fn observe(pid: Pid) -> io::Result<(RawFd, *mut Signals)> {
    match child::pidfd(pid.as_raw_nonzero().get().unsigned_abs()) {
        Ok(fd) => Ok((fd.into_raw_fd(), null_mut())),
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            waitid(WaitId::Pid(pid), options).map_err(|_| Errno::SRCH)?;
            let signals = catch(libc::SIGCHLD)?;
            // The child may have ended before: this makes the first turn look.
            let _ = kill_process(getpid(), Signal::CHILD);
            Ok((-1, signals))
        }
        Err(error) => Err(error),
    }
}

unsafe fn check(lua: *mut lua_State) -> *mut Source {
    // SAFETY: only called by the methods.
    unsafe { luaL_checkudata(lua, 1, NAME.as_ptr()).cast() }
}

entry!(
    fn fileno(lua: *mut lua_State) -> c_int {
        let source = check(lua);
        let number =
            (*source).signals.as_ref().map_or((*source).pidfd, |signals| signals.descriptor().as_fd().as_raw_fd());
        lua_pushinteger(lua, number.into());
        1
    }
);

entry!(
    /// For a signal, whether it came. For a child, `'exit'` or `'signal'` and the code, once; nil while it runs.
    fn take(lua: *mut lua_State) -> c_int {
        let source = check(lua);
        let came = (*source).signals.as_mut().is_some_and(|signals| signals.take().next().is_some());
        if (*source).pid == 0 {
            lua_pushboolean(lua, c_int::from(came));
            return 1;
        }
        // A child keeps its number until its status is taken.
        let (how, code) = match child::exit_status((*source).pid.unsigned_abs()) {
            Ok(None) => return 0,
            Ok(Some(status)) => match status.code() {
                Some(code) => (c"exit", Some(code)),
                None => (c"signal", status.signal()),
            },
            // Another part of the program has taken the child's status.
            Err(_) => (c"exit", None),
        };
        lua_pushstring(lua, how.as_ptr());
        match code {
            Some(code) => lua_pushinteger(lua, code.into()),
            None => mlua::ffi::lua_pushnil(lua),
        }
        2
    }
);

entry!(
    /// Also `__gc`.
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
/// The rule of the crate. Room for two values.
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
