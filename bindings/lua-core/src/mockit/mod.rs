//! `require 'luamockit'`: one-off and interval callbacks through a queue of events.
//!
//! ```text
//!   oneoff, getit ──► queue: wheel ── due ──► events ── process_events ──► callbacks, on the caller's thread
//! ```
//!
//! There is no thread. A function that counts, serves or changes events first moves expired timers from the wheel to
//! the queue, so all functions see the same events. Each Lua state has one service. `service( )` makes further
//! services, which may have virtual time.

mod calls;
mod queue;
mod service;
mod time;
mod timer;
mod upvalue;

use crate::lua::args::{bytes, check_options, test_userdata, wrong_option};
use crate::lua::class::{keep, push_kept, push_metatable, set_functions};
use crate::lua::entry::entry;
use crate::lua::guard::guard;
use crate::lua::stack::stack;
use crate::lua::version::{new_userdata, set_user_value};
use mlua::ffi::{
    LUA_TNIL, LUA_TNONE, LUA_TSTRING, LUA_TTABLE, lua_CFunction, lua_State, lua_createtable, lua_getfield, lua_gettop,
    lua_pushcclosure, lua_pushcfunction, lua_pushvalue, lua_setfield, lua_setmetatable, lua_settop, lua_type,
};
use service::{CALLBACKS, Service};
use std::ffi::{CStr, c_int};

/// The finalizer's only upvalue: the metatable of its service.
const METATABLE: c_int = 1;

/// The module's place in the registry.
static MODULE_KEY: u8 = 0;

const FUNCTIONS: [(&CStr, lua_CFunction); 11] = [
    (c"mstimestamp", calls::mstimestamp),
    (c"time", calls::time),
    (c"sleep", calls::sleep),
    (c"oneoff", timer::oneoff),
    (c"getit", timer::getit),
    (c"wait", calls::wait),
    (c"pending", calls::pending),
    (c"inqueue", calls::inqueue),
    (c"process_events", calls::process_events),
    (c"init", calls::init),
    (c"getfd", calls::getfd),
];

const TIMER_META: [(&CStr, lua_CFunction); 3] =
    [(c"__tostring", timer::to_string), (c"__close", timer::destroy), (c"destroy", timer::destroy)];

entry!(
    /// `require 'luamockit'`: the module.
    pub(crate) fn open_luamockit(lua: *mut lua_State) -> c_int {
        if push_kept(lua, &MODULE_KEY) {
            return 1;
        }
        lua_settop(lua, 0);
        push_module(lua, false); // stack: … module
        lua_pushcfunction(lua, other_service);
        lua_setfield(lua, -2, c"service".as_ptr());
        keep(lua, -1, &MODULE_KEY);
        1
    }
);

entry!(
    /// `service{ clock = 'virtual' }` → a table like the module, with timers and a queue of its own
    fn other_service(lua: *mut lua_State) -> c_int {
        // `bytes` borrows the string on the stack, which stays there during the comparison.
        let is_virtual = match lua_type(lua, 1) {
            LUA_TNONE | LUA_TNIL => false,
            LUA_TTABLE => {
                check_options(lua, 1, &[c"clock"], c"is only clock");
                lua_getfield(lua, 1, c"clock".as_ptr());
                match lua_type(lua, -1) {
                    LUA_TNIL => false,
                    LUA_TSTRING if bytes(lua, -1) == b"real" => false,
                    LUA_TSTRING if bytes(lua, -1) == b"virtual" => true,
                    _ => wrong_option(lua, c"option 'clock'", c"'real' or 'virtual'"),
                }
            }
            _ => crate::lua::args::wrong(lua, 1, c"options", c"a table"),
        };
        lua_settop(lua, 0);
        push_module(lua, is_virtual);
        1
    }
);

/// Pushes a table of functions with a service of their own. The stack is empty before.
unsafe fn push_module(lua: *mut lua_State, is_virtual: bool) {
    // SAFETY: only called by the entries above; the userdata has its finalizer before it owns anything.
    unsafe {
        let block = new_userdata(lua, size_of::<Option<Box<Service>>>(), 1).cast::<Option<Box<Service>>>();
        block.write(None);
        lua_createtable(lua, 0, 1);
        lua_pushvalue(lua, -1);
        lua_pushcclosure(lua, drop_service, 1);
        lua_setfield(lua, -2, c"__gc".as_ptr());
        lua_setmetatable(lua, upvalue::SERVICE);
        lua_createtable(lua, 0, 0);
        set_user_value(lua, upvalue::SERVICE, CALLBACKS);
        let made = guard(|| {
            *block = Some(Service::try_new(is_virtual)?);
            Ok(())
        });
        if let Err(text) = made {
            text.raise(lua);
        }

        let upvalues = [upvalue::SERVICE, upvalue::TIMER];
        push_metatable(lua, c"mockit timer");
        stack!(lua: service timer);
        set_functions(lua, upvalue::TIMER, &upvalues, &TIMER_META);
        lua_pushvalue(lua, upvalue::TIMER);
        lua_setfield(lua, upvalue::TIMER, c"__index".as_ptr());
        lua_createtable(lua, 0, FUNCTIONS.len() as c_int + 1);
        stack!(lua: service timer module);
        set_functions(lua, lua_gettop(lua), &upvalues, &FUNCTIONS);
    }
}

entry!(
    /// The finalizer of a service. Its upvalue is the metatable of this service.
    fn drop_service(lua: *mut lua_State) -> c_int {
        // A script can get this function with the debug library and call it with any value. So the function compares
        // the metatable, and a second call does nothing.
        let block = test_userdata(lua, 1, METATABLE).cast::<Option<Box<Service>>>();
        if !block.is_null() {
            drop((*block).take());
        }
        0
    }
);
