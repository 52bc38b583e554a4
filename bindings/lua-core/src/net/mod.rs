//! `t.Net`: sockets, addresses and network interfaces, with the functions of the library lua-t.
//!
//! ```text
//!   t.Net ──┬─ Socket     userdata: a descriptor, and which loops observe it ── socket, connection, transfer, option, patience
//!           ├─ Address    userdata: a socket address, plain bytes ──────────── address, endpoint
//!           └─ Interface  functions that give tables ───────────────────────── interface, snapshot
//! ```
//!
//! There are two kinds of failure. A wrong argument raises an error that names the argument. An error of the system is
//! returned, as `nil, message, errno`; `send` and `recv` return `false, message, errno`, because the nil that `recv`
//! returns has another meaning. Only the assignment of a property raises an error of the system. [`attempt::attempt`]
//! makes the system calls. It makes no Lua call, and returns plain numbers.

mod address;
mod attempt;
mod class;
#[cfg(feature = "luajit")]
mod compiled;
mod connection;
mod endpoint;
mod interface;
mod names;
mod option;
mod patience;
mod select;
mod snapshot;
mod socket;
mod transfer;
mod upvalue;

use crate::host::socket::SOCKET_META_KEY;
use crate::lua::class::{keep, push_kept, push_metatable};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use class::{Class, push_class};
use mlua::ffi::{
    lua_State, lua_createtable, lua_getfield, lua_gettop, lua_pushinteger, lua_pushlstring, lua_rawset, lua_rawseti,
    lua_setfield, lua_settop,
};
use std::ffi::{CStr, c_int};

/// The places of the classes in the registry.
static NET_KEY: u8 = 0;
static SOCKET_KEY: u8 = 0;
static ADDRESS_KEY: u8 = 0;
static INTERFACE_KEY: u8 = 0;

entry!(
    /// `require 't.Net'`: the table of the three classes.
    pub(crate) fn open_net(lua: *mut lua_State) -> c_int {
        open(lua, &NET_KEY)
    }
);

entry!(
    /// `require 't.Net.Socket'`
    pub(crate) fn open_socket(lua: *mut lua_State) -> c_int {
        open(lua, &SOCKET_KEY)
    }
);

entry!(
    /// `require 't.Net.Address'`
    pub(crate) fn open_address(lua: *mut lua_State) -> c_int {
        open(lua, &ADDRESS_KEY)
    }
);

entry!(
    /// `require 't.Net.Interface'`
    pub(crate) fn open_interface(lua: *mut lua_State) -> c_int {
        open(lua, &INTERFACE_KEY)
    }
);

entry!(
    /// `require 't.Net.Family'`: the numbers of address families by name, and the names by number.
    pub(crate) fn open_family(lua: *mut lua_State) -> c_int {
        open_field(lua, &NET_KEY, c"Family")
    }
);

entry!(
    /// `require 't.Net.Socket.Protocol'`
    pub(crate) fn open_protocol(lua: *mut lua_State) -> c_int {
        open_field(lua, &SOCKET_KEY, c"Protocol")
    }
);

entry!(
    /// `require 't.Net.Socket.Type'`
    pub(crate) fn open_type(lua: *mut lua_State) -> c_int {
        open_field(lua, &SOCKET_KEY, c"Type")
    }
);

unsafe fn open_field(lua: *mut lua_State, key: &'static u8, name: &CStr) -> c_int {
    // SAFETY: only called by the functions above.
    unsafe {
        open(lua, key);
        lua_getfield(lua, -1, name.as_ptr());
    }
    1
}

/// Pushes the class in the registry under `key`. The first call makes all classes.
unsafe fn open(lua: *mut lua_State, key: &'static u8) -> c_int {
    // SAFETY: only called by the functions above.
    unsafe {
        if !push_kept(lua, key) {
            install(lua);
            push_kept(lua, key);
        }
    }
    1
}

/// Makes the classes, and keeps them in the registry.
unsafe fn install(lua: *mut lua_State) {
    // SAFETY: only called by `open`; comments beside the lines show the stack.
    unsafe {
        let top = lua_gettop(lua);
        for name in [c"T.Net.Socket", c"T.Net.Address", c"T.Net.Interface"] {
            push_metatable(lua, name);
        }
        lua_createtable(lua, 0, 4); // stack: … socket address interface net
        let (metas, net) = ([top + 1, top + 2, top + 3], top + 4);
        push_class(lua, &SOCKET, metas, 0); // stack: … net Socket
        for (name, list) in [(c"Protocol", names::PROTOCOLS), (c"Type", names::TYPES)] {
            push_names(lua, list);
            lua_setfield(lua, -2, name.as_ptr());
        }
        keep(lua, -1, &SOCKET_KEY);
        lua_setfield(lua, net, c"Socket".as_ptr());
        push_class(lua, &address::CLASS, metas, 1); // stack: … net Address
        keep(lua, -1, &ADDRESS_KEY);
        lua_setfield(lua, net, c"Address".as_ptr());
        push_class(lua, &interface::CLASS, metas, 2); // stack: … net Interface
        keep(lua, -1, &INTERFACE_KEY);
        lua_setfield(lua, net, c"Interface".as_ptr());
        push_names(lua, names::FAMILIES);
        lua_setfield(lua, net, c"Family".as_ptr());
        keep(lua, metas[0], &SOCKET_META_KEY);
        keep(lua, net, &NET_KEY);
        lua_settop(lua, top);
    }
}

/// Pushes a table of values by their names, and of the first names by value: `Type.SOCK_STREAM`, `Type.stream`, `Type[
/// 1 ]`. A short name is written in the three ways that lua-t has.
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

const SOCKET: Class = Class {
    methods: &[
        (c"bind", connection::bind),
        (c"listen", connection::listen),
        (c"connect", connection::connect),
        (c"accept", connection::accept),
        (c"getsockname", connection::getsockname),
        (c"getpeername", connection::getpeername),
        (c"send", transfer::send),
        (c"recv", transfer::recv),
        (c"shutdown", connection::shutdown),
        (c"close", socket::close),
        (c"select", select::select),
        (c"getfd", socket::getfd),
        (c"getFd", socket::getfd),
    ],
    own: &[
        (c"bind", connection::bind_method),
        (c"listen", connection::listen_method),
        (c"connect", connection::connect_method),
    ],
    meta: &[
        (c"__index", option::index),
        (c"__newindex", option::new_index),
        (c"__tostring", socket::to_string),
        (c"__gc", socket::close),
        (c"__close", socket::close),
    ],
    construct: socket::construct,
};
