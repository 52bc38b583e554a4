//! The functions that `prompt.lua` calls. Each does its work in Rust first and then pushes plain values. So an error of
//! Lua jumps over no value with a destructor.

use super::requests::{Answering, Request, Thread, What, connect};
use super::{editor, screen};
use crate::{ctrl_c, message};
use mlua::ffi::{
    LUA_OK, LUA_TNIL, LUA_TNONE, lua_CFunction, lua_State, lua_call, lua_createtable, lua_error, lua_pushboolean,
    lua_pushcfunction, lua_pushlstring, lua_pushnil, lua_pushstring, lua_setfield, lua_toboolean, lua_tointeger,
    lua_tolstring, lua_tonumber, lua_type, luaL_loadbufferx,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::pthread::pthread_self;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use std::cell::RefCell;
use std::ffi::{CStr, c_int};
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::ptr::null;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::TryRecvError;
use std::thread;

const CODE: &str = include_str!("prompt.lua");

const FUNCTIONS: [(&CStr, lua_CFunction); 10] = [
    (c"start", start),
    (c"next", next),
    (c"answer", answer),
    (c"wait", wait),
    (c"enter", enter),
    (c"withdraw", withdraw),
    (c"serving", serving),
    (c"report", report),
    (c"settle", settle),
    (c"on_raise", message::on_raise),
];

/// The editor's requests, and the request that is being served.
struct Desk {
    answering: Answering,
    current: Option<Request>,
}

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

/// Runs the prompt until the user ends it.
///
/// # Safety
///
/// Called in a protected call, with the libraries open and no value with a destructor alive.
pub(crate) unsafe fn run(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe {
        if luaL_loadbufferx(lua, CODE.as_ptr().cast(), CODE.len(), c"=(prompt)".as_ptr(), null()) != LUA_OK {
            lua_error(lua);
        }
        lua_createtable(lua, 0, FUNCTIONS.len() as c_int + 1);
        for (name, function) in FUNCTIONS {
            lua_pushcfunction(lua, function);
            lua_setfield(lua, -2, name.as_ptr());
        }
        lua_pushboolean(lua, c_int::from(cogloop_lua_core::is_virtual()));
        lua_setfield(lua, -2, c"is_virtual".as_ptr());
        lua_call(lua, 1, 0);
    }
}

/// Starts the thread that reads lines.
fn begin() -> io::Result<()> {
    let (asking, answering) = connect()?;
    let is_edited = screen::is_there();
    // The threads that are made here inherit a mask that blocks the signal. So only this thread gets the signal.
    let mut without = SigSet::empty();
    without.add(Signal::SIGINT);
    let before = without.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let lua = Thread(pthread_self());
    let prompts = io::stdin().is_terminal() && io::stdout().is_terminal();
    let begun = if is_edited { screen::prepare() } else { Ok(()) }.and_then(|()| {
        thread::Builder::new().spawn(move || {
            if !is_edited {
                editor::read(&asking, prompts);
            } else if let Err(error) = editor::edit(&asking, &lua) {
                message::tell(format_args!("the terminal: {error}"));
            }
            let _ = asking.ask(What::End, "", None);
        })
    });
    before.thread_set_mask()?;
    begun?;
    DESK.set(Some(Desk { answering, current: None }));
    Ok(())
}

/// `start( )` → whether the prompt has begun
unsafe extern "C-unwind" fn start(lua: *mut lua_State) -> c_int {
    let begun = begin().map_err(|error| message::tell(format_args!("no prompt: {error}")));
    // SAFETY: called by Lua, with room for a value.
    unsafe { lua_pushboolean(lua, c_int::from(begun.is_ok())) };
    1
}

/// `next( )` → what, text; or nil if there is no request
unsafe extern "C-unwind" fn next(lua: *mut lua_State) -> c_int {
    let taken = DESK.with_borrow_mut(|desk| {
        let desk = desk.as_mut()?;
        match desk.answering.requests.try_recv() {
            Ok(request) => {
                let mut byte = [0];
                let _ = desk.answering.woken.read(&mut byte);
                let what = request.what;
                // The text stays at its address until the answer.
                let text = (request.text.as_ptr(), request.text.len());
                desk.current = Some(request);
                Some((what, text))
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some((What::End, (null(), 0))),
        }
    });
    // SAFETY: called by Lua, with room for two values. The text is that of `current`, which only this thread changes.
    unsafe {
        let Some((what, (text, length))) = taken else {
            lua_pushnil(lua);
            return 1;
        };
        let what = match what {
            What::Line => c"line",
            What::Complete => c"complete",
            What::Check => c"check",
            What::End => c"end",
        };
        lua_pushstring(lua, what.as_ptr());
        lua_pushlstring(lua, text.cast(), length);
    }
    2
}

/// `answer( text )`: answers the request that is being served, if there is one.
unsafe extern "C-unwind" fn answer(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua. A string's bytes stay while it is on the stack, and nothing here raises.
    let text = unsafe {
        let mut length = 0;
        let bytes = lua_tolstring(lua, 1, &raw mut length);
        if bytes.is_null() { &[][..] } else { std::slice::from_raw_parts(bytes.cast::<u8>(), length) }
    };
    let text = String::from_utf8_lossy(text).into_owned();
    DESK.with_borrow_mut(|desk| {
        if let Some(request) = desk.as_mut().and_then(|desk| desk.current.take()) {
            // If the editor has stopped waiting, it no longer receives the answer.
            let _ = request.answer.try_send(text);
        }
    });
    0
}

/// `wait( [fd], [ms] )` → whether there is a request. Waits until there is a request, the descriptor is readable, or
/// `ms` have passed. Waits for a minute at most if `ms` is given.
unsafe extern "C-unwind" fn wait(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua. The descriptor is the loop's own, which is open.
    let (descriptor, ms) = unsafe {
        let is_given = |index| !matches!(lua_type(lua, index), LUA_TNIL | LUA_TNONE);
        let descriptor = is_given(1).then(|| BorrowedFd::borrow_raw(lua_tointeger(lua, 1) as RawFd));
        (descriptor, is_given(2).then(|| lua_tonumber(lua, 2)))
    };
    // The time is rounded up: a turn before the deadline would find nothing to do.
    let timeout = ms.map_or(PollTimeout::NONE, |ms| PollTimeout::from(ms.ceil().min(60_000.0) as u16));
    let is_asked = DESK.with_borrow(|desk| {
        let Some(desk) = desk else { return true };
        let asked = PollFd::new(desk.answering.woken.as_fd(), PollFlags::POLLIN);
        let mut both = [asked, PollFd::new(descriptor.unwrap_or(desk.answering.woken.as_fd()), PollFlags::POLLIN)];
        // A signal ends the wait, too.
        let _ = poll(&mut both, timeout);
        both[0].any().unwrap_or(true)
    });
    // SAFETY: as above, with room for a value.
    unsafe { lua_pushboolean(lua, c_int::from(is_asked)) };
    1
}

/// `enter( )`: called before a line runs.
unsafe extern "C-unwind" fn enter(_: *mut lua_State) -> c_int {
    screen::enter();
    0
}

/// `withdraw( )`: called before a line is typed.
unsafe extern "C-unwind" fn withdraw(_: *mut lua_State) -> c_int {
    screen::withdraw();
    0
}

/// `serving( is_it )`: called before and after a turn of the loop while a line is being typed.
unsafe extern "C-unwind" fn serving(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    let is_it = unsafe { lua_toboolean(lua, 1) } != 0;
    editor::IS_SERVING.store(is_it, SeqCst);
    if !is_it {
        screen::show();
    }
    0
}

/// `report( message )`: writes the message to standard error.
unsafe extern "C-unwind" fn report(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua, with the message on top.
    unsafe { message::report(lua) };
    0
}

/// `settle( )`: clears the interrupts so far.
unsafe extern "C-unwind" fn settle(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { ctrl_c::settle(lua) };
    0
}
