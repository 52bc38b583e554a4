//! The properties of a socket: `sck.nodelay = true`, `print( sck.recvbuffer )`.

use super::attempt::{attempt, reason};
use super::names::{FAMILIES, Named, PROTOCOLS, TYPES, name_of};
use super::socket::{check_socket, on};
use super::upvalue;
use crate::lua::args::{bytes, no_property, read_ms, wrong_property};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::sys::descriptor::number_of;
use crate::sys::errno;
use crate::sys::option::{self, AF_UNIX, IPPROTO_TCP, SOL_SOCKET};
use crate::sys::socket::{self, Mode};
use mlua::ffi::{
    LUA_TBOOLEAN, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, lua_Integer, lua_State, lua_pushboolean, lua_pushinteger,
    lua_pushlstring, lua_pushnil, lua_pushvalue, lua_rawget, lua_toboolean, lua_tonumber, lua_tostring, lua_type,
    lua_upvalueindex,
};
use socket2::Socket;
use std::ffi::{CStr, c_int};
use std::io;
use std::time::Duration;

/// The kind of a property.
#[derive(Clone, Copy)]
enum Kind {
    /// A boolean option. The fields are its level and name for `getsockopt` and `setsockopt`.
    Flag(c_int, c_int),
    /// An integer option, with the same fields.
    Number(c_int, c_int),
    Nonblock,
    ReceiveTimeout,
    SendTimeout,
    Error,
    Descriptor,
    Family,
    Type,
    Protocol,
}

use Kind::{Flag, Number};

const PROPERTIES: &[(&[u8], Kind)] = &[
    (b"nonblock", Kind::Nonblock),
    (b"broadcast", Flag(SOL_SOCKET, option::SO_BROADCAST)),
    (b"debug", Flag(SOL_SOCKET, option::SO_DEBUG)),
    (b"dontroute", Flag(SOL_SOCKET, option::SO_DONTROUTE)),
    (b"keepalive", Flag(SOL_SOCKET, option::SO_KEEPALIVE)),
    (b"oobinline", Flag(SOL_SOCKET, option::SO_OOBINLINE)),
    (b"reuseaddr", Flag(SOL_SOCKET, option::SO_REUSEADDR)),
    (b"reuseport", Flag(SOL_SOCKET, option::SO_REUSEPORT)),
    (b"nodelay", Flag(IPPROTO_TCP, option::TCP_NODELAY)),
    (b"maxsegment", Number(IPPROTO_TCP, option::TCP_MAXSEG)),
    (b"recvbuffer", Number(SOL_SOCKET, option::SO_RCVBUF)),
    (b"sendbuffer", Number(SOL_SOCKET, option::SO_SNDBUF)),
    (b"recvlow", Number(SOL_SOCKET, option::SO_RCVLOWAT)),
    (b"sendlow", Number(SOL_SOCKET, option::SO_SNDLOWAT)),
    (b"recvtimeout", Kind::ReceiveTimeout),
    (b"sendtimeout", Kind::SendTimeout),
    (b"error", Kind::Error),
    (b"descriptor", Kind::Descriptor),
    (b"family", Kind::Family),
    (b"type", Kind::Type),
    (b"protocol", Kind::Protocol),
];

fn property(name: &[u8]) -> Option<Kind> {
    PROPERTIES.iter().find(|(known, _)| *known == name).map(|&(_, kind)| kind)
}

