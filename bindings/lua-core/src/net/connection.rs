//! Connections: `bind`, `listen`, `connect`, `accept`, `shutdown`, and the addresses of both ends.
//!
//! The first three are methods of a socket and functions of the class. A function of the class makes a TCP socket, or a
//! Unix socket for a Unix address, and returns the socket first. All three return an Address: the script's, or a new
//! one. After `bind` and `listen` the Address has the port that the system chose.

use super::address::{check_host, check_port, push_address, test_address};
use super::attempt::{Failed, attempt, push_failure};
use super::endpoint::{any, localhost, shown, with_port};
use super::names::{SHUTDOWNS, value_of};
use super::patience::may_wait;
use super::socket::{check_socket, on, push_socket, shut, test_socket};
use super::upvalue;
use crate::host::memory::SocketBlock;
use crate::lua::args::{bytes, wrong};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::sys::option::{AF_INET, SHUT_RD, SHUT_WR, SOCK_STREAM};
use crate::sys::socket::{self, accept_at_once, allow_restart, create, into_number};
use cogloop_io::Interest;
use mlua::ffi::{
    LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, lua_State, lua_gettop, lua_pushboolean, lua_pushvalue, lua_rawequal,
    lua_tonumber, lua_type, lua_upvalueindex,
};
use rustix::event::{PollFd, PollFlags, poll};
use socket2::{SockAddr, Socket};
use std::cell::Cell;
use std::ffi::c_int;
use std::io;
use std::net::Shutdown;

/// The default backlog. A system that allows less reduces it.
const BACKLOG: c_int = 4096;

/// The arguments of a call.
struct Call {
    /// Null if the function of the class was called. Then a socket is made.
    socket: *mut SocketBlock,
    address: SockAddr,
    /// The index of the given Address; 0 if none was given.
    given: c_int,
    /// Whether the arguments contained any part of an address.
    is_said: bool,
    /// The index of the first argument that is not part of the address.
    rest: c_int,
}

/// Reads `[sck,] [adr | host [, port] | port]`. If `backlog` is true, a number alone is a backlog and not a port.
/// `default` makes the address for a family and a port when there is no host.
unsafe fn read(lua: *mut lua_State, default: fn(c_int, u16) -> SockAddr, backlog: bool) -> Call {
    // SAFETY: only called by the functions below, under the rule for Lua calls; nothing here has a destructor.
    unsafe {
        let socket = test_socket(lua, 1);
        // `Socket:bind( … )` is `Socket.bind( … )`.
        let is_class = lua_gettop(lua) > 0 && lua_rawequal(lua, 1, lua_upvalueindex(upvalue::CLASS)) != 0;
        let first = if socket.is_null() && !is_class { 1 } else { 2 };
        let family = if socket.is_null() { AF_INET } else { family(lua, socket) };
        let mut call = Call { socket, address: default(family, 0), given: 0, is_said: true, rest: first + 1 };
        match lua_type(lua, first) {
            LUA_TSTRING => {
                let port = check_port(lua, first + 1);
                call.address = check_host(lua, first, port);
                call.rest = first + 2;
            }
            LUA_TNUMBER if !backlog || lua_type(lua, first + 1) == LUA_TNUMBER => {
                call.address = default(family, check_port(lua, first));
            }
            LUA_TNUMBER => (call.is_said, call.rest) = (false, first),
            t if t <= LUA_TNIL => call.is_said = false,
            _ => {
                let address = test_address(lua, first);
                if address.is_null() {
                    wrong(lua, first, c"adr", c"T.Net.Address, an IP address, a path or a port");
                }
                call.address = (*address).clone();
                call.given = first;
            }
        }
        call
    }
}

/// The family of a socket; IPv4 if the system does not tell.
unsafe fn family(lua: *mut lua_State, socket: *const SocketBlock) -> c_int {
    // SAFETY: only called under the rule for Lua calls, with a live Socket.
    unsafe {
        let number = (*socket).number;
        attempt(lua, || on(number, socket::family)).unwrap_or(AF_INET)
    }
}

