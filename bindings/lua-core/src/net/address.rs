//! `t.Net.Address`: the address of a socket. It is a userdata with the plain bytes of a [`SockAddr`].

use super::class::Class;
use super::endpoint::{any, host, parse, same, shown, unix, with_port};
use super::names::{FAMILIES, name_of, value_of};
use super::upvalue;
use crate::lua::args::{bad_argument, bytes, no_property, test_userdata, wrong, wrong_property};
use crate::lua::entry::entry;
use crate::lua::guard::{ErrorText, Text, guard};
use crate::lua::version::new_userdata;
use crate::sys::option::{AF_INET, AF_UNIX};
use mlua::ffi::{
    LUA_TNIL, LUA_TNONE, LUA_TNUMBER, LUA_TSTRING, lua_State, lua_concat, lua_isnumber, lua_pushboolean,
    lua_pushfstring, lua_pushinteger, lua_pushlstring, lua_pushnil, lua_pushstring, lua_pushvalue, lua_rawget,
    lua_remove, lua_setmetatable, lua_tonumber, lua_topointer, lua_tostring, lua_type, lua_upvalueindex,
};
use socket2::SockAddr;
use std::ffi::{CStr, c_int};

pub(super) const CLASS: Class = Class {
    methods: &[(c"get", get), (c"set", set)],
    own: &[],
    meta: &[(c"__index", index), (c"__newindex", new_index), (c"__eq", equal), (c"__tostring", to_string)],
    construct,
};

/// Pushes a new Address.
///
/// # Safety
///
/// The running function is one of `t.Net`. Room for two values. May raise.
pub(super) unsafe fn push_address(lua: *mut lua_State, address: SockAddr) -> *mut SockAddr {
    // SAFETY: the caller's promise.
    unsafe {
        let block = new_userdata(lua, size_of::<SockAddr>(), 0).cast::<SockAddr>();
        block.write(address);
        lua_pushvalue(lua, lua_upvalueindex(upvalue::ADDRESS));
        lua_setmetatable(lua, -2);
        block
    }
}

/// The Address at `arg`, or null.
///
/// # Safety
///
/// The running function is one of `t.Net`. Room for two values.
pub(super) unsafe fn test_address(lua: *mut lua_State, arg: c_int) -> *mut SockAddr {
    // SAFETY: the caller's promise.
    unsafe { test_userdata(lua, arg, upvalue::ADDRESS).cast() }
}

/// The Address at `arg`. Raises if the value is no Address.
///
/// # Safety
///
/// As for [`test_address`], and the rule for Lua calls.
pub(super) unsafe fn check_address(lua: *mut lua_State, arg: c_int) -> *mut SockAddr {
    // SAFETY: the caller's promise.
    unsafe {
        let address = test_address(lua, arg);
        if address.is_null() {
            wrong(lua, arg, c"adr", c"T.Net.Address");
        }
        address
    }
}

/// A port: a number from 0 to 65535, or a text with such a number. Nil stands for 0.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(super) unsafe fn check_port(lua: *mut lua_State, arg: c_int) -> u16 {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_type(lua, arg) <= LUA_TNIL {
            return 0;
        }
        read_port(lua, arg).unwrap_or_else(|| wrong(lua, arg, c"port", PORT))
    }
}

const PORT: &CStr = c"an integer from 0 to 65535";

/// Like [`check_port`], but returns `None` for any other value, including nil.
unsafe fn read_port(lua: *mut lua_State, index: c_int) -> Option<u16> {
    // SAFETY: only called with an acceptable index.
    let (is_number, port) = unsafe { (lua_isnumber(lua, index) != 0, lua_tonumber(lua, index)) };
    (is_number && port.fract() == 0.0 && (0.0..=65535.0).contains(&port)).then_some(port as u16)
}

/// Reads the text at `arg` as an address with the port `port`.
///
/// # Safety
///
/// [The rule for Lua calls](crate); a string at `arg`.
pub(super) unsafe fn check_host(lua: *mut lua_State, arg: c_int, port: u16) -> SockAddr {
    // SAFETY: the caller's promise; the address is plain bytes without a destructor.
    unsafe {
        let text = bytes(lua, arg);
        attempt(|| parse(text, port)).unwrap_or_else(|complaint| {
            complaint.push(lua);
            bad_argument(lua, arg, lua_pushfstring(lua, c"ip: %s".as_ptr(), lua_tostring(lua, -1)))
        })
    }
}

/// Calls `work`, and turns a panic into an error. `work` makes no Lua call.
fn attempt(work: impl FnOnce() -> Result<SockAddr, ErrorText>) -> Result<SockAddr, ErrorText> {
    let mut found = any(AF_INET, 0);
    guard(|| {
        found = work()?;
        Ok(())
    })
    .map(|()| found)
}

/// Reads `[ip] [, port]`, from the argument `first` on, as an address.
unsafe fn read(lua: *mut lua_State, first: c_int) -> SockAddr {
    // SAFETY: only called by functions of the module, under the rule for Lua calls.
    unsafe {
        match lua_type(lua, first) {
            LUA_TSTRING => {
                let port = check_port(lua, first + 1);
                check_host(lua, first, port)
            }
            LUA_TNUMBER => any(AF_INET, check_port(lua, first)),
            LUA_TNIL | LUA_TNONE => any(AF_INET, check_port(lua, first + 1)),
            _ => wrong(lua, first, c"ip", c"an IP address, the path of a Unix socket, or a T.Net.Address"),
        }
    }
}

