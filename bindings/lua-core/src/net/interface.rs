//! `t.Net.Interface`: what networks the machine is on. Each call takes a snapshot and gives plain tables.
//!
//! ```text
//!   { name = 'eth0', index = 2, mtu = 1500, flags = { IFF_UP = true, … }, address = adr,
//!     AF_INET = { address = adr, netmask = adr, broadcast = adr }, AF_INET6 = { … }, stats = { rx_bytes = 1, … } }
//! ```

use super::address::{bytes, push_address};
use super::{Class, Failed, attempt, push_failure, upvalue};
use crate::args::wrong;
use crate::guard::Text;
use crate::version::new_userdata;
use mlua::ffi::{
    LUA_TNIL, LUA_TSTRING, lua_Integer, lua_State, lua_createtable, lua_getfield, lua_gettop, lua_next,
    lua_pushboolean, lua_pushinteger, lua_pushnil, lua_pushstring, lua_rawequal, lua_remove, lua_setfield, lua_settop,
    lua_type, lua_upvalueindex,
};
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};
use socket2::SockAddr;
use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::net::{SocketAddrV4, SocketAddrV6};

pub(super) const CLASS: Class =
    Class { methods: &[(c"list", list), (c"get", get), (c"default", default)], meta: &[], construct: get };

const FLAGS: &[(&CStr, InterfaceFlags)] = &[
    (c"IFF_UP", InterfaceFlags::IFF_UP),
    (c"IFF_BROADCAST", InterfaceFlags::IFF_BROADCAST),
    (c"IFF_LOOPBACK", InterfaceFlags::IFF_LOOPBACK),
    (c"IFF_POINTOPOINT", InterfaceFlags::IFF_POINTOPOINT),
    (c"IFF_RUNNING", InterfaceFlags::IFF_RUNNING),
    (c"IFF_NOARP", InterfaceFlags::IFF_NOARP),
    (c"IFF_PROMISC", InterfaceFlags::IFF_PROMISC),
    (c"IFF_ALLMULTI", InterfaceFlags::IFF_ALLMULTI),
    (c"IFF_MULTICAST", InterfaceFlags::IFF_MULTICAST),
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

/// An interface's name, which systems limit to 15 bytes: plain bytes with a zero behind.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name([u8; 17]);

impl Name {
    fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 17];
        let length = name.len().min(16);
        bytes[..length].copy_from_slice(&name[..length]);
        Self(bytes)
    }

    fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(0);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }

    fn as_c_str(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}

/// One address of one interface, as plain bytes. An interface without any address has one record without.
#[derive(Clone, Copy)]
struct Record {
    name: Name,
    flags: InterfaceFlags,
    family: c_int,
    /// The address, the netmask, and the broadcast or peer address.
    found: [Found; 3],
}

/// An address without a destructor, and `Copy`.
#[derive(Clone, Copy)]
enum Found {
    Nothing,
    V4(SocketAddrV4),
    V6(SocketAddrV6),
}

impl Found {
    fn of(address: Option<&SockaddrStorage>) -> Self {
        let Some(address) = address else { return Self::Nothing };
        match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
            (Some(&v4), _) => Self::V4(v4.into()),
            (_, Some(&v6)) => Self::V6(v6.into()),
            _ => Self::Nothing,
        }
    }
}

impl Record {
    fn of(entry: &InterfaceAddress) -> Self {
        let address = entry.address.as_ref();
        Self {
            name: Name::new(entry.interface_name.as_bytes()),
            flags: entry.flags,
            family: address.and_then(SockaddrLike::family).map_or(libc::AF_UNSPEC, |family| family as c_int),
            found: [
                Found::of(address),
                Found::of(entry.netmask.as_ref()),
                Found::of(entry.broadcast.as_ref().or(entry.destination.as_ref())),
            ],
        }
    }
}

/// Pushes a userdata with a snapshot of all addresses of all interfaces: Lua frees it whatever happens.
unsafe fn push_records<'a>(lua: *mut lua_State) -> Result<&'a [Record], c_int> {
    // SAFETY: only called by the functions below. There may be more the second time; what there is no room for is left out.
    unsafe {
        let room = attempt(lua, || Ok(getifaddrs()?.count()))?;
        let records = new_userdata(lua, room * size_of::<Record>(), 0).cast::<Record>();
        let count = attempt(lua, || {
            let mut count = 0;
            for entry in getifaddrs()?.take(room) {
                records.add(count).write(Record::of(&entry));
                count += 1;
            }
            Ok(count)
        })?;
        Ok(std::slice::from_raw_parts(records, count))
    }
}

/// Which interfaces a call is about.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    Named(Name),
    /// The one that leads out.
    Default,
}

impl Wanted {
    /// The interface of the default route; without one, the first that is up with an IPv4 address, other than the
    /// loopback; then the loopback.
    fn resolve(self, records: &[Record]) -> Self {
        let Self::Default = self else { return self };
        let usable = |record: &&Record| record.flags.contains(InterfaceFlags::IFF_UP) && record.family == libc::AF_INET;
        let outward = |record: &&Record| !record.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let route = default_route();
        let found = records
            .iter()
            .filter(usable)
            .find(|record| Some(record.name) == route)
            .or_else(|| records.iter().filter(usable).find(outward))
            .or_else(|| records.iter().find(usable));
        found.map_or(self, |record| Self::Named(record.name))
    }

    fn takes(self, record: &Record) -> bool {
        match self {
            Self::All => true,
            Self::Named(name) => name == record.name,
            Self::Default => false,
        }
    }
}

