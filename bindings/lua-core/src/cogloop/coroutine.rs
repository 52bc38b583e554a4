//! Coroutines that wait: `spawn`, `sleep`, `wait`.
//!
//! ```text
//!   go ── lua_resume ──► coroutine ── sleep: note the request, yield MARK ──► go: arm a timer for the coroutine
//!    ▲                                                                             │
//!    └───────────────────────────── the timer is due, the handle is ready ◄────────┘
//! ```
//!
//! A coroutine is queued only when `lua_resume` has said that it has yielded: where yielding is impossible, in a callback
//! of `table.sort` or, on 5.1, below a `pcall`, Lua raises in the coroutine and nothing is left armed.
//!
//! # Others have the coroutine too
//!
//! `spawn` gives the coroutine away, so a script may resume it, close it, or run this loop in it. What `lua_status` says is
//! not enough: a coroutine that runs has the status of a fresh one, and one that waits here the status of one that others
//! made yield. So each entry says how we [left](Left) the coroutine, and a coroutine that waits keeps MARK on top of its
//! stack: whoever resumes or closes it takes the mark away. `is_left` compares the two, and nothing touches the stack
//! of a coroutine before it has said yes.

use super::arm::{Payload, arm_entry};
use super::claim::{limit, time_out};
use super::loops::receiver;
use crate::host::handle::{Handle, Kind, check_handle};
use crate::host::leave::CLOSED;
use crate::host::node::{COROUTINE, attach, drop_directions, set_callback, settle_reference};
use crate::host::state::{State, check_loop, state_at, value, with_or_raise};
use crate::lua::args::{check_callable, check_direction, check_ms};
use crate::lua::guard::{Failure, Text, push_text};
use crate::lua::interrupt;
use crate::lua::version::{allow_yields, begin_with, can_yield, close_thread, push_user_value, set_user_value};
use cogloop_io::{Interest, Key};
use mlua::ffi::{
    LUA_OK, LUA_TLIGHTUSERDATA, LUA_YIELD, lua_Debug, lua_State, lua_checkstack, lua_concat, lua_error, lua_getstack,
    lua_gettop, lua_newthread, lua_pop, lua_pushboolean, lua_pushlightuserdata, lua_pushstring, lua_pushvalue,
    lua_rawequal, lua_replace, lua_resume, lua_settop, lua_status, lua_tothread, lua_touserdata, lua_type, lua_xmove,
    lua_yield, luaL_traceback,
};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null;

/// What a coroutine waits for.
#[derive(Clone, Copy)]
pub(crate) enum Request {
    Sleep(u64),
    Wait { handle: Handle, direction: Interest, limit_ns: Option<u64> },
}

/// Its address is what our functions yield, so that no other yield is taken for one of theirs.
static MARK: u8 = 0;

fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

/// `loop:spawn( f, ... )` → coroutine: `f( ... )` begins in the next turn.
pub(crate) unsafe extern "C-unwind" fn spawn(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the stack is written beside the lines.
    unsafe {
        receiver(lua);
        check_callable(lua, 2);
        let top = lua_gettop(lua);
        let coroutine = lua_newthread(lua); // S: loop f args… co
        if lua_checkstack(coroutine, top) == 0 || lua_checkstack(lua, top + 6) == 0 {
            Text::<40>::new("too many arguments").raise(lua);
        }
        let args = begin_with(lua, coroutine, 2, top);
        push_user_value(lua, 1, value::TASKS);
        lua_pushvalue(lua, top + 1);
        let state = check_loop(lua, 1);
        with_or_raise(lua, state, |state| state.check_room());
        let payload = Payload::fresh(args);
        arm_entry(lua, state, top + 2, payload, |events, value| events.try_add_timer(0, value));
        lua_settop(lua, top + 1);
    }
    1
}

/// `loop:sleep( ms )`, in a coroutine of `spawn`
pub(crate) unsafe extern "C-unwind" fn sleep(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; nothing is alive here when it yields.
    unsafe {
        let state = receiver(lua);
        let delay_ns = check_ms(lua, 2);
        check_inside(lua, state);
        (*state).own.request = Some(Request::Sleep(delay_ns));
        lua_pushlightuserdata(lua, mark());
        lua_yield(lua, 1)
    }
}

/// `loop:wait( handle, dir [, ms] )`, in a coroutine of `spawn` → `'r'`, `'w'` or `'rw'`; nil, message, errno
pub(crate) unsafe extern "C-unwind" fn wait(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; nothing is alive here when it yields.
    unsafe {
        receiver(lua);
        let handle = check_handle(lua, 2);
        let direction = check_direction(lua, 3);
        let limit_ns = if lua_type(lua, 4) > mlua::ffi::LUA_TNIL { Some(check_ms(lua, 4)) } else { None };
        lua_settop(lua, 2);
        super::watch::check_free(lua, handle, direction, false);
        let state = check_loop(lua, 1);
        check_inside(lua, state);
        // What is there when it goes on may be gone when it reads: then it is not to wait a second time, in the call.
        if let Kind::Socket(socket) = handle.kind {
            (*socket).waited.insert(direction);
        }
        (*state).own.request = Some(Request::Wait { handle, direction, limit_ns });
        lua_pushlightuserdata(lua, mark()); // S: loop handle mark
        lua_yield(lua, 2)
    }
}

