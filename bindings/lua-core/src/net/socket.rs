//! `t.Net.Socket`: a userdata that owns a descriptor. This file makes and closes sockets; their methods are in
//! `connection`, `transfer` and `option`.
//!
//! A socket has a list of the nodes by which loops observe it. Before it is closed, it is removed from each loop. So no
//! event of its number can come later, and the peer sees the end of the connection at once on every backend.

use super::attempt::{Failed, attempt, push_failure};
use super::names::{FAMILIES, Named, PROTOCOLS, TYPES, value_of};
use super::upvalue;
use crate::host::memory::SocketBlock;
use crate::host::observed::leave_loops;
use crate::lua::args::{bad_argument, bytes, test_userdata, wrong};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::version::new_userdata;
use crate::sys::descriptor::{self, Number, borrow};
use crate::sys::errno;
use crate::sys::option::{AF_INET, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
use crate::sys::socket::{Mode, create};
use cogloop_io::Interest;
use mlua::ffi::{
    LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, lua_Integer, lua_State, lua_pushboolean, lua_pushfstring, lua_pushinteger,
    lua_pushvalue, lua_remove, lua_setmetatable, lua_tonumber, lua_topointer, lua_tostring, lua_type, lua_upvalueindex,
};
use socket2::{SockRef, Socket};
use std::ffi::{CStr, c_int};
use std::io;
use std::ptr::null_mut;

/// Pushes a Socket without a descriptor.
///
/// # Safety
///
/// The running function is one of `t.Net`. Room for two values. May raise.
pub(super) unsafe fn push_socket(lua: *mut lua_State) -> *mut SocketBlock {
    // SAFETY: the caller's promise.
    unsafe {
        let block = new_userdata(lua, size_of::<SocketBlock>(), 0).cast::<SocketBlock>();
        block.write(SocketBlock { number: -1, observers: null_mut(), waited: Interest::NONE, mode: Mode::NEW });
        lua_pushvalue(lua, lua_upvalueindex(upvalue::SOCKET));
        lua_setmetatable(lua, -2);
        block
    }
}

/// The Socket at `arg`, open or closed. Raises if the value is no Socket.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of `t.Net`.
pub(super) unsafe fn check_socket(lua: *mut lua_State, arg: c_int) -> *mut SocketBlock {
    // SAFETY: the caller's promise.
    unsafe {
        let block = test_socket(lua, arg);
        if block.is_null() {
            wrong(lua, arg, c"sck", c"T.Net.Socket");
        }
        block
    }
}

/// The Socket at `arg`, or null.
///
/// # Safety
///
/// The running function is one of `t.Net`. Room for two values.
pub(super) unsafe fn test_socket(lua: *mut lua_State, arg: c_int) -> *mut SocketBlock {
    // SAFETY: the caller's promise.
    unsafe { test_userdata(lua, arg, upvalue::SOCKET).cast() }
}

/// Calls `work` with the socket of this number. If the socket is closed, returns the system's error EBADF.
///
/// # Errors
///
/// The error of `work`.
pub(super) fn on<R>(number: Number, work: impl FnOnce(&Socket) -> io::Result<R>) -> io::Result<R> {
    if number < 0 {
        return Err(errno::error(errno::EBADF));
    }
    // SAFETY: the number is not -1, and the socket that owns it does not close it meanwhile: `work` makes no Lua call.
    let borrowed = unsafe { borrow(number) };
    let socket = SockRef::from(&borrowed);
    work(&socket)
}

/// The arguments of `Socket( … )`; `None` for each argument that the script left out.
#[derive(Clone, Copy)]
struct Wanted {
    protocol: Option<c_int>,
    family: Option<c_int>,
    kind: Option<c_int>,
}

entry!(
    /// `Socket( [protocol] [, family] [, type] )`: the class is at 1.
    pub(super) fn construct(lua: *mut lua_State) -> c_int {
        lua_remove(lua, 1);
        let wanted = read_names(lua);
        let family = wanted.family.unwrap_or(AF_INET);
        let kind = wanted.kind.unwrap_or(match wanted.protocol {
            None | Some(IPPROTO_TCP) => SOCK_STREAM,
            Some(IPPROTO_UDP) => SOCK_DGRAM,
            Some(_) => SOCK_RAW,
        });
        // The userdata has its finalizer before it owns a descriptor.
        let block = push_socket(lua);
        match attempt(lua, || create(family, kind, wanted.protocol.unwrap_or(0))) {
            Ok(number) => (*block).number = number,
            Err(errno) => return push_failure(lua, Failed::Nil, Text::new("Can't create socket"), errno),
        }
        1
    }
);

/// Reads the three names. Each kind of name has its place in the arguments. But a name that fits only another place is
/// read as if it stood there. So `Socket( 'unix', 'dgram' )` needs no `nil` for the protocol.
unsafe fn read_names(lua: *mut lua_State) -> Wanted {
    const LISTS: [&[Named]; 3] = [PROTOCOLS, FAMILIES, TYPES];
    const WHAT: [&CStr; 3] = [c"protocol", c"family", c"type"];
    const WANTED: [&CStr; 3] = [
        c"'tcp', 'udp', 'icmp' or another name or number of a protocol",
        c"'ip4', 'ip6', 'unix' or another name or number of a family",
        c"'stream', 'dgram', 'raw', 'seqpacket' or another name or number of a type",
    ];
    let mut found: [Option<c_int>; 3] = [None; 3];
    // SAFETY: only called by `construct`, under the rule for Lua calls.
    unsafe {
        for place in 0..3 {
            let arg = place as c_int + 1;
            match lua_type(lua, arg) {
                t if t <= LUA_TNIL => {}
                LUA_TNUMBER => {
                    // The conversion to `c_int` changes a fraction, and a number that is too great. So the comparison
                    // finds both.
                    let number = lua_tonumber(lua, arg);
                    if f64::from(number as c_int) != number {
                        wrong(lua, arg, WHAT[place], c"a name or a whole number of 32 bits");
                    }
                    if found[place].is_some() {
                        given_twice(lua, arg, WHAT[place]);
                    }
                    found[place] = Some(number as c_int);
                }
                LUA_TSTRING => {
                    let name = bytes(lua, arg);
                    let known = [place, (place + 1) % 3, (place + 2) % 3]
                        .into_iter()
                        .filter(|&list| found[list].is_none())
                        .find_map(|list| value_of(LISTS[list], name).map(|value| (list, value)));
                    let taken = (0..3).find(|&list| value_of(LISTS[list], name).is_some());
                    match (known, taken) {
                        (Some((list, value)), _) => found[list] = Some(value),
                        (None, Some(list)) => given_twice(lua, arg, WHAT[list]),
                        (None, None) => {
                            let (what, got) = (WHAT[place].as_ptr(), lua_tostring(lua, arg));
                            let format = c"%s: '%s' is not known; %s expected";
                            bad_argument(
                                lua,
                                arg,
                                lua_pushfstring(lua, format.as_ptr(), what, got, WANTED[place].as_ptr()),
                            )
                        }
                    }
                }
                _ => wrong(lua, arg, WHAT[place], c"a name"),
            }
        }
    }
    Wanted { protocol: found[0], family: found[1], kind: found[2] }
}

/// Raises an error, because an earlier argument has already given `what`: the protocol, the family or the type.
unsafe fn given_twice(lua: *mut lua_State, arg: c_int, what: &CStr) -> ! {
    // SAFETY: only called by `read_names`.
    unsafe {
        let format = c"%s: an earlier argument has given it already";
        bad_argument(lua, arg, lua_pushfstring(lua, format.as_ptr(), what.as_ptr()))
    }
}

/// Removes the socket from the loops that observe it, and closes it. Does nothing if the socket is closed.
///
/// # Errors
///
/// The error of `close`. The descriptor is closed even then.
///
/// # Safety
///
/// `block` is the memory of a live Socket. Makes no Lua call.
pub(super) unsafe fn shut(block: *mut SocketBlock) -> io::Result<()> {
    // SAFETY: the caller's promise; the socket owned the number.
    unsafe {
        leave_loops(block);
        let number = std::mem::replace(&mut (*block).number, -1);
        if number < 0 { Ok(()) } else { descriptor::close(number) }
    }
}

entry!(
    /// `sck:close( )` → true; also `__gc` and `__close`.
    pub(super) fn close(lua: *mut lua_State) -> c_int {
        // If a signal interrupts `shut`, `attempt` calls it again. The second call does nothing, because the socket has
        // no number by then.
        let block = check_socket(lua, 1);
        match attempt(lua, || shut(block)) {
            Ok(()) => lua_pushboolean(lua, 1),
            Err(errno) => return push_failure(lua, Failed::Nil, Text::new("Can't close socket"), errno),
        }
        1
    }
);

entry!(
    /// `sck:getfd( )`: the descriptor's number, -1 when it is closed. Other libraries' loops call this method.
    pub(super) fn getfd(lua: *mut lua_State) -> c_int {
        lua_pushinteger(lua, lua_Integer::from((*check_socket(lua, 1)).number));
        1
    }
);

entry!(
    /// `t.Net.Socket{4}: 0x…`
    pub(super) fn to_string(lua: *mut lua_State) -> c_int {
        let block = check_socket(lua, 1);
        lua_pushfstring(lua, c"t.Net.Socket{%d}: %p".as_ptr(), (*block).number, lua_topointer(lua, 1));
        1
    }
);