/// Linux: the interface of the route to 0.0.0.0/0.
fn default_route() -> Option<Name> {
    let routes = std::fs::read_to_string("/proc/net/route").ok()?;
    let mut columns = routes.lines().skip(1).map(str::split_whitespace);
    columns.find_map(|mut row| {
        let (name, destination) = (row.next()?, row.next()?);
        let mask = row.nth(5)?;
        (destination == "00000000" && mask == "00000000").then(|| Name::new(name.as_bytes()))
    })
}

/// Pushes the table of the interfaces that are wanted, by name. Returns how many there are.
unsafe fn push_tables(lua: *mut lua_State, wanted: Wanted) -> Result<usize, c_int> {
    // SAFETY: only called by the functions below. The records are in a userdata on the stack; the stack is written beside.
    unsafe {
        let records = push_records(lua)?; // S: … records
        let wanted = attempt(lua, || Ok(wanted.resolve(records)))?;
        lua_createtable(lua, 0, 4);
        let all = lua_gettop(lua); // S: … records all
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
            } // S: … records all interface
            set_addresses(lua, record);
            lua_settop(lua, all);
        }
        Ok(count)
    }
}

/// Pushes what is known of an interface, but for its addresses.
unsafe fn push_interface(lua: *mut lua_State, record: &Record) {
    // SAFETY: only called by `push_tables`.
    unsafe {
        lua_createtable(lua, 0, 8);
        lua_pushstring(lua, record.name.as_c_str());
        lua_setfield(lua, -2, c"name".as_ptr());
        let index = attempt(lua, || Ok(if_nametoindex(record.name.as_str())?));
        set_number(lua, c"index", index.ok().map(lua_Integer::from));
        set_number(lua, c"mtu", read_number(lua, &record.name, "", c"mtu"));
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
    }
}

/// What the system's file about an interface says; Linux only.
unsafe fn read_number(lua: *mut lua_State, name: &Name, folder: &str, file: &CStr) -> Option<lua_Integer> {
    // SAFETY: only called by `push_interface`.
    let number = unsafe {
        attempt(lua, || {
            let (name, file) = (name.as_str(), file.to_string_lossy());
            let text = std::fs::read_to_string(format!("/sys/class/net/{name}/{folder}{file}"))?;
            text.trim().parse().map_err(io::Error::other)
        })
    };
    number.ok()
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

/// Gives the interface on top the addresses of the record, the first of its family. `interface.address` is the IPv4
/// address, or the first one of another family.
unsafe fn set_addresses(lua: *mut lua_State, record: &Record) {
    // SAFETY: only called by `push_tables`, with the interface's table on top.
    unsafe {
        let (family, is_v4) = match record.found[0] {
            Found::V4(_) => (c"AF_INET", true),
            Found::V6(_) => (c"AF_INET6", false),
            Found::Nothing => return,
        };
        let interface = lua_gettop(lua);
        lua_getfield(lua, interface, family.as_ptr());
        lua_getfield(lua, interface, c"address".as_ptr()); // S: … interface family? address?
        let is_known = lua_type(lua, -2) != LUA_TNIL;
        let has_address = lua_type(lua, -1) != LUA_TNIL;
        lua_settop(lua, interface);
        if is_known {
            return;
        }
        let last = if record.flags.contains(InterfaceFlags::IFF_POINTOPOINT) { c"peeraddress" } else { c"broadcast" };
        lua_createtable(lua, 0, 3);
        for (name, found) in [c"address", c"netmask", last].into_iter().zip(record.found) {
            if push_found(lua, found) {
                lua_setfield(lua, -2, name.as_ptr());
            }
        }
        if is_v4 || !has_address {
            lua_getfield(lua, -1, c"address".as_ptr());
            lua_setfield(lua, interface, c"address".as_ptr());
        }
        lua_setfield(lua, interface, family.as_ptr());
    }
}

/// Pushes an Address, if there is one.
unsafe fn push_found(lua: *mut lua_State, found: Found) -> bool {
    let address: SockAddr = match found {
        Found::Nothing => return false,
        Found::V4(address) => address.into(),
        Found::V6(address) => address.into(),
    };
    // SAFETY: only called by `set_addresses`; an address has no destructor.
    unsafe { push_address(lua, address) };
    true
}

/// `Interface.list( )` → `{ [name] = interface }`
unsafe extern "C-unwind" fn list(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        match push_tables(lua, Wanted::All) {
            Ok(_) => 1,
            Err(errno) => push_failure(lua, Failed::Nil, Text::new("Can't list network interfaces"), errno),
        }
    }
}

/// `Interface.default( )` → the interface that leads out
unsafe extern "C-unwind" fn default(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { push_one(lua, Wanted::Default) }
}

/// `Interface.get( name )`, `Interface( name )` → the interface of that name; `'default'` is the one that leads out.
unsafe extern "C-unwind" fn get(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        if lua_rawequal(lua, 1, lua_upvalueindex(upvalue::CLASS)) != 0 {
            lua_remove(lua, 1);
        }
        if lua_type(lua, 1) != LUA_TSTRING {
            wrong(lua, 1, c"name", c"the name of a network interface");
        }
        let wanted = match bytes(lua, 1) {
            b"default" => Wanted::Default,
            name => Wanted::Named(Name::new(name)),
        };
        push_one(lua, wanted)
    }
}

unsafe fn push_one(lua: *mut lua_State, wanted: Wanted) -> c_int {
    // SAFETY: only called by the two above.
    unsafe {
        match push_tables(lua, wanted) {
            Ok(0) => push_failure(lua, Failed::Nil, Text::new("There is no such network interface"), libc::ENODEV),
            Ok(_) => {
                lua_pushnil(lua);
                lua_next(lua, -2);
                1
            }
            Err(errno) => push_failure(lua, Failed::Nil, Text::new("Can't list network interfaces"), errno),
        }
    }
}
