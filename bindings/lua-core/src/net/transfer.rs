//! `send` and `recv`. Both try once, and return the number of bytes that were transferred.

use super::address::{check_address, test_address};
use super::attempt::{Failed, RECEIVED, REFUSED_RECV, REFUSED_SEND, attempt, push_failure};
use super::endpoint::shown;
use super::patience::patiently;
use super::socket::{check_socket, on};
use crate::host::memory::SocketBlock;
use crate::lua::args::{bytes, wrong};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::version::new_userdata;
use crate::sys::socket::{QUIETLY, receive as receive_some, receive_from};
use cogloop_io::Interest;
use mlua::ffi::{
    LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, lua_Integer, lua_State, lua_pushinteger, lua_pushlstring, lua_pushnil,
    lua_tonumber, lua_type,
};
use socket2::SockAddr;
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

/// The number of bytes at `arg`; `None` for nil.
unsafe fn check_max(lua: *mut lua_State, arg: c_int, least: f64, wanted: &CStr) -> Option<usize> {
    // SAFETY: only called by the functions below, under the rule for Lua calls.
    unsafe {
        if lua_type(lua, arg) <= LUA_TNIL {
            return None;
        }
        let max = lua_tonumber(lua, arg);
        if lua_type(lua, arg) != LUA_TNUMBER || max.fract() != 0.0 || !(least..=f64::from(i32::MAX)).contains(&max) {
            wrong(lua, arg, c"max", wanted);
        }
        Some(max as usize)
    }
}

entry!(
    /// `sck:send( msg [, adr] [, max] )` → bytes sent
    pub(super) fn send(lua: *mut lua_State) -> c_int {
        // The message and the address stay on the stack.
        let block = check_socket(lua, 1);
        if !matches!(lua_type(lua, 2), LUA_TSTRING | LUA_TNUMBER) {
            wrong(lua, 2, c"msg", c"a string or a number");
        }
        let whole = bytes(lua, 2);
        let is_last = matches!(lua_type(lua, 3), LUA_TNUMBER);
        let address =
            if is_last || lua_type(lua, 3) <= LUA_TNIL { test_address(lua, 3) } else { check_address(lua, 3) };
        let max = check_max(lua, if is_last { 3 } else { 4 }, 0.0, c"a whole number of bytes from 0 to 2147483647")
            .unwrap_or(usize::MAX);
        let part = &whole[..whole.len().min(max)];
        let sent = attempt(lua, || {
            on((*block).number, |socket| {
                patiently(block, Interest::WRITE, socket, |flags| match address.as_ref() {
                    Some(address) => socket.send_to_with_flags(part, address, flags | QUIETLY),
                    None => socket.send_with_flags(part, flags | QUIETLY),
                })
            })
        });
        match sent {
            Ok(count) => lua_pushinteger(lua, count as lua_Integer),
            Err(errno) => {
                let mut what = Text::new(REFUSED_SEND);
                if let Some(address) = address.as_ref() {
                    what.extend(b" to ");
                    what.extend(shown(address).as_bytes());
                }
                return push_failure(lua, Failed::False, what, errno);
            }
        }
        1
    }
);

entry!(
    /// `sck:recv( [adr,] [max] )` → msg, bytes. Returns `nil, 0` when the other side has ended its stream, and for an
    /// empty datagram, as in lua-t. Writes the sender's address into `adr`.
    pub(super) fn recv(lua: *mut lua_State) -> c_int {
        // The buffer for a long message stays on the stack until the message is copied.
        let block = check_socket(lua, 1);
        let is_first = lua_type(lua, 2) == LUA_TNUMBER;
        let address =
            if is_first || lua_type(lua, 2) <= LUA_TNIL { test_address(lua, 2) } else { check_address(lua, 2) };
        let max = check_max(lua, if is_first { 2 } else { 3 }, 1.0, c"a whole number of bytes from 1 to 2147483647")
            .unwrap_or(RECEIVED);
        if max <= RECEIVED {
            receive_short(lua, block, address, max)
        } else {
            let room = std::slice::from_raw_parts_mut(new_userdata(lua, max, 0).cast(), max);
            receive(lua, block, address, room)
        }
    }
);

/// Receives into a buffer on the C stack. An error in `recv` may call a message handler that calls `recv` again, a
/// hundred times deep. A hundred buffers would need too much of the C stack. So the buffer is in a function of its own,
/// in which no code of the script can run except a finalizer.
#[inline(never)]
unsafe fn receive_short(lua: *mut lua_State, block: *const SocketBlock, address: *mut SockAddr, max: usize) -> c_int {
    let mut room = [MaybeUninit::<u8>::uninit(); RECEIVED];
    // SAFETY: only called by `recv`.
    unsafe { receive(lua, block, address, &mut room[..max]) }
}

/// Receives into `room`, and pushes the results of `recv`. Returns their number.
unsafe fn receive(
    lua: *mut lua_State,
    block: *const SocketBlock,
    address: *mut SockAddr,
    room: &mut [MaybeUninit<u8>],
) -> c_int {
    // SAFETY: only called by `recv` and `receive_short`, which keep the buffer alive meanwhile.
    unsafe {
        let received = attempt(lua, || {
            on((*block).number, |socket| {
                patiently(block, Interest::READ, socket, |flags| match address.as_mut() {
                    Some(address) => {
                        let (count, from) = receive_from(socket, room, flags)?;
                        // On a connected stream the system returns no sender, because the sender is always the other
                        // end.
                        *address = if from.len() > 0 { from } else { socket.peer_addr()? };
                        Ok(count)
                    }
                    None => receive_some(socket, room, flags),
                })
            })
        });
        match received {
            Ok(0) => {
                lua_pushnil(lua);
                lua_pushinteger(lua, 0);
            }
            Ok(count) => {
                lua_pushlstring(lua, room.as_ptr().cast(), count);
                lua_pushinteger(lua, count as lua_Integer);
            }
            Err(errno) => return push_failure(lua, Failed::False, Text::new(REFUSED_RECV), errno),
        }
    }
    2
}
