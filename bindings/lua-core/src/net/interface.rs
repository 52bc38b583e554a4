//! `t.Net.Interface`: the network interfaces of the machine. Each call takes a snapshot and returns plain tables.
//!
//! ```text
//!   { name = 'eth0', index = 2, mtu = 1500, flags = { IFF_UP = true, … }, address = adr, hw_address = '00:1a:…',
//!     AF_INET  = { { address = adr, netmask = adr, broadcast = adr }, { … second … }, address = adr, … first … },
//!     AF_INET6 = { … }, stats = { rx_bytes = 1, … } }
//! ```

use super::address::push_address;
use super::attempt::{Failed, attempt, push_failure};
use super::class::Class;
use super::snapshot::{Name, Record, Wanted};
use super::upvalue;
use crate::lua::args::{bytes, wrong};
use crate::lua::entry::entry;
use crate::lua::errno::Lossy;
use crate::lua::guard::Text;
use crate::lua::version::new_userdata;
use crate::sys::errno::ENODEV;
use crate::sys::interfaces::{Flags, all, index_of};
use mlua::ffi::{
    LUA_TNIL, LUA_TSTRING, LUA_TTABLE, lua_Integer, lua_State, lua_createtable, lua_getfield, lua_getmetatable,
    lua_gettop, lua_next, lua_pop, lua_pushboolean, lua_pushfstring, lua_pushinteger, lua_pushnil, lua_pushstring,
    lua_pushvalue, lua_rawequal, lua_rawget, lua_rawlen, lua_rawseti, lua_remove, lua_setfield, lua_setmetatable,
    lua_settop, lua_topointer, lua_type, lua_upvalueindex, luaL_tolstring,
};
use std::ffi::{CStr, c_int};
use std::io;
use std::io::Read;
use std::net::SocketAddr;
use std::ptr::null_mut;

pub(super) const CLASS: Class = Class {
    methods: &[(c"list", list), (c"get", get), (c"default", default), (c"tostring", to_string)],
    own: &[],
    meta: &[(c"__tostring", to_string)],
    construct,
};

const FLAGS: &[(&CStr, Flags)] = &[
    (c"IFF_UP", Flags::IFF_UP),
    (c"IFF_BROADCAST", Flags::IFF_BROADCAST),
    (c"IFF_LOOPBACK", Flags::IFF_LOOPBACK),
    (c"IFF_POINTOPOINT", Flags::IFF_POINTOPOINT),
    (c"IFF_RUNNING", Flags::IFF_RUNNING),
    (c"IFF_NOARP", Flags::IFF_NOARP),
    (c"IFF_PROMISC", Flags::IFF_PROMISC),
    (c"IFF_ALLMULTI", Flags::IFF_ALLMULTI),
    (c"IFF_MULTICAST", Flags::IFF_MULTICAST),
];

const STATS: &[&CStr] = &[
    c"rx_bytes",
    c"tx_bytes",
    c"rx_packets",
    c"tx_packets",
    c"rx_errors",
    c"tx_errors",
    c"rx_dropped",
    c"tx_dropped",
    c"multicast",
    c"collisions",
];

/// Pushes a userdata with a snapshot of all addresses of all interfaces. Lua frees the userdata even after an error.
unsafe fn push_records<'a>(lua: *mut lua_State) -> Result<&'a [Record], c_int> {
    // SAFETY: only called by the functions below. The system lists the addresses twice: first they are counted, then
    // copied. The second list may be longer than the first; records without room are left out.
    unsafe {
        let room = attempt(lua, || Ok(all()?.count()))?;
        let records = new_userdata(lua, room * size_of::<Record>(), 0).cast::<Record>();
        let count = attempt(lua, || {
            let mut count = 0;
            for seen in all()?.take(room) {
                records.add(count).write(Record::of(&seen));
                count += 1;
            }
            Ok(count)
        })?;
        Ok(std::slice::from_raw_parts(records, count))
    }
}

/// Pushes a table of the wanted interfaces by name. Returns their number.
unsafe fn push_tables(lua: *mut lua_State, wanted: Wanted) -> Result<usize, c_int> {
    // SAFETY: only called by the functions below. The records are in a userdata on the stack; comments beside the lines
    // show the stack.
    unsafe {
        let records = push_records(lua)?; // stack: … records
        let wanted = attempt(lua, || Ok(wanted.resolve(records)))?;
        lua_createtable(lua, 0, 4);
        let all = lua_gettop(lua); // stack: … records all
        let mut count = 0;
        for record in records.iter().filter(|record| wanted.takes(record)) {
            let key = record.name.as_c_str();
            lua_getfield(lua, all, key);
            if lua_type(lua, -1) == LUA_TNIL {
                lua_settop(lua, all);
                push_interface(lua, record);
                lua_setfield(lua, all, key);
                lua_getfield(lua, all, key);
                count += 1;
            } // stack: … records all interface
            set_addresses(lua, record);
            lua_settop(lua, all);
        }
        Ok(count)
    }
}