entry!(
    /// `Address( [ip] [, port] )`, `Address( adr )`: the class is at 1.
    fn construct(lua: *mut lua_State) -> c_int {
        lua_remove(lua, 1);
        let other = test_address(lua, 1);
        let address = if other.is_null() { read(lua, 1) } else { (*other).clone() };
        push_address(lua, address);
        1
    }
);

entry!(
    /// `adr:get( )` → ip, port
    fn get(lua: *mut lua_State) -> c_int {
        // The userdata stays on the stack.
        let address = check_address(lua, 1);
        push_ip(lua, address);
        push_port(lua, address);
        2
    }
);

entry!(
    /// `adr:set( [ip] [, port] )` → adr
    fn set(lua: *mut lua_State) -> c_int {
        let address = check_address(lua, 1);
        *address = read(lua, 2);
        lua_pushvalue(lua, 1);
        1
    }
);

unsafe fn push_ip(lua: *mut lua_State, address: *const SockAddr) {
    // SAFETY: only called with a live userdata; the text is made before Lua is called.
    unsafe { host(&*address).push(lua) };
}

unsafe fn push_port(lua: *mut lua_State, address: *const SockAddr) {
    // SAFETY: as in `push_ip`.
    unsafe {
        match (*address).as_socket() {
            Some(address) => lua_pushinteger(lua, address.port().into()),
            None => lua_pushnil(lua),
        }
    }
}

entry!(
    /// `adr.ip`, `.port`, `.family`, `.scope`, `.flow`, or a method.
    fn index(lua: *mut lua_State) -> c_int {
        let address = check_address(lua, 1);
        if lua_type(lua, 2) != LUA_TSTRING {
            lua_pushnil(lua);
            return 1;
        }
        let inet6 = (*address).as_socket_ipv6();
        match bytes(lua, 2) {
            b"ip" => push_ip(lua, address),
            b"port" => push_port(lua, address),
            b"family" => match name_of(FAMILIES, (*address).family().into()) {
                Some(name) => drop(lua_pushlstring(lua, name.as_ptr().cast(), name.len())),
                None => lua_pushnil(lua),
            },
            b"scope" if inet6.is_some() => lua_pushinteger(lua, inet6.map_or(0, |inet6| inet6.scope_id().into())),
            b"flow" if inet6.is_some() => lua_pushinteger(lua, inet6.map_or(0, |inet6| inet6.flowinfo().into())),
            _ => {
                lua_pushvalue(lua, 2);
                lua_rawget(lua, lua_upvalueindex(upvalue::CLASS));
            }
        }
        1
    }
);

/// Raises an error, because the property does not take the value at 3.
unsafe fn refuse(lua: *mut lua_State, name: &CStr, wanted: &CStr) -> ! {
    // SAFETY: only called by `new_index`.
    unsafe { wrong_property(lua, name, c"an address", wanted, 3) }
}

entry!(
    /// `adr.ip = …`, `adr.port = …`, `adr.family = …`
    fn new_index(lua: *mut lua_State) -> c_int {
        const FAMILY: &CStr = c"'AF_INET', 'AF_INET6' or 'AF_UNIX'";
        const IP: &CStr = c"an IP address or the path of a Unix socket";
        let address = check_address(lua, 1);
        let port = (*address).as_socket().map_or(0, |address| address.port());
        let is_text = lua_type(lua, 3) == LUA_TSTRING;
        match if lua_type(lua, 2) == LUA_TSTRING { bytes(lua, 2) } else { b"" } {
            // In the Unix family every text that is no IP address is a path, with or without a slash.
            b"ip" => {
                let is_unix = (*address).is_unix();
                let text = if is_text { bytes(lua, 3) } else { refuse(lua, c"ip", IP) };
                *address = match attempt(|| {
                    parse(text, port).or_else(|error| if is_unix { unix(text) } else { Err(error) })
                }) {
                    Ok(parsed) => parsed,
                    Err(_) => refuse(lua, c"ip", IP),
                };
            }
            b"port" if (*address).is_unix() => {
                Text::<80>::new("bad property of an address (port: a Unix socket has no port)").raise(lua)
            }
            b"port" => match read_port(lua, 3) {
                Some(port) => *address = with_port(&*address, port),
                None => refuse(lua, c"port", PORT),
            },
            b"family" => match if is_text { value_of(FAMILIES, bytes(lua, 3)) } else { None } {
                Some(AF_UNIX) => *address = attempt(|| unix(b"")).unwrap_or_else(|text| text.raise(lua)),
                Some(family) if family != c_int::from((*address).family()) => *address = any(family, port),
                Some(_) => {}
                None => refuse(lua, c"family", FAMILY),
            },
            _ => no_property(lua, 2, c"an address", c"ip, port and family"),
        }
        0
    }
);

entry!(
    /// `adr1 == adr2`
    fn equal(lua: *mut lua_State) -> c_int {
        let (a, b) = (test_address(lua, 1), test_address(lua, 2));
        let is_same = !a.is_null() && !b.is_null() && guard(|| Ok(same(&*a, &*b))).unwrap_or(false);
        lua_pushboolean(lua, is_same.into());
        1
    }
);

entry!(
    /// `t.Net.Address{127.0.0.1:8000}: 0x…`
    fn to_string(lua: *mut lua_State) -> c_int {
        // The userdata stays on the stack.
        let address = check_address(lua, 1);
        lua_pushstring(lua, c"t.Net.Address{".as_ptr());
        shown(&*address).push(lua);
        lua_pushfstring(lua, c"}: %p".as_ptr(), lua_topointer(lua, 1));
        lua_concat(lua, 3);
        1
    }
);
