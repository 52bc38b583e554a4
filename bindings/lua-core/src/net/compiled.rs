//! `send` and `recv` of a socket, which LuaJIT compiles with the script. [`compiled`](crate::host::compiled) of the
//! host has the rules for functions that are called through the FFI.
//!
//! ```text
//!   script ──► recv, in compiled.lua ──┬─ FFI ──► receive, here: one system call, repeated if a signal interrupts it
//!                                      │            └─ refused ──► recv_failed, which makes the message
//!                                      └─ an address, a wrong argument, … ──► recv, in transfer.rs
//! ```
//!
//! `transfer.rs` does not repeat a system call that was refused, because the first call has already taken the error
//! from the socket.

use super::attempt::{Failed, RECEIVED, REFUSED_RECV, REFUSED_SEND, push_failure, repeat};
use super::patience::patiently;
use super::socket::on;
use crate::host::memory::SocketBlock;
use crate::lua::class::set_functions;
use crate::lua::compiled::{is_allowed, run, set_pointers};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::sys::errno::EINVAL;
use crate::sys::socket::{QUIETLY, receive as receive_some};
use cogloop_io::Interest;
use mlua::ffi::{
    lua_State, lua_createtable, lua_gettop, lua_pushinteger, lua_pushvalue, lua_setfield, lua_settop, lua_tonumber,
};
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// The Lua side.
const CODE: &str = include_str!("compiled.lua");

/// Replaces functions of the class and of its objects by those that are compiled with the script, if that is allowed.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the class, its methods and its metatable are at these absolute indices. Room for
/// ten values.
pub(super) unsafe fn install(lua: *mut lua_State, class: c_int, methods: c_int, meta: c_int) {
    // SAFETY: the caller's promise. The Lua code gives the pointers the types that the functions below have.
    unsafe {
        if !is_allowed() {
            return;
        }
        let top = lua_gettop(lua);
        for index in [class, methods, meta] {
            lua_pushvalue(lua, index);
        }
        lua_createtable(lua, 0, 5);
        let own = top + 4;
        set_functions(lua, own, &[], &[(c"recv_failed", recv_failed as _), (c"send_failed", send_failed as _)]);
        set_pointers(lua, own, &[(c"send", send as *const c_void), (c"receive", receive as *const c_void)]);
        lua_pushinteger(lua, RECEIVED as _);
        lua_setfield(lua, own, c"RECEIVED".as_ptr());
        run(lua, CODE, 4);
        lua_settop(lua, top);
    }
}

/// Makes the system call of `work`. Returns the number of bytes, or `-errno`.
fn try_once(work: impl FnMut() -> io::Result<usize>) -> i32 {
    let errno = match catch_unwind(AssertUnwindSafe(|| repeat(work))) {
        Ok(Ok(count)) => return count as i32,
        Ok(Err(errno)) => errno,
        Err(_) => EINVAL,
    };
    -errno
}

/// Sends the message, or as much of it as the system takes. Returns the number of bytes, or `-errno`.
unsafe extern "C" fn send(block: *const SocketBlock, message: *const u8, length: i32) -> i32 {
    // SAFETY: called by the Lua code with a socket, and with a string and its length.
    unsafe {
        let message = from_raw_parts(message, length as usize);
        try_once(|| {
            on((*block).number, |socket| {
                patiently(block, Interest::WRITE, socket, |flags| socket.send_with_flags(message, flags | QUIETLY))
            })
        })
    }
}

/// Receives into the buffer. Returns the number of bytes, or `-errno`.
unsafe extern "C" fn receive(block: *const SocketBlock, buffer: *mut MaybeUninit<u8>, length: i32) -> i32 {
    // SAFETY: called by the Lua code with a socket, and with a buffer of at least this length.
    unsafe {
        let room = from_raw_parts_mut(buffer, length as usize);
        try_once(|| {
            on((*block).number, |socket| {
                patiently(block, Interest::READ, socket, |flags| receive_some(socket, room, flags))
            })
        })
    }
}

entry!(
    /// `( -errno )` → false, message, errno
    fn recv_failed(lua: *mut lua_State) -> c_int {
        push_failure(lua, Failed::False, Text::new(REFUSED_RECV), -lua_tonumber(lua, 1) as c_int)
    }
);

entry!(
    /// `( -errno )` → false, message, errno
    fn send_failed(lua: *mut lua_State) -> c_int {
        push_failure(lua, Failed::False, Text::new(REFUSED_SEND), -lua_tonumber(lua, 1) as c_int)
    }
);