/// Pushes the table of an interface, without its addresses.
unsafe fn push_interface(lua: *mut lua_State, record: &Record) {
    // SAFETY: only called by `push_tables`.
    unsafe {
        lua_createtable(lua, 0, 8);
        lua_pushstring(lua, record.name.as_c_str());
        lua_setfield(lua, -2, c"name".as_ptr());
        let index = attempt(lua, || index_of(record.name.as_str()));
        set_number(lua, c"index", index.ok().map(lua_Integer::from));
        set_number(lua, c"mtu", read_number(lua, &record.name, "", c"mtu"));
        set_hardware_address(lua, &record.name);
        lua_createtable(lua, 0, FLAGS.len() as c_int);
        for (name, flag) in FLAGS {
            lua_pushboolean(lua, record.flags.contains(*flag).into());
            lua_setfield(lua, -2, name.as_ptr());
        }
        lua_setfield(lua, -2, c"flags".as_ptr());
        lua_createtable(lua, 0, STATS.len() as c_int);
        for name in STATS {
            set_number(lua, name, read_number(lua, &record.name, "statistics/", name));
        }
        lua_setfield(lua, -2, c"stats".as_ptr());
        lua_pushvalue(lua, lua_upvalueindex(upvalue::INTERFACE));
        lua_setmetatable(lua, -2);
    }
}

/// A number from the system's files about an interface; Linux only.
unsafe fn read_number(lua: *mut lua_State, name: &Name, folder: &str, file: &CStr) -> Option<lua_Integer> {
    // SAFETY: only called by `push_interface`.
    let number = unsafe {
        attempt(lua, || {
            let (name, file) = (name.as_str(), Lossy(file.to_bytes()));
            let text = contents(format_args!("/sys/class/net/{name}/{folder}{file}"))?;
            let text = text.as_bytes().trim_ascii();
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidData.into())
        })
    };
    number.ok()
}

/// The beginning of a small file, without allocating memory.
fn contents(path: std::fmt::Arguments<'_>) -> io::Result<Text<64>> {
    let path = Text::<200>::new(path);
    let mut file = std::fs::File::open(std::str::from_utf8(path.as_bytes()).unwrap_or_default())?;
    let mut bytes = [0; 64];
    let length = file.read(&mut bytes)?;
    let mut text = Text::new("");
    text.extend(&bytes[..length]);
    Ok(text)
}

/// Sets `hw_address`, such as `00:1a:2b:3c:4d:5e`, if the system's file has one; Linux only.
unsafe fn set_hardware_address(lua: *mut lua_State, name: &Name) {
    // SAFETY: only called by `push_interface`, with the interface's table on top; the text has no destructor.
    unsafe {
        let found = attempt(lua, || {
            let text = contents(format_args!("/sys/class/net/{}/address", name.as_str()))?;
            Ok(Text::<64>::of_bytes(text.as_bytes().trim_ascii()))
        });
        if let Ok(text) = found
            && !text.as_bytes().is_empty()
        {
            text.push(lua);
            lua_setfield(lua, -2, c"hw_address".as_ptr());
        }
    }
}

unsafe fn set_number(lua: *mut lua_State, name: &CStr, number: Option<lua_Integer>) {
    // SAFETY: only called with a table on top.
    unsafe {
        if let Some(number) = number {
            lua_pushinteger(lua, number);
            lua_setfield(lua, -2, name.as_ptr());
        }
    }
}