/// Makes the socket if there is none, and does `work` with the socket and the address. Pushes the results of the Lua
/// function, and returns their number. `what` returns the beginning of the message of a failure, and whether the
/// address follows.
unsafe fn perform(
    lua: *mut lua_State,
    call: &Call,
    what: impl Fn() -> (&'static str, bool),
    mut work: impl FnMut(&Socket, &mut SockAddr) -> io::Result<()>,
) -> c_int {
    // SAFETY: only called by the functions below, under the rule for Lua calls. Both objects are on the stack.
    unsafe {
        let is_new = call.socket.is_null();
        let socket = if is_new { push_socket(lua) } else { call.socket };
        let address = if call.given == 0 {
            push_address(lua, call.address.clone())
        } else {
            lua_pushvalue(lua, call.given);
            test_address(lua, call.given)
        };
        let done = attempt(lua, || {
            if is_new && (*socket).number < 0 {
                (*socket).number = create(call.address.family().into(), SOCK_STREAM, 0)?;
            }
            on((*socket).number, |socket| work(socket, &mut *address))
        });
        match done {
            Ok(()) => c_int::from(is_new) + 1,
            Err(errno) => {
                // The error of `work` is returned. An error of closing is dropped, because it would hide the first one.
                let _ = if is_new { attempt(lua, || shut(socket)) } else { Ok(()) };
                let (what, names_address) = what();
                let mut text = Text::new(what);
                if names_address {
                    text.extend(b" ");
                    text.extend(shown(&call.address).as_bytes());
                }
                push_failure(lua, Failed::Nil, text, errno)
            }
        }
    }
}

/// Writes the port that the system chose into the address.
fn keep_port(address: &mut SockAddr, socket: &Socket) -> io::Result<()> {
    if let Some(bound) = socket.local_addr()?.as_socket() {
        *address = with_port(address, bound.port());
    }
    Ok(())
}

entry!(
    /// `sck:bind( … )` → adr; `Socket.bind( … )` → sck, adr
    pub(super) fn bind(lua: *mut lua_State) -> c_int {
        let call = read(lua, any, false);
        perform(
            lua,
            &call,
            || ("Can't bind socket to", true),
            |socket, address| {
                socket.bind(address)?;
                keep_port(address, socket)
            },
        )
    }
);

entry!(
    /// `sck:listen( … [, backlog] )` → adr; `Socket.listen( … [, backlog] )` → sck, adr
    pub(super) fn listen(lua: *mut lua_State) -> c_int {
        let call = read(lua, any, true);
        let backlog = match lua_type(lua, call.rest) {
            t if t <= LUA_TNIL => BACKLOG,
            LUA_TNUMBER if lua_tonumber(lua, call.rest) >= 0.0 => lua_tonumber(lua, call.rest) as c_int,
            _ => wrong(lua, call.rest, c"backlog", c"a number that is 0 or more"),
        };
        let is_new = call.socket.is_null();
        let is_bound = Cell::new(!is_new && !call.is_said);
        let what = || if is_bound.get() { ("Can't listen on socket", false) } else { ("Can't bind socket to", true) };
        perform(lua, &call, what, |socket, address| {
            if is_new && !address.is_unix() {
                // With SO_REUSEADDR a restarted server can bind at once, although the system still remembers its old
                // connections.
                allow_restart(socket)?;
            }
            if is_new || call.is_said {
                socket.bind(address)?;
                is_bound.set(true);
                socket.listen(backlog)?;
                keep_port(address, socket)
            } else {
                socket.listen(backlog)?;
                *address = socket.local_addr()?;
                Ok(())
            }
        })
    }
);

entry!(
    /// `sck:connect( … )` → adr; `Socket.connect( … )` → sck, adr. On a non-blocking socket it returns EINPROGRESS.
    /// When the socket is ready for writing, `sck.error` says whether the connection was made.
    pub(super) fn connect(lua: *mut lua_State) -> c_int {
        let call = read(lua, localhost, false);
        perform(
            lua,
            &call,
            || ("Can't connect socket to", true),
            |socket, address| match socket::connect(socket, address) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => wait_for_connection(socket),
                other => other,
            },
        )
    }
);

/// Waits for a connection attempt that a signal has interrupted. The kernel continues the attempt; a second `connect`
/// would be an error.
fn wait_for_connection(socket: &Socket) -> io::Result<()> {
    let mut ready = [PollFd::new(socket, PollFlags::OUT)];
    while let Err(error) = poll(&mut ready, None) {
        if error != rustix::io::Errno::INTR || crate::lua::interrupt::pending() {
            return Err(error.into());
        }
    }
    socket.take_error()?.map_or(Ok(()), Err)
}