/// The value of a property.
#[derive(Clone, Copy)]
enum Value {
    Boolean(bool),
    Integer(i64),
    Text(&'static str),
    Nothing,
}

entry!(
    /// `sck[ key ]`: a method, a constant or a property; nil if there is none, or if the system cannot read the
    /// property.
    pub(super) fn index(lua: *mut lua_State) -> c_int {
        // Methods come first, because each call of a method looks it up.
        lua_pushvalue(lua, 2);
        if lua_rawget(lua, lua_upvalueindex(upvalue::CLASS)) != LUA_TNIL {
            return 1;
        }
        let block = check_socket(lua, 1);
        let (number, mode) = ((*block).number, (*block).mode);
        let kind = if lua_type(lua, 2) == LUA_TSTRING { property(bytes(lua, 2)) } else { None };
        let Some(kind) = kind else { return 1 };
        match attempt(lua, || on(number, |socket| get(socket, mode, kind))).unwrap_or(Value::Nothing) {
            Value::Boolean(is_on) => lua_pushboolean(lua, is_on.into()),
            Value::Integer(number) => lua_pushinteger(lua, number as lua_Integer),
            Value::Text(text) => drop(lua_pushlstring(lua, text.as_ptr().cast(), text.len())),
            Value::Nothing => lua_pushnil(lua),
        }
        1
    }
);

fn get(socket: &Socket, mode: Mode, kind: Kind) -> io::Result<Value> {
    Ok(match kind {
        Flag(level, name) => Value::Boolean(option::get(socket, level, name)? != 0),
        Number(level, name) => Value::Integer(option::get(socket, level, name)?.into()),
        Kind::Nonblock => Value::Boolean(mode.is_nonblocking(socket)?),
        Kind::ReceiveTimeout => milliseconds(socket.read_timeout()?),
        Kind::SendTimeout => milliseconds(socket.write_timeout()?),
        Kind::Error => {
            let error = socket.take_error()?.and_then(|error| errno::number(&error));
            Value::Integer(error.unwrap_or(0).into())
        }
        Kind::Descriptor => Value::Integer(number_of(socket).into()),
        Kind::Family => named(FAMILIES, socket::family(socket)?),
        Kind::Type => named(TYPES, socket.r#type()?.into()),
        Kind::Protocol => match socket::family(socket)? {
            AF_UNIX => Value::Nothing,
            _ => socket.protocol()?.map_or(Value::Nothing, |protocol| named(PROTOCOLS, protocol.into())),
        },
    })
}

/// A timeout in milliseconds; 0 without a timeout.
fn milliseconds(timeout: Option<Duration>) -> Value {
    let ms = timeout.unwrap_or_default().as_nanos().div_ceil(1_000_000);
    Value::Integer(ms.try_into().unwrap_or(i64::MAX))
}

fn named(list: &'static [Named], value: c_int) -> Value {
    name_of(list, value).map_or(Value::Integer(value.into()), Value::Text)
}

entry!(
    /// `sck[ key ] = value`. Raises if the system refuses, because an assignment has no result.
    pub(super) fn new_index(lua: *mut lua_State) -> c_int {
        let block = check_socket(lua, 1);
        let number = (*block).number;
        let kind = if lua_type(lua, 2) == LUA_TSTRING { property(bytes(lua, 2)) } else { None };
        let done = match kind {
            Some(Flag(level, name)) => {
                let is_on = check_flag(lua);
                attempt(lua, || on(number, |socket| option::set(socket, level, name, is_on.into())))
            }
            Some(Number(level, name)) => {
                let value = lua_tonumber(lua, 3);
                if lua_type(lua, 3) != LUA_TNUMBER
                    || value.fract() != 0.0
                    || !(0.0..=f64::from(i32::MAX)).contains(&value)
                {
                    refuse(lua, c"an integer from 0 to 2147483647");
                }
                attempt(lua, || on(number, |socket| option::set(socket, level, name, value as c_int)))
            }
            Some(Kind::Nonblock) => {
                let is_on = check_flag(lua);
                attempt(lua, || on(number, |socket| (*block).mode.set_nonblocking(socket, is_on)))
            }
            Some(kind @ (Kind::ReceiveTimeout | Kind::SendTimeout)) => {
                let Some(ns) = read_ms(lua, 3) else { refuse(lua, MILLISECONDS) };
                let timeout = (ns > 0).then(|| Duration::from_nanos(ns).max(Duration::from_micros(1)));
                attempt(lua, || {
                    on(number, |socket| match kind {
                        Kind::ReceiveTimeout => socket.set_read_timeout(timeout),
                        _ => socket.set_write_timeout(timeout),
                    })
                })
            }
            Some(_) => {
                let mut text = Text::<120>::new("the property '");
                text.extend(bytes(lua, 2));
                text.extend(b"' of a socket can only be read");
                text.raise(lua)
            }
            None => no_property(lua, 2, c"a socket", NAMES),
        };
        if let Err(errno) = done {
            reason(Text::new("Can't set socket option"), errno).raise(lua);
        }
        0
    }
);

/// The properties that can be assigned.
const NAMES: &CStr = c"broadcast, debug, dontroute, keepalive, maxsegment, nodelay, nonblock, oobinline, recvbuffer, \
    recvlow, recvtimeout, reuseaddr, reuseport, sendbuffer, sendlow and sendtimeout";

const MILLISECONDS: &CStr = c"milliseconds, a finite number that is 0 or more,";

/// Raises an error, because the property at 2 does not take the value at 3.
unsafe fn refuse(lua: *mut lua_State, wanted: &CStr) -> ! {
    // SAFETY: only called by the functions of this file, with a string at 2.
    unsafe { wrong_property(lua, CStr::from_ptr(lua_tostring(lua, 2)), c"a socket", wanted, 3) }
}

/// Reads the boolean at 3. As in lua-t, the number 0 is false, and every other number is true.
unsafe fn check_flag(lua: *mut lua_State) -> bool {
    // SAFETY: only called by `new_index`, with a string at 2.
    unsafe {
        match lua_type(lua, 3) {
            LUA_TBOOLEAN => lua_toboolean(lua, 3) != 0,
            LUA_TNUMBER => lua_tonumber(lua, 3) != 0.0,
            _ => refuse(lua, c"a boolean"),
        }
    }
}