/// Appends the addresses of the record to the list of its family in the interface on top. The list also has the fields
/// of its first item. `interface.address` is the first IPv4 address, or without one the first IPv6 address.
unsafe fn set_addresses(lua: *mut lua_State, record: &Record) {
    // SAFETY: only called by `push_tables`, with the interface's table on top; comments beside the lines show the
    // stack.
    unsafe {
        let (family, is_v4) = match record.found[0] {
            Some(SocketAddr::V4(_)) => (c"AF_INET", true),
            Some(SocketAddr::V6(_)) => (c"AF_INET6", false),
            None => return,
        };
        let interface = lua_gettop(lua);
        lua_getfield(lua, interface, c"address".as_ptr());
        let has_address = lua_type(lua, -1) != LUA_TNIL;
        lua_getfield(lua, interface, family.as_ptr()); // stack: … interface address? list?
        let is_known = lua_type(lua, -1) != LUA_TNIL;
        if !is_known {
            lua_pop(lua, 1);
            lua_createtable(lua, 1, 3);
            lua_pushvalue(lua, -1);
            lua_setfield(lua, interface, family.as_ptr());
        }
        let list = lua_gettop(lua);
        let last = if record.flags.contains(Flags::IFF_POINTOPOINT) { c"peeraddress" } else { c"broadcast" };
        lua_createtable(lua, 0, 3); // stack: … interface address? list item
        for (name, found) in [c"address", c"netmask", last].into_iter().zip(record.found) {
            if !push_found(lua, found) {
                continue;
            }
            if !is_known {
                lua_pushvalue(lua, -1);
                lua_setfield(lua, list, name.as_ptr());
            }
            lua_setfield(lua, list + 1, name.as_ptr());
        }
        lua_rawseti(lua, list, lua_rawlen(lua, list) as lua_Integer + 1);
        if !is_known && (is_v4 || !has_address) {
            lua_getfield(lua, list, c"address".as_ptr());
            lua_setfield(lua, interface, c"address".as_ptr());
        }
        lua_settop(lua, interface);
    }
}

/// Pushes an Address, if there is one.
unsafe fn push_found(lua: *mut lua_State, found: Option<SocketAddr>) -> bool {
    let Some(address) = found else { return false };
    // SAFETY: only called by `set_addresses`; an address has no destructor.
    unsafe { push_address(lua, address.into()) };
    true
}

entry!(
    /// `Interface.list( )` → `{ [name] = interface }`
    fn list(lua: *mut lua_State) -> c_int {
        match push_tables(lua, Wanted::All) {
            Ok(_) => 1,
            Err(errno) => push_failure(lua, Failed::Nil, Text::new("Can't list network interfaces"), errno),
        }
    }
);

entry!(
    /// `Interface.default( )` → the interface of the default route
    fn default(lua: *mut lua_State) -> c_int {
        push_one(lua, Wanted::Default)
    }
);

entry!(
    /// `Interface( name )`: like `get`, but the class is at 1.
    fn construct(lua: *mut lua_State) -> c_int {
        lua_remove(lua, 1);
        get(lua)
    }
);

entry!(
    /// `Interface.get( name )` → the interface of that name; `'default'` is that of the default route.
    fn get(lua: *mut lua_State) -> c_int {
        let is_method = lua_rawequal(lua, 1, lua_upvalueindex(upvalue::CLASS)) != 0;
        let arg = if is_method { 2 } else { 1 };
        if lua_type(lua, arg) != LUA_TSTRING {
            wrong(lua, arg, c"name", c"the name of a network interface");
        }
        let wanted = match bytes(lua, arg) {
            b"default" => Wanted::Default,
            name => Wanted::Named(Name::new(name)),
        };
        push_one(lua, wanted)
    }
);

entry!(
    /// `tostring( interface )`, `Interface.tostring( interface )` → `t.Net.Interface{eth0}: 0x…`
    fn to_string(lua: *mut lua_State) -> c_int {
        let is_ours = lua_type(lua, 1) == LUA_TTABLE
            && lua_getmetatable(lua, 1) != 0
            && lua_rawequal(lua, -1, lua_upvalueindex(upvalue::INTERFACE)) != 0;
        if !is_ours {
            wrong(lua, 1, c"interface", c"T.Net.Interface");
        }
        lua_settop(lua, 1);
        lua_pushstring(lua, c"name".as_ptr());
        lua_rawget(lua, 1);
        let name = luaL_tolstring(lua, -1, null_mut());
        lua_pushfstring(lua, c"t.Net.Interface{%s}: %p".as_ptr(), name, lua_topointer(lua, 1));
        1
    }
);

unsafe fn push_one(lua: *mut lua_State, wanted: Wanted) -> c_int {
    // SAFETY: only called by `default` and `get`.
    unsafe {
        match push_tables(lua, wanted) {
            Ok(0) => push_failure(lua, Failed::Nil, Text::new("There is no such network interface"), ENODEV),
            Ok(_) => {
                lua_pushnil(lua);
                lua_next(lua, -2);
                1
            }
            Err(errno) => push_failure(lua, Failed::Nil, Text::new("Can't list network interfaces"), errno),
        }
    }
}
