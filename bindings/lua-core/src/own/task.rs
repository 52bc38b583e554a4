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

use super::loops::receiver;
use super::timer::{Payload, arm_entry};
use crate::args::{check_callable, check_direction, check_ms};
use crate::guard::{Failure, Text};
use crate::handle::{Handle, check_handle};
use crate::node::{COROUTINE, DIRECTIONS, NodeBlock, attach, direction_value, drop_directions, set_callback};
use crate::state::{State, check_loop, state_at, value, with_or_raise};
use crate::task::unlink;
use crate::version::{can_yield, close_thread, push_user_value, set_user_value};
use cogloop_io::{Interest, Key};
use mlua::ffi::{
    LUA_OK, LUA_TLIGHTUSERDATA, LUA_YIELD, lua_State, lua_checkstack, lua_error, lua_gettop, lua_newthread, lua_pop,
    lua_pushboolean, lua_pushlightuserdata, lua_pushstring, lua_pushvalue, lua_rawequal, lua_rawgeti, lua_resume,
    lua_settop, lua_status, lua_tothread, lua_touserdata, lua_type, lua_xmove, lua_yield, luaL_traceback,
};
use std::ffi::{c_int, c_void};
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
        if lua_checkstack(coroutine, top) == 0 || lua_checkstack(lua, top) == 0 {
            Text::<40>::new("too many arguments").raise(lua);
        }
        for index in 2..=top {
            lua_pushvalue(lua, index);
        }
        lua_xmove(lua, coroutine, top - 1);
        push_user_value(lua, 1, value::TASKS);
        lua_pushvalue(lua, top + 1);
        let state = check_loop(lua, 1);
        with_or_raise(lua, state, |state| state.check_room());
        arm_entry(lua, state, top + 2, Payload::COROUTINE, |events, value| events.add_timer(0, value));
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

/// Goes on with the coroutine that a timer was armed for: the entry on top.
///
/// # Safety
///
/// The rule of the crate; the loop of `state` is at 1, and what `payload` says is on top.
pub(crate) unsafe fn serve(lua: *mut lua_State, state: *mut State, payload: Payload, key: Key) {
    // SAFETY: the caller's promise. S: loop entries entry
    unsafe {
        if payload.is_coroutine() {
            let coroutine = lua_tothread(lua, 3);
            if payload.is_closed() {
                go_on_without(lua, rustix::io::Errno::BADF, "the handle was closed");
            } else if !coroutine.is_null() {
                let is_fresh = lua_status(coroutine) == LUA_OK;
                go(lua, if is_fresh { (lua_gettop(coroutine) - 1).max(0) } else { 0 });
            }
            return;
        }
        // The entry is the watcher for whose handle the coroutine has waited long enough.
        let node = lua_touserdata(lua, 3).cast::<NodeBlock>();
        if node.is_null() {
            return;
        }
        let mut due = Interest::NONE;
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if (*node).timeouts[i] == key.to_bits() && (*node).args[i] == COROUTINE && (*node).token != 0 {
                push_user_value(lua, 3, direction_value(each));
                due.insert(each);
            }
        }
        if due.is_empty() {
            return;
        }
        // S: loop entries node coroutine …
        lua_settop(lua, 4);
        let _ = drop_directions(lua, state, 3, due);
        go_on_without(lua, rustix::io::Errno::TIMEDOUT, "timed out");
    }
}

/// Goes on with the coroutine on top, which did not get what it waited for.
unsafe fn go_on_without(lua: *mut lua_State, errno: rustix::io::Errno, why: &str) {
    // SAFETY: only called by `serve`.
    unsafe {
        let coroutine = lua_tothread(lua, -1);
        if coroutine.is_null() || lua_checkstack(coroutine, 3) == 0 {
            return;
        }
        // Made on this stack: running out of memory on the coroutine's would find nobody to catch it.
        let count = Failure { errno: errno.raw_os_error(), text: Text::new(why) }.push(lua);
        lua_xmove(lua, coroutine, count);
        go(lua, count);
    }
}

/// Queues the coroutines that wait for the handle of `node`, which was closed, so that they are told.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1 and open, and the Node in its table. Room for eight values.
pub(crate) unsafe fn tell_waiting(lua: *mut lua_State, node: *mut NodeBlock) {
    // SAFETY: the caller's promise. What raises, for want of memory, leaves the coroutine waiting, to be told next time.
    unsafe {
        if !(*node).args.contains(&COROUTINE) {
            return;
        }
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::NODES);
        lua_rawgeti(lua, -1, (*node).number.into());
        push_user_value(lua, 1, value::TASKS); // S: … nodes node tasks
        let mut told = std::ptr::null_mut();
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if (*node).args[i] != COROUTINE {
                continue;
            }
            let state = state_at(lua, 1);
            push_user_value(lua, top + 2, direction_value(each)); // S: … nodes node tasks co
            let coroutine = lua_tothread(lua, -1);
            if coroutine != told {
                arm_entry(lua, state, top + 3, Payload::CLOSED, |events, value| events.add_timer(0, value));
                told = coroutine;
            }
            (*node).args[i] = 0;
            if let Some(key) = Key::from_bits((*node).timeouts[i])
                && (*state).events.cancel_timer(key).is_some()
            {
                unlink(lua, key);
            }
            lua_settop(lua, top + 3);
        }
        lua_settop(lua, top);
    }
}

