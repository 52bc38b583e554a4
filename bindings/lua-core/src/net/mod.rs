//! `t.Net`: sockets, addresses and network interfaces, in the manner of lua-t.
//!
//! ```text
//!   t.Net ──┬─ Socket     userdata: a descriptor, and which loops observe it ── socket, connection, transfer, option, patience
//!           ├─ Address    userdata: a socket address, plain bytes ──────────── address, endpoint
//!           └─ Interface  functions that give tables ───────────────────────── interface, snapshot
//! ```
//!
//! Two kinds of failure: a wrong argument raises an error that names it; what the system refuses is returned, as
//! `nil, message, errno` – from `send` and `recv` as `false, message, errno`, because their nil means something else.
//! System calls happen in [`attempt`], which makes no Lua call and gives plain numbers back.

mod address;
mod connection;
mod endpoint;
mod interface;
mod names;
mod option;
mod patience;
mod select;
mod snapshot;
pub(crate) mod socket;
mod transfer;

use crate::lua::errno::Reason;
use crate::lua::guard::{Text, guard};
use crate::lua::interrupt;
use mlua::ffi::{
    LUA_REGISTRYINDEX, LUA_TTABLE, lua_CFunction, lua_State, lua_createtable, lua_getfield, lua_gettop, lua_pop,
    lua_pushboolean, lua_pushcclosure, lua_pushinteger, lua_pushlstring, lua_pushnil, lua_pushstring, lua_pushvalue,
    lua_rawgetp, lua_rawset, lua_rawseti, lua_rawsetp, lua_setfield, lua_setmetatable, lua_settop,
};
use std::ffi::{CStr, c_int};
use std::fmt::Write;
use std::io;
use std::ptr::from_ref;

/// The upvalues that every function of `t.Net` has.
mod upvalue {
    use std::ffi::c_int;
    /// The metatables of the two kinds of userdata.
    pub(super) const SOCKET: c_int = 1;
    pub(super) const ADDRESS: c_int = 2;
    /// The class that the function belongs to; in the functions of a metatable, the table of the objects' methods.
    pub(super) const CLASS: c_int = 3;
    /// The metatable of the tables that say something of an interface.
    pub(super) const INTERFACE: c_int = 4;
    pub(super) const COUNT: c_int = 4;
}

/// Their addresses are the places in the registry: one set of classes for a Lua state, however often it is required.
static NET_KEY: u8 = 0;
static SOCKET_KEY: u8 = 0;
static ADDRESS_KEY: u8 = 0;
static INTERFACE_KEY: u8 = 0;
static SOCKET_META_KEY: u8 = 0;

/// `require 't.Net'`: the table of the three classes.
///
/// # Safety
///
/// For Lua to call: `lua` is a live state and has the stack room of a C function.
pub(crate) unsafe extern "C-unwind" fn open_net(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open(lua, &NET_KEY) }
}

/// `require 't.Net.Socket'`
///
/// # Safety
///
/// As for [`open_net`].
pub(crate) unsafe extern "C-unwind" fn open_socket(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open(lua, &SOCKET_KEY) }
}

/// `require 't.Net.Address'`
///
/// # Safety
///
/// As for [`open_net`].
pub(crate) unsafe extern "C-unwind" fn open_address(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open(lua, &ADDRESS_KEY) }
}

/// `require 't.Net.Interface'`
///
/// # Safety
///
/// As for [`open_net`].
pub(crate) unsafe extern "C-unwind" fn open_interface(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open(lua, &INTERFACE_KEY) }
}

/// `require 't.Net.Family'`: the numbers of address families by name, and the names by number.
///
/// # Safety
///
/// As for [`open_net`].
pub(crate) unsafe extern "C-unwind" fn open_family(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_field(lua, &NET_KEY, c"Family") }
}

/// `require 't.Net.Socket.Protocol'`
///
/// # Safety
///
/// As for [`open_net`].
pub(crate) unsafe extern "C-unwind" fn open_protocol(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_field(lua, &SOCKET_KEY, c"Protocol") }
}

/// `require 't.Net.Socket.Type'`
///
/// # Safety
///
/// As for [`open_net`].
pub(crate) unsafe extern "C-unwind" fn open_type(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_field(lua, &SOCKET_KEY, c"Type") }
}