/// Raises unless `lua` is a coroutine of this loop that can yield.
unsafe fn check_inside(lua: *mut lua_State, state: *mut State) {
    // SAFETY: only called by functions of the module.
    unsafe {
        if (*state).own.resumed != lua {
            Text::<120>::new("only in a coroutine of this loop's spawn, and not in one that it made itself").raise(lua);
        }
        if !can_yield(lua) {
            Text::<120>::new("no coroutine can wait here: a C function, as table.sort, or a metamethod is in between")
                .raise(lua);
        }
    }
}

/// How we left a coroutine when we made its entry.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// It has not begun: the function and so many arguments are its stack.
    Fresh(c_int),
    /// By a yield of the script's own.
    Yielded,
    /// In `sleep` or `wait`, with MARK on top.
    Waiting,
}

/// Whether a coroutine still is as it was left. If not, others have resumed, closed or ended it, or it runs right now, and
/// it is not ours to resume. Neither raises nor runs Lua code.
///
/// # Safety
///
/// The coroutine is alive: it is on a stack.
pub(super) unsafe fn is_left(coroutine: *mut lua_State, left: Left) -> bool {
    // SAFETY: the caller's promise. The stack of one that runs is not looked at: it has an
    // active frame.
    unsafe {
        let is_waiting = || lua_gettop(coroutine) > 0 && lua_touserdata(coroutine, -1) == mark();
        match (left, lua_status(coroutine)) {
            (Left::Waiting, LUA_YIELD) => is_waiting(),
            // One that has begun, by others' doing, and has yielded since, goes on.
            (Left::Fresh(_) | Left::Yielded, LUA_YIELD) => !is_waiting(),
            (Left::Fresh(args), LUA_OK) => !is_active(coroutine) && lua_gettop(coroutine) == args + 1,
            _ => false,
        }
    }
}

/// Whether a coroutine has called something that has not returned.
unsafe fn is_active(coroutine: *mut lua_State) -> bool {
    let mut frame = MaybeUninit::<lua_Debug>::zeroed();
    // SAFETY: only called with a coroutine that is on the stack; what is filled in is plain data.
    unsafe { lua_getstack(coroutine, 0, frame.as_mut_ptr()) != 0 }
}

/// Goes on with the coroutine that a timer was armed for: the entry on top.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1 and open, and what `payload` says is on top.
pub(crate) unsafe fn serve(lua: *mut lua_State, payload: Payload, key: Key) {
    // SAFETY: the caller's promise. S: loop entries entry
    unsafe {
        if !payload.is_coroutine() {
            return time_out(lua, key);
        }
        let values =
            if payload.is_closed() { push_reason(lua, rustix::io::Errno::BADF, "the handle was closed") } else { 0 };
        go(lua, 3, payload.left(), values);
    }
}

/// Pushes what `wait` returns to a coroutine that did not get what it waited for, and says how many values that is.
///
/// # Safety
///
/// The rule of the crate. Room for three values.
pub(super) unsafe fn push_reason(lua: *mut lua_State, errno: rustix::io::Errno, why: &str) -> c_int {
    // SAFETY: the caller's promise. They are made on this stack: running out of memory on the
    // coroutine's would find nobody to catch it.
    unsafe { Failure { errno: errno.raw_os_error(), text: Text::new(why) }.push(lua) }
}

/// Resumes the coroutine at `index` with the `values` on top, if it is as it was left, and queues it for what it waits for.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1, at `index` what was a coroutine when the entry was made.
pub(super) unsafe fn go(lua: *mut lua_State, index: c_int, mut left: Left, mut values: c_int) {
    // SAFETY: the caller's promise. No Rust value with a destructor is alive;
    // the state is fetched anew after the coroutine has run. Nothing is pushed to or popped from the coroutine's stack
    // but after `is_left`.
    unsafe {
        let coroutine = lua_tothread(lua, index);
        let state = state_at(lua, 1);
        if !state.is_null() && !std::mem::replace(&mut (*state).own.may_yield, true) {
            allow_yields(lua);
        }
        while !coroutine.is_null() && is_left(coroutine, left) {
            let state = state_at(lua, 1);
            if state.is_null() || lua_checkstack(coroutine, values + 8) == 0 {
                return;
            }
            let args = match left {
                Left::Fresh(args) if lua_status(coroutine) == LUA_OK => args,
                Left::Fresh(_) | Left::Yielded => 0,
                Left::Waiting => {
                    lua_pop(coroutine, 1); // the mark
                    lua_xmove(lua, coroutine, values);
                    values
                }
            };
            // For `onerror`.
            lua_pushvalue(lua, index);
            set_user_value(lua, 1, value::CURRENT);
            let (request, results) = match resume(lua, state, coroutine, args) {
                Some(yielded) => yielded,
                None => return,
            };
            let state = state_at(lua, 1);
            let Some(request) = request else {
                // A yield of the script's own is no request: it lets others run.
                lua_pop(coroutine, results);
                return queue(lua, state, index, Payload::YIELDED, 0);
            };
            let Request::Wait { handle, direction, limit_ns } = request else {
                let Request::Sleep(delay_ns) = request else { return };
                lua_pop(coroutine, results - 1); // the mark stays
                return queue(lua, state, index, Payload::COROUTINE, delay_ns);
            };
            lua_pushvalue(coroutine, -2);
            lua_xmove(coroutine, lua, 1); // S: … co handle
            left = Left::Waiting;
            match attach(lua, index + 1, handle, direction) {
                Ok(node) if is_left(coroutine, left) => {
                    let state = state_at(lua, 1);
                    (*node).owner = (*state).id;
                    set_callback(lua, index + 1, direction, index, COROUTINE); // S: … co handle … node
                    (*state).own.waiting = handle.number;
                    settle_reference(state, node);
                    if let Some(limit_ns) = limit_ns {
                        limit(lua, node, direction, limit_ns);
                    }
                    lua_settop(lua, index);
                    return;
                }
                // An object was asked by Lua code, and that has resumed or ended the coroutine.
                Ok(_) => {
                    let _ = drop_directions(lua, state_at(lua, 1), lua_gettop(lua), direction);
                    return;
                }
                Err(failure) => {
                    lua_settop(lua, index);
                    values = failure.push(lua);
                }
            }
        }
    }
}