/// Goes on with the coroutine that waits for direction `i` of the watcher at 3.
///
/// # Safety
///
/// The rule of the crate; S: loop nodes node
pub(crate) unsafe fn wake(lua: *mut lua_State, state: *mut State, i: usize, ready: Interest) {
    // SAFETY: the caller's promise.
    unsafe {
        let node = lua_touserdata(lua, 3).cast::<NodeBlock>();
        let mut mine = DIRECTIONS[i];
        push_user_value(lua, 3, direction_value(DIRECTIONS[i])); // S: loop nodes node co
        push_user_value(lua, 3, direction_value(DIRECTIONS[1 - i]));
        if lua_rawequal(lua, -1, -2) != 0 {
            mine = Interest::BOTH;
        }
        lua_settop(lua, 4);
        let timeout = Key::from_bits((*node).timeouts[i]);
        let _ = drop_directions(lua, state, 3, mine);
        if let Some(key) = timeout
            && (*state).events.cancel_timer(key).is_some()
        {
            unlink(lua, key);
        }
        let coroutine = lua_tothread(lua, 4);
        let name = match (ready & mine).bits() {
            1 => c"r",
            2 => c"w",
            _ => c"rw",
        };
        lua_pushstring(lua, name.as_ptr());
        lua_xmove(lua, coroutine, 1);
        go(lua, 1);
    }
}

/// Resumes the coroutine on top with so many arguments, which are on its own stack, and queues it for what it waits for.
unsafe fn go(lua: *mut lua_State, mut args: c_int) {
    // SAFETY: only called with the loop at 1 and a coroutine on top. No Rust value with a destructor is alive; the state
    // is fetched anew after the coroutine has run.
    unsafe {
        let index = lua_gettop(lua);
        let coroutine = lua_tothread(lua, index);
        // For `onerror`.
        lua_pushvalue(lua, index);
        set_user_value(lua, 1, value::CURRENT);
        loop {
            let state = state_at(lua, 1);
            if state.is_null() {
                return;
            }
            (*state).own.firing = None;
            // The script has the coroutine too, and may have resumed it to its end.
            let is_dead = match lua_status(coroutine) {
                LUA_YIELD => false,
                LUA_OK => lua_gettop(coroutine) <= args,
                _ => true,
            };
            if is_dead || lua_checkstack(coroutine, 8) == 0 {
                return;
            }
            let outer = std::mem::replace(&mut (*state).own.resumed, coroutine);
            (*state).own.request = None;
            let mut results = 0;
            let status = lua_resume(coroutine, lua, args, &raw mut results);
            let state = state_at(lua, 1);
            if state.is_null() {
                return;
            }
            (*state).own.resumed = outer;
            match status {
                LUA_OK => return,
                LUA_YIELD => {}
                _ => fail(lua, coroutine, state),
            }
            // A yield of the script's own is no request: it lets others run.
            let is_ours =
                results > 0 && lua_type(coroutine, -1) == LUA_TLIGHTUSERDATA && lua_touserdata(coroutine, -1) == mark();
            let request = (*state).own.request.take().filter(|_| is_ours).unwrap_or(Request::Sleep(0));
            let Request::Wait { handle, direction, limit_ns } = request else {
                let Request::Sleep(delay_ns) = request else { return };
                lua_pop(coroutine, results);
                push_user_value(lua, 1, value::TASKS);
                lua_pushvalue(lua, index);
                let arm = |events: &mut cogloop_io::EventLoop<u64>, value| events.add_timer(delay_ns, value);
                arm_entry(lua, state, index + 1, Payload::COROUTINE, arm);
                lua_settop(lua, index);
                return;
            };
            lua_pushvalue(coroutine, -2);
            lua_xmove(coroutine, lua, 1); // S: … co handle
            lua_pop(coroutine, results);
            match attach(lua, index + 1, handle, direction) {
                Ok(node) => {
                    (*node).owner = (*state_at(lua, 1)).id;
                    set_callback(lua, index + 1, direction, index, COROUTINE); // S: … co handle … node
                    if let Some(limit_ns) = limit_ns {
                        limit(lua, node, direction, limit_ns);
                    }
                    lua_settop(lua, index);
                    return;
                }
                Err(failure) => {
                    lua_settop(lua, index);
                    args = failure.push(lua);
                    lua_xmove(lua, coroutine, args);
                }
            }
        }
    }
}

/// Arms the timer that ends the wait of the watcher on top.
unsafe fn limit(lua: *mut lua_State, node: *mut NodeBlock, direction: Interest, limit_ns: u64) {
    // SAFETY: only called by `go`.
    unsafe {
        push_user_value(lua, 1, value::TASKS);
        let entries = lua_gettop(lua);
        lua_pushvalue(lua, entries - 1);
        let arm = |events: &mut cogloop_io::EventLoop<u64>, value| events.add_timer(limit_ns, value);
        let key = arm_entry(lua, state_at(lua, 1), entries, Payload::TIMEOUT, arm);
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if direction.contains(each) {
                (*node).timeouts[i] = key.to_bits();
            }
        }
    }
}

/// Raises the error of a coroutine, with the traceback of its own stack.
unsafe fn fail(lua: *mut lua_State, coroutine: *mut lua_State, state: *mut State) -> ! {
    // SAFETY: only called by `go`; the error is on top of the coroutine's stack.
    unsafe {
        (*state).own.has_traceback = true;
        luaL_traceback(lua, coroutine, null(), 0);
        set_user_value(lua, 1, value::TRACEBACK);
        lua_xmove(coroutine, lua, 1);
        close_thread(coroutine);
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