unsafe fn open_field(lua: *mut lua_State, key: &'static u8, name: &CStr) -> c_int {
    // SAFETY: only called by the functions above.
    unsafe {
        open(lua, key);
        lua_getfield(lua, -1, name.as_ptr());
    }
    1
}

/// A class: the functions that it and its objects share, their metamethods, and what `Class( … )` calls.
struct Class {
    methods: &'static [(&'static CStr, lua_CFunction)],
    /// What an object has in the place of the functions of these names.
    own: &'static [(&'static CStr, lua_CFunction)],
    meta: &'static [(&'static CStr, lua_CFunction)],
    construct: lua_CFunction,
}

/// Pushes what the registry has under `key`; the first time it makes all of them.
unsafe fn open(lua: *mut lua_State, key: &'static u8) -> c_int {
    // SAFETY: only called by the functions above.
    unsafe {
        if lua_rawgetp(lua, LUA_REGISTRYINDEX, from_ref(key).cast()) != LUA_TTABLE {
            lua_pop(lua, 1);
            install(lua);
            lua_rawgetp(lua, LUA_REGISTRYINDEX, from_ref(key).cast());
        }
    }
    1
}

/// Makes the classes, and keeps them in the registry.
unsafe fn install(lua: *mut lua_State) {
    // SAFETY: only called by `open`; the stack is written beside the lines.
    unsafe {
        let top = lua_gettop(lua);
        for name in [c"T.Net.Socket", c"T.Net.Address", c"T.Net.Interface"] {
            lua_createtable(lua, 0, 16);
            lua_pushstring(lua, name.as_ptr());
            lua_setfield(lua, -2, c"__name".as_ptr());
        }
        lua_createtable(lua, 0, 4); // S: … socket address interface net
        let (metas, net) = ([top + 1, top + 2, top + 3], top + 4);
        push_class(lua, &socket::CLASS, metas, 0); // S: … net Socket
        for (name, list) in [(c"Protocol", names::PROTOCOLS), (c"Type", names::TYPES)] {
            push_names(lua, list);
            lua_setfield(lua, -2, name.as_ptr());
        }
        keep(lua, -1, &SOCKET_KEY);
        lua_setfield(lua, net, c"Socket".as_ptr());
        push_class(lua, &address::CLASS, metas, 1); // S: … net Address
        keep(lua, -1, &ADDRESS_KEY);
        lua_setfield(lua, net, c"Address".as_ptr());
        push_class(lua, &interface::CLASS, metas, 2); // S: … net Interface
        keep(lua, -1, &INTERFACE_KEY);
        lua_setfield(lua, net, c"Interface".as_ptr());
        push_names(lua, names::FAMILIES);
        lua_setfield(lua, net, c"Family".as_ptr());
        keep(lua, metas[0], &SOCKET_META_KEY);
        keep(lua, net, &NET_KEY);
        lua_settop(lua, top);
    }
}

/// Pushes a table of values by their names and of the first names by value: `Type.SOCK_STREAM == 1`, `Type.stream == 1`,
/// `Type[ 1 ] == 'SOCK_STREAM'`. A short name is there in the three ways of writing that lua-t has.
unsafe fn push_names(lua: *mut lua_State, list: &[names::Named]) {
    // SAFETY: only called by `install`.
    unsafe {
        lua_createtable(lua, 0, 16);
        for known in list {
            for name in known.names {
                for written in 0..3 {
                    let name = write_name(name, written);
                    name.push(lua);
                    lua_pushinteger(lua, known.value.into());
                    lua_rawset(lua, -3);
                }
            }
            lua_pushlstring(lua, known.names[0].as_ptr().cast(), known.names[0].len());
            lua_rawseti(lua, -2, known.value.into());
        }
    }
}

/// A short name as `tcp`, `TCP` and `Tcp`; the C name as it is.
fn write_name(name: &str, written: usize) -> Text<24> {
    let mut text = Text::new("");
    for (i, mut byte) in name.bytes().enumerate() {
        match written {
            _ if name.contains('_') => {}
            1 => byte.make_ascii_uppercase(),
            2 if i == 0 => byte.make_ascii_uppercase(),
            _ => byte.make_ascii_lowercase(),
        }
        text.extend(&[byte]);
    }
    text
}