entry!(
    /// `sck:accept( )` → the client's socket, its address
    pub(super) fn accept(lua: *mut lua_State) -> c_int {
        // The new objects are on the stack while the descriptor goes into them.
        let block = check_socket(lua, 1);
        let (server, mode, may_wait) = ((*block).number, (*block).mode, may_wait(block, Interest::READ));
        let client = push_socket(lua);
        let address = push_address(lua, any(AF_INET, 0));
        let done = attempt(lua, || {
            on(server, |socket| {
                let (accepted, peer) = if may_wait { socket::accept(socket)? } else { accept_at_once(socket, mode)? };
                (*client).number = into_number(accepted);
                *address = peer;
                Ok(())
            })
        });
        match done {
            Ok(()) => 2,
            Err(errno) => push_failure(lua, Failed::Nil, Text::new("Can't accept on socket"), errno),
        }
    }
);

entry!(
    /// `sck:shutdown( [how] )` → true. `how` is a direction, or 0, 1 or 2. Without `how` the reading side is shut down,
    /// as in lua-t.
    pub(super) fn shutdown(lua: *mut lua_State) -> c_int {
        let number = (*check_socket(lua, 1)).number;
        let how = match lua_type(lua, 2) {
            t if t <= LUA_TNIL => Some(SHUT_RD),
            LUA_TSTRING => value_of(SHUTDOWNS, bytes(lua, 2)),
            LUA_TNUMBER => SHUTDOWNS.iter().map(|way| way.value).find(|&way| lua_tonumber(lua, 2) == way.into()),
            _ => None,
        };
        let how = match how {
            Some(SHUT_RD) => Shutdown::Read,
            Some(SHUT_WR) => Shutdown::Write,
            Some(_) => Shutdown::Both,
            None => wrong(lua, 2, c"how", c"'read', 'write', 'readwrite' or 0, 1, 2"),
        };
        match attempt(lua, || on(number, |socket| socket.shutdown(how))) {
            Ok(()) => lua_pushboolean(lua, 1),
            Err(errno) => return push_failure(lua, Failed::Nil, Text::new("Can't shutdown socket"), errno),
        }
        1
    }
);

entry!(
    /// `sck:bind( … )`. Raises an error if it gets no socket, as in the mistake `sck.bind( … )`. In that case the
    /// function of the class would make another socket.
    pub(super) fn bind_method(lua: *mut lua_State) -> c_int {
        check_socket(lua, 1);
        bind(lua)
    }
);

entry!(
    /// `sck:listen( … )`
    pub(super) fn listen_method(lua: *mut lua_State) -> c_int {
        check_socket(lua, 1);
        listen(lua)
    }
);

entry!(
    /// `sck:connect( … )`
    pub(super) fn connect_method(lua: *mut lua_State) -> c_int {
        check_socket(lua, 1);
        connect(lua)
    }
);

/// An end of a connection.
type End = fn(&Socket) -> io::Result<SockAddr>;

entry!(
    /// `sck:getsockname( [adr] )` → adr
    pub(super) fn getsockname(lua: *mut lua_State) -> c_int {
        name(lua, Socket::local_addr)
    }
);

entry!(
    /// `sck:getpeername( [adr] )` → adr
    pub(super) fn getpeername(lua: *mut lua_State) -> c_int {
        name(lua, Socket::peer_addr)
    }
);

/// Writes the address of one end into the Address at 2, or a new one.
unsafe fn name(lua: *mut lua_State, end: End) -> c_int {
    // SAFETY: only called by `getsockname` and `getpeername`.
    unsafe {
        let number = (*check_socket(lua, 1)).number;
        let address = if lua_type(lua, 2) <= LUA_TNIL {
            push_address(lua, any(AF_INET, 0))
        } else {
            let given = super::address::check_address(lua, 2);
            lua_pushvalue(lua, 2);
            given
        };
        let done = attempt(lua, || on(number, |socket| end(socket).map(|found| *address = found)));
        match done {
            Ok(()) => 1,
            Err(errno) => push_failure(lua, Failed::Nil, Text::new("Couldn't get Address from socket"), errno),
        }
    }
}
