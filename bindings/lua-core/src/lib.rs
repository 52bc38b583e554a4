//! The Lua faces of the event loop, shared by the module `t` (a cdylib) and the program `cogloop`.
//!
//! ```text
//!   lib.rs                                what `require` opens
//!   t_loop   cogloop   net   mockit       the faces: the functions that a script calls
//!   host                                  a loop as Lua holds it: its state, its handles, its turns
//!   lua                                   the border to Lua: arguments, errors, versions, classes
//!   sys                                   what differs between Unix and Windows
//! ```
//!
//! Each row is a floor. A file imports only from its own floor and from the floors below. No face imports another face.
//! The loop itself holds integers only:
//!
//! ```text
//!   Lua script ──► loop userdata ──► State ──► EventLoop<u64>    no Lua value and no callback in it
//!                       ├── user value TASKS ──► { [key index + 1] = what the timer calls: a Task, a function, … }
//!                       └── user value NODES ──► { [descriptor]    = Node userdata ──► { f, arg1, … } ×2 }
//! ```
//!
//! # The rule for Lua calls
//!
//! A Lua call that can raise leaves by `longjmp`, so no destructor runs. A call that can allocate can run the garbage
//! collector, and a `__gc` function may call this loop. So:
//!
//! 1. A Lua call is made only where no Rust value with a destructor and no reference into the loop's `State` is alive.
//!    No Lua call is made inside `catch_unwind`.
//! 2. Work on the loop is done in short closures (`state::with`) that make no Lua call. A panic there becomes a Lua
//!    error.
//! 3. A function first reads its arguments, then makes every object that it needs, then changes the loop. So an error
//!    at any step leaves nothing half done.
//! 4. After every call that may run Lua code the loop's state is fetched again, because the loop may have been closed.

// Error values must be `Copy`, because Lua may jump over them. They are large, but they are written only after a
// failure.
#![allow(clippy::result_large_err)]

mod cogloop;
mod host;
mod lua;
mod mockit;
mod net;
mod sys;
mod t_loop;

pub use cogloop_io::Recording;
pub use cogloop_io::trace::BEGINNING as TRACE_BEGINNING;
pub use host::create::{has_made_a_loop, is_virtual, set_default_backend, set_virtual};
pub use host::leave::push_traceback;
pub use host::recorded::set_recording;
pub use host::report::{report_slow, report_stats};
pub use host::top::show_top;
pub use host::trace::set_default_trace;
pub use lua::interrupt;
pub use lua::version::NAME as LUA_VERSION;

use lua::entry::entry;
use mlua::ffi::{
    LUA_OK, lua_CFunction, lua_State, lua_call, lua_createtable, lua_error, lua_pushcfunction, lua_pushvalue,
    lua_setfield, luaL_loadbufferx,
};
use std::ffi::{CStr, c_int};
use std::ptr::null;
use t_loop::open_loop;

/// The modules: the name for `require`, and the function that opens it.
pub const MODULES: [(&CStr, lua_CFunction); 11] = [
    (c"t", open_t),
    (c"t.Loop", open_loop),
    (c"t.Net", net::open_net),
    (c"t.Net.Socket", net::open_socket),
    (c"t.Net.Address", net::open_address),
    (c"t.Net.Interface", net::open_interface),
    (c"t.Net.Family", net::open_family),
    (c"t.Net.Socket.Protocol", net::open_protocol),
    (c"t.Net.Socket.Type", net::open_type),
    (c"cogloop", cogloop::open_cogloop),
    (c"luamockit", mockit::open_luamockit),
];

/// Sets a field for each of [`MODULES`] in the table on top, which is `package.preload` or a table like it.
///
/// # Safety
///
/// There is a table on top, and room for a value. May raise.
pub unsafe fn set_openers(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe {
        for (name, open) in MODULES {
            lua_pushcfunction(lua, open);
            lua_setfield(lua, -2, name.as_ptr());
        }
    }
}

/// The small functions of the table `t`. The library lua-t has them, too.
const BASE: &str = include_str!("base.lua");

entry!(
    /// `require 't'`: the table of the modules of this library.
    fn open_t(lua: *mut lua_State) -> c_int {
        lua_createtable(lua, 0, 8); // stack: … t
        open_loop(lua); // stack: … t Loop
        lua_setfield(lua, -2, c"Loop".as_ptr());
        net::open_net(lua); // stack: … t Net
        lua_setfield(lua, -2, c"Net".as_ptr());
        if luaL_loadbufferx(lua, BASE.as_ptr().cast(), BASE.len(), c"=t".as_ptr(), null()) != LUA_OK {
            lua_error(lua);
        }
        lua_pushvalue(lua, -2);
        lua_call(lua, 1, 0);
        1
    }
);