/// Pushes a class, and fills the metatable of its objects, the one of that number. The three metatables are beside it.
unsafe fn push_class(lua: *mut lua_State, class: &Class, metas: [c_int; 3], number: usize) {
    // SAFETY: only called by `install`, with absolute indices. The stack is written beside the lines.
    unsafe {
        lua_createtable(lua, 0, 32);
        let table = lua_gettop(lua);
        lua_createtable(lua, 0, 32); // S: … class methods
        let methods = table + 1;
        lua_createtable(lua, 0, 1); // S: … class methods meta
        for (functions, target, looked_up) in [
            (class.methods, table, table),
            (class.methods, methods, table),
            (class.own, methods, table),
            (class.meta, metas[number], methods),
            (&[(c"__call", class.construct)], table + 2, table),
        ] {
            for &(name, function) in functions {
                for upvalue in [metas[0], metas[1], looked_up, metas[2]] {
                    lua_pushvalue(lua, upvalue);
                }
                lua_pushcclosure(lua, function, upvalue::COUNT);
                lua_setfield(lua, target, name.as_ptr());
            }
        }
        if number == 0 {
            [table, methods].into_iter().for_each(|target| set_ways(lua, target));
        }
        lua_setmetatable(lua, table);
        lua_settop(lua, table);
    }
}

/// Sets the names of the ways to shut a socket down.
unsafe fn set_ways(lua: *mut lua_State, table: c_int) {
    // SAFETY: only called by `push_class`, with an absolute index.
    unsafe {
        for way in names::SHUTDOWNS {
            for name in way.names {
                lua_pushlstring(lua, name.as_ptr().cast(), name.len());
                lua_pushinteger(lua, way.value.into());
                lua_rawset(lua, table);
            }
            lua_pushlstring(lua, way.names[0].as_ptr().cast(), way.names[0].len());
            lua_rawseti(lua, table, way.value.into());
        }
    }
}

/// Keeps the value at `index` in the registry.
unsafe fn keep(lua: *mut lua_State, index: c_int, key: &'static u8) {
    // SAFETY: only called by `install`.
    unsafe {
        lua_pushvalue(lua, index);
        lua_rawsetp(lua, LUA_REGISTRYINDEX, from_ref(key).cast());
    }
}

/// Pushes the metatable of sockets, by which they are known outside of this module; nil before the first is made.
///
/// # Safety
///
/// Room for one value. May raise.
pub(crate) unsafe fn push_socket_metatable(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe { lua_rawgetp(lua, LUA_REGISTRYINDEX, from_ref(&SOCKET_META_KEY).cast()) };
}

/// Does system calls, again when a signal interrupts them. What the system refuses comes back as its number.
///
/// # Safety
///
/// The rule of the crate; `work` makes no Lua call. Only a bug in `work` raises.
unsafe fn attempt<R: Copy>(lua: *mut lua_State, mut work: impl FnMut() -> io::Result<R>) -> Result<R, c_int> {
    let result = guard(|| {
        loop {
            match work() {
                Ok(result) => return Ok(Ok(result)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted && !interrupt::pending() => {}
                Err(error) => return Ok(Err(error.raw_os_error().unwrap_or(libc::EINVAL))),
            }
        }
    });
    match result {
        Ok(result) => result,
        // SAFETY: the caller's promise.
        Err(bug) => unsafe { bug.raise(lua) },
    }
}

/// How a function says that something failed, before the message.
#[derive(Clone, Copy)]
enum Failed {
    Nil,
    False,
}

/// Pushes what a function returns when the system refused: nil or false, "`what` (reason)", the system's number.
///
/// # Safety
///
/// The rule of the crate. Room for three values.
unsafe fn push_failure(lua: *mut lua_State, first: Failed, what: Text<200>, errno: c_int) -> c_int {
    // SAFETY: the caller's promise; the text is plain bytes.
    unsafe {
        match first {
            Failed::Nil => lua_pushnil(lua),
            Failed::False => lua_pushboolean(lua, 0),
        }
        reason(what, errno).push(lua);
        lua_pushinteger(lua, errno.into());
    }
    3
}

fn reason(what: Text<200>, errno: c_int) -> Text<400> {
    let mut text = Text::new("");
    // As bytes: the name of a Unix socket need not be UTF-8.
    text.extend(what.as_bytes());
    let _ = write!(text, " ({})", Reason(errno));
    text
}