/// Resumes a coroutine with the `args` on its stack. Returns what it asks for, if it asks for something, and how many values
/// it has yielded; `None` if it has ended, or the loop is closed. An error in it is raised.
unsafe fn resume(
    lua: *mut lua_State,
    state: *mut State,
    coroutine: *mut lua_State,
    args: c_int,
) -> Option<(Option<Request>, c_int)> {
    // SAFETY: only called by `go`, with a coroutine that can be resumed.
    unsafe {
        (*state).own.firing = None;
        (*state).own.request = None;
        let outer = std::mem::replace(&mut (*state).own.resumed, coroutine);
        let runner = interrupt::run_in(coroutine);
        let mut results = 0;
        let status = lua_resume(coroutine, lua, args, &raw mut results);
        interrupt::run_in(runner);
        let state = state_at(lua, 1);
        if let Some(state) = state.as_mut() {
            state.own.resumed = outer;
        }
        match status {
            LUA_YIELD => {}
            LUA_OK => {
                // With nothing on its stack it is dead, and `coroutine.status` says so.
                lua_settop(coroutine, 0);
                return None;
            }
            _ => fail(lua, coroutine),
        }
        if state.is_null() {
            return None;
        }
        let is_ours =
            results > 0 && lua_type(coroutine, -1) == LUA_TLIGHTUSERDATA && lua_touserdata(coroutine, -1) == mark();
        let request = (*state).own.request.take().filter(|request| match request {
            Request::Sleep(_) => is_ours,
            Request::Wait { .. } => is_ours && results > 1,
        });
        Some((request, results))
    }
}

/// Arms a timer that goes on with the coroutine at `index`.
unsafe fn queue(lua: *mut lua_State, state: *mut State, index: c_int, payload: u64, delay_ns: u64) {
    // SAFETY: only called by `go`, with the state of the loop at 1.
    unsafe {
        lua_settop(lua, index);
        push_user_value(lua, 1, value::TASKS);
        lua_pushvalue(lua, index);
        arm_entry(lua, state, index + 1, payload, |events, value| events.try_add_timer(delay_ns, value));
        lua_settop(lua, index);
    }
}

/// Raises the error of a coroutine, with the traceback of its own stack. Closing the coroutine may raise another error, in a
/// `__close`: the traceback tells of that.
unsafe fn fail(lua: *mut lua_State, coroutine: *mut lua_State) -> ! {
    // SAFETY: only called by `resume`; the error is on top of the coroutine's stack, and stays there: its `__close` get it.
    unsafe {
        luaL_traceback(lua, coroutine, null(), 0);
        lua_xmove(coroutine, lua, 1); // S: … traceback err
        lua_pushvalue(lua, -1);
        lua_xmove(lua, coroutine, 1);
        if close_thread(coroutine) {
            lua_xmove(coroutine, lua, 1);
            if lua_rawequal(lua, -1, -2) == 0 {
                lua_pushvalue(lua, -3); // S: … traceback err other traceback
                lua_pushstring(lua, CLOSED.as_ptr());
                push_text(lua, -3);
                lua_concat(lua, 3);
                lua_replace(lua, -4);
            }
            lua_pop(lua, 1);
        }
        lua_settop(coroutine, 0);
        if let Some(state) = state_at(lua, 1).as_mut() {
            state.own.has_traceback = true;
            lua_pushvalue(lua, -2);
            set_user_value(lua, 1, value::TRACEBACK);
        }
        lua_error(lua)
    }
}

/// `loop:running( )` → whether the caller is a coroutine that may sleep and wait
pub(crate) unsafe extern "C-unwind" fn running(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        let state = receiver(lua);
        lua_pushboolean(lua, c_int::from((*state).own.resumed == lua && can_yield(lua)));
    }
    1
}
