//! What Lua code in `rate.lua` observes for `signal` and `child`: an object with a descriptor that becomes readable.
//!
//! ```text
//!   signal ──► handler: one byte ──► pipe ──► loop ──► f( name )         the old handler is back when the object goes
//!   child ends ──────────────────► pidfd ──► loop ──► f( pid, how, code )
//! ```

use crate::args::wrong;
use crate::guard::Failure;
use crate::version::new_userdata;
use mlua::ffi::{
    LUA_TNUMBER, LUA_TSTRING, lua_State, lua_isinteger, lua_pushboolean, lua_pushcfunction, lua_pushinteger,
    lua_pushstring, lua_pushvalue, lua_setfield, lua_setmetatable, lua_tointeger, lua_tonumber, lua_type,
    luaL_checkudata, luaL_newmetatable,
};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

const NAME: &CStr = c"cogloop.source";

/// What may be asked for: each ends or stops a program, or is ignored, when nobody asks.
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

/// By the number of a signal: where its handler writes to; -1: nobody asked.
static WRITERS: [AtomicI32; 32] = [const { AtomicI32::new(-1) }; 32];

/// The memory of the userdata. -1: nothing is open.
#[repr(C)]
struct Source {
    reader: RawFd,
    writer: RawFd,
    /// 0: a child.
    signal: c_int,
    before: libc::sigaction,
}

extern "C" fn on_signal(signal: c_int) {
    let writer = WRITERS.get(signal as usize).map_or(-1, |writer| writer.load(SeqCst));
    if writer >= 0 {
        // SAFETY: async-signal-safe calls; the pipe is closed after the handler is gone. A full pipe tells it just as well,
        // and errno is as the interrupted code left it.
        unsafe {
            let errno = libc::__errno_location();
            let saved = *errno;
            libc::write(writer, [1_u8].as_ptr().cast(), 1);
            *errno = saved;
        }
    }
}

/// Pushes a source that owns nothing yet, with its metatable.
unsafe fn push_source(lua: *mut lua_State) -> *mut Source {
    // SAFETY: only called by functions that Lua calls. What is all zero bytes is a sigaction.
    unsafe {
        let source = new_userdata(lua, size_of::<Source>(), 0).cast::<Source>();
        source.write(Source { reader: -1, writer: -1, signal: 0, before: MaybeUninit::zeroed().assume_init() });
        if luaL_newmetatable(lua, NAME.as_ptr()) != 0 {
            lua_pushvalue(lua, -1);
            lua_setfield(lua, -2, c"__index".as_ptr());
            let methods: [(&CStr, unsafe extern "C-unwind" fn(*mut lua_State) -> c_int); 4] =
                [(c"fileno", fileno), (c"take", take), (c"close", close), (c"__gc", close)];
            for (name, method) in methods {
                lua_pushcfunction(lua, method);
                lua_setfield(lua, -2, name.as_ptr());
            }
        }
        lua_setmetatable(lua, -2);
        source
    }
}

/// `( name )` → source; nil, message, errno
pub(crate) unsafe extern "C-unwind" fn open_signal(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the string is on the stack. The userdata has its finalizer before it owns anything.
    unsafe {
        let name = if lua_type(lua, 1) == LUA_TSTRING { crate::create::bytes_at(lua, 1) } else { b"" };
        let name = name.strip_prefix(b"SIG").unwrap_or(name);
        let Some(&(_, signal)) = SIGNALS.iter().find(|(known, _)| *known == name) else {
            wrong(lua, 1, c"name", c"'INT', 'TERM', 'HUP' or another signal that can be caught")
        };
        let source = push_source(lua);
        match catch(source, signal) {
            Ok(()) => 1,
            Err(errno) => Failure::of("signal", &errno.into()).push(lua),
        }
    }
}

unsafe fn catch(source: *mut Source, signal: c_int) -> Result<(), Errno> {
    // SAFETY: only called by `open_signal`; the handler is async-signal-safe.
    unsafe {
        if WRITERS[signal as usize].load(SeqCst) >= 0 {
            return Err(Errno::BUSY);
        }
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        ((*source).reader, (*source).writer) = (reader.into_raw_fd(), writer.into_raw_fd());
        WRITERS[signal as usize].store((*source).writer, SeqCst);
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        if libc::sigaction(signal, &raw const action, &raw mut (*source).before) != 0 {
            WRITERS[signal as usize].store(-1, SeqCst);
            return Err(Errno::INVAL);
        }
        (*source).signal = signal;
    }
    Ok(())
}

/// `( pid )` → source; nil, message, errno
pub(crate) unsafe extern "C-unwind" fn open_child(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua. The userdata has its finalizer before it owns anything.
    unsafe {
        let is_whole =
            lua_type(lua, 1) == LUA_TNUMBER && (lua_isinteger(lua, 1) != 0 || lua_tonumber(lua, 1).fract() == 0.0);
        let number = if is_whole { i32::try_from(lua_tointeger(lua, 1)).ok() } else { None };
        let Some(pid) = number.filter(|&pid| pid > 0).and_then(Pid::from_raw) else {
            wrong(lua, 1, c"pid", c"the number of a child process")
        };
        let source = push_source(lua);
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => {
                (*source).reader = fd.into_raw_fd();
                1
            }
            Err(errno) => Failure::of("child", &errno.into()).push(lua),
        }
    }
}

unsafe fn check(lua: *mut lua_State) -> *mut Source {
    // SAFETY: only called by the methods.
    unsafe { luaL_checkudata(lua, 1, NAME.as_ptr()).cast() }
}

unsafe extern "C-unwind" fn fileno(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { lua_pushinteger(lua, (*check(lua)).reader.into()) };
    1
}

/// Of a signal: whether it came. Of a child: `'exit'` or `'signal'`, and the code, once; nil as long as it runs.
unsafe extern "C-unwind" fn take(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; an open source's descriptors are its own.
    unsafe {
        let source = check(lua);
        if (*source).reader < 0 {
            return 0;
        }
        let reader = BorrowedFd::borrow_raw((*source).reader);
        if (*source).signal != 0 {
            let mut came = false;
            while rustix::io::read(reader, &mut [0_u8; 64]).is_ok_and(|count| count > 0) {
                came = true;
            }
            lua_pushboolean(lua, c_int::from(came));
            return 1;
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let (how, code) = match waitid(WaitId::PidFd(reader.as_fd()), options) {
            Ok(None) => return 0,
            Ok(Some(status)) => match status.exit_status() {
                Some(code) => (c"exit", Some(code)),
                None => (c"signal", status.terminating_signal()),
            },
            // Somebody else has taken the child's status.
            Err(_) => (c"exit", None),
        };
        lua_pushstring(lua, how.as_ptr());
        match code {
            Some(code) => lua_pushinteger(lua, code.into()),
            None => mlua::ffi::lua_pushnil(lua),
        }
    }
    2
}

/// Also `__gc`. The handler goes first, then what it writes to.
unsafe extern "C-unwind" fn close(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the descriptors are the source's own, and forgotten as they are closed.
    unsafe {
        let source = check(lua);
        if (*source).signal != 0 {
            libc::sigaction((*source).signal, &raw const (*source).before, std::ptr::null_mut());
            WRITERS[(*source).signal as usize].store(-1, SeqCst);
            (*source).signal = 0;
        }
        for fd in [&raw mut (*source).reader, &raw mut (*source).writer] {
            let number = std::mem::replace(&mut *fd, -1);
            if number >= 0 {
                drop(OwnedFd::from_raw_fd(number));
            }
        }
    }
    0
}
