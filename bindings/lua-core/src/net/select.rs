//! `Socket.select`: waits for sockets without a loop. It uses `poll`, so a descriptor's number may be of any size.

use super::attempt::{Failed, attempt, push_failure};
use super::socket::test_socket;
use crate::host::memory::SocketBlock;
use crate::lua::args::{bad_argument, check_ms, wrong, wrong_part};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::stack::stack;
use crate::lua::version::new_userdata;
use crate::sys::descriptor::{self, borrow, number_of_polled};
use mlua::ffi::{
    LUA_TNIL, LUA_TNUMBER, LUA_TTABLE, lua_State, lua_createtable, lua_gettop, lua_next, lua_pop, lua_pushfstring,
    lua_pushnil, lua_pushvalue, lua_rawlen, lua_rawset, lua_rawseti, lua_settop, lua_type,
};
use rustix::event::{PollFd, PollFlags};
use std::ffi::c_int;
use std::time::{Duration, Instant};

/// For each list: its index on the stack, the event for which it waits, and the index of the list of its ready sockets.
const LISTS: [(c_int, PollFlags, c_int); 2] = [(1, PollFlags::IN, 5), (2, PollFlags::OUT, 6)];

entry!(
    /// `Socket.select( [readers] [, writers] [, ms] )` → the ready readers, the ready writers
    pub(super) fn select(lua: *mut lua_State) -> c_int {
        // The descriptors are in a userdata on the stack; nothing has a destructor.
        lua_settop(lua, 3);
        let timeout = (lua_type(lua, 3) != LUA_TNIL).then(|| Duration::from_nanos(check_ms(lua, 3)));
        let count = LISTS.into_iter().map(|(list, _, _)| count(lua, list)).sum::<usize>();
        let polled = new_userdata(lua, count.max(1) * size_of::<PollFd>(), 0).cast::<PollFd>();
        lua_createtable(lua, 0, 0);
        lua_createtable(lua, 0, 0);
        stack!(lua: readers writers ms polled ready ready);
        let mut filled = 0;
        for (list, flags, _) in LISTS.into_iter().filter(|&(list, _, _)| lua_type(lua, list) == LUA_TTABLE) {
            lua_pushnil(lua);
            while lua_next(lua, list) != 0 {
                // After `count` a finalizer may have closed a socket, or put more sockets into the list.
                let socket = test_socket(lua, lua_gettop(lua));
                let number = if socket.is_null() { -1 } else { (*socket).number };
                if filled < count && number >= 0 {
                    polled.add(filled).write(PollFd::from_borrowed_fd(borrow(number), flags));
                    filled += 1;
                }
                lua_pop(lua, 1);
            }
        }
        let polled = std::slice::from_raw_parts_mut(polled, filled);
        if let Err(errno) = wait(lua, polled, timeout) {
            return push_failure(lua, Failed::Nil, Text::new("Can't select"), errno);
        }
        for (list, flags, ready) in LISTS.into_iter().filter(|&(list, _, _)| lua_type(lua, list) == LUA_TTABLE) {
            let is_ready = |socket: *mut SocketBlock| {
                polled.iter().any(|one| {
                    number_of_polled(one) == (*socket).number
                        && one.revents().intersects(flags | PollFlags::ERR | PollFlags::HUP)
                })
            };
            collect(lua, list, ready, is_ready);
        }
        2
    }
);

/// Counts the sockets in the list at `arg`. Raises for a value that is not an open socket.
unsafe fn count(lua: *mut lua_State, arg: c_int) -> usize {
    // SAFETY: only called by `select`; comments beside the lines show the stack.
    unsafe {
        let name = if arg == 1 { c"readers" } else { c"writers" };
        match lua_type(lua, arg) {
            LUA_TNIL => return 0,
            LUA_TTABLE => {}
            _ => wrong(lua, arg, name, c"a table of sockets"),
        }
        let mut count = 0;
        lua_pushnil(lua);
        while lua_next(lua, arg) != 0 {
            // stack: … key socket
            let socket = test_socket(lua, lua_gettop(lua));
            if socket.is_null() {
                wrong_part(lua, arg, name, c"T.Net.Socket as each value", lua_gettop(lua));
            }
            if (*socket).number < 0 {
                bad_argument(lua, arg, lua_pushfstring(lua, c"%s: a socket in it is closed".as_ptr(), name.as_ptr()));
            }
            count += 1;
            lua_pop(lua, 1);
        }
        count
    }
}

/// Puts the ready sockets of the list at `arg` into the table at `ready`. A socket with a number as its key is
/// appended; the other sockets keep their keys.
unsafe fn collect(lua: *mut lua_State, arg: c_int, ready: c_int, is_ready: impl Fn(*mut SocketBlock) -> bool) {
    // SAFETY: only called by `select`; comments beside the lines show the stack.
    unsafe {
        lua_pushnil(lua);
        while lua_next(lua, arg) != 0 {
            // stack: … key socket
            let socket = test_socket(lua, lua_gettop(lua));
            if !socket.is_null() && is_ready(socket) {
                if lua_type(lua, -2) == LUA_TNUMBER {
                    lua_pushvalue(lua, -1);
                    lua_rawseti(lua, ready, lua_rawlen(lua, ready) as mlua::ffi::lua_Integer + 1);
                } else {
                    lua_pushvalue(lua, -2);
                    lua_pushvalue(lua, -2);
                    lua_rawset(lua, ready);
                }
            }
            lua_pop(lua, 1);
        }
    }
}

/// Waits until a socket is ready or the time is over. Without sockets and without a time limit it does not wait,
/// because nothing could end the wait.
unsafe fn wait(lua: *mut lua_State, polled: &mut [PollFd<'_>], timeout: Option<Duration>) -> Result<(), c_int> {
    if polled.is_empty() && timeout.is_none() {
        return Ok(());
    }
    let start = Instant::now();
    let work = || {
        let left = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        descriptor::wait(polled, left)
    };
    // SAFETY: only called by `select`, under the rule for Lua calls.
    unsafe { attempt(lua, work) }
}
