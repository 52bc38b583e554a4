//! `require 'cogloop'`: our own face of the event loop.
//!
//! ```text
//!   loop userdata ── user value TASKS ──► { [key index + 1] = f, or { f, arg1, … }, or a coroutine }
//!                └── user value NODES ──► { [descriptor]    = watcher ──► { f, arg1, … } ×2 }
//!
//!   timer userdata: a ticket, key and owner ──► LOOPS { [owner] = loop }   weak: a timer keeps no loop alive
//! ```
//!
//! The loop does not hold its timers' userdata, so a script that drops one pays nothing for it, and one that keeps a
//! million pays 16 bytes for each beside Lua's own header. A ticket of a timer that is done is stale, like its key.
//!
//! A loop's methods stand in the table of the module too: there they have a table for the default loop as an upvalue, and
//! put that loop before their arguments.

mod control;
mod create;
mod loops;
pub(crate) mod serve;
pub(crate) mod ticket;
pub(crate) mod timer;

use crate::args::upvalue as shared;
use crate::create::close;
use cogloop_io::ExpiredTimer;
use mlua::ffi::{
    LUA_REGISTRYINDEX, LUA_TTABLE, lua_CFunction, lua_State, lua_createtable, lua_gettop, lua_pushcclosure,
    lua_pushnil, lua_pushstring, lua_pushvalue, lua_rawgetp, lua_rawsetp, lua_setfield, lua_setmetatable, lua_settop,
};
use std::ffi::{CStr, c_int};

/// The upvalues that every function of the module has. The first four mean what they mean elsewhere in the crate.
pub(crate) mod upvalue {
    use std::ffi::c_int;
    pub(crate) const TIMER: c_int = super::shared::TASK;
    /// `{ [owner] = loop }`, weak.
    pub(crate) const LOOPS: c_int = 5;
    /// `{ loop }`, the default one, for a function of the module; nil for a method.
    pub(crate) const DEFAULT: c_int = super::shared::DEFAULT;
    pub(crate) const COUNT: c_int = 6;
}

/// What a loop of this face has beside what every loop has.
#[derive(Default)]
pub(crate) struct Own {
    /// Whether the loop is one of this face.
    pub(crate) is_face: bool,
    /// The timer whose callback runs.
    pub(crate) firing: Option<ExpiredTimer<u64>>,
    /// Whether the error on its way brings its traceback.
    pub(crate) has_traceback: bool,
}

impl Own {
    /// No callback runs any more.
    pub(crate) fn end_batch(&mut self) {
        self.firing = None;
        self.has_traceback = false;
    }

    /// The timer whose callback failed just now, for `onerror`.
    pub(crate) fn take_firing(&mut self, owner: u64) -> Option<timer::Ticket> {
        self.has_traceback = false;
        self.firing.take().map(|fired| timer::Ticket { key: fired.key.to_bits(), owner })
    }
}

/// Its address is the module's place in the registry: one module for a Lua state.
static MODULE_KEY: u8 = 0;

/// The methods of a loop, and functions of the module.
const METHODS: [(&CStr, lua_CFunction); 11] = [
    (c"after", timer::after),
    (c"every", timer::every),
    (c"at", timer::at),
    (c"firing", control::firing),
    (c"run", control::run),
    (c"step", control::step),
    (c"advance", control::advance),
    (c"stop", control::stop),
    (c"close", control::close),
    (c"now", control::now),
    (c"onerror", control::onerror),
];

const LOOP_META: [(&CStr, lua_CFunction); 3] =
    [(c"__gc", close), (c"__close", close), (c"__tostring", control::to_string)];

const TIMER_METHODS: [(&CStr, lua_CFunction); 6] = [
    (c"cancel", ticket::cancel),
    (c"reschedule", ticket::reschedule),
    (c"pause", ticket::pause),
    (c"resume", ticket::resume),
    (c"remaining", ticket::remaining),
    (c"active", ticket::active),
];

const TIMER_META: [(&CStr, lua_CFunction); 3] =
    [(c"__close", ticket::cancel), (c"__eq", ticket::equal), (c"__tostring", ticket::to_string)];

/// `require 'cogloop'`: the module.
///
/// # Safety
///
/// For Lua to call: `lua` is a live state and has the stack room of a C function.
pub(crate) unsafe extern "C-unwind" fn open_cogloop(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise; the stack is written beside the lines.
    unsafe {
        if lua_rawgetp(lua, LUA_REGISTRYINDEX, (&raw const MODULE_KEY).cast()) == LUA_TTABLE {
            return 1;
        }
        lua_settop(lua, 0);
        for name in [c"cogloop.loop", c"cogloop.timer", c"cogloop.watcher"] {
            lua_createtable(lua, 0, 8);
            lua_pushstring(lua, name.as_ptr());
            lua_setfield(lua, -2, c"__name".as_ptr());
        }
        lua_createtable(lua, 0, 32); // S: loop timer watcher module
        push_weak_table(lua);
        lua_pushnil(lua); // S: loop timer watcher module loops default
        set_functions(lua, shared::LOOP, &LOOP_META);
        set_functions(lua, upvalue::TIMER, &TIMER_META);
        set_methods(lua, shared::LOOP, &METHODS);
        set_methods(lua, upvalue::TIMER, &TIMER_METHODS);
        set_functions(lua, shared::CLASS, &[(c"loop", create::construct)]);
        lua_settop(lua, upvalue::LOOPS);
        lua_createtable(lua, 1, 0); // S: loop timer watcher module loops { }
        set_functions(lua, shared::CLASS, &METHODS);
        lua_pushvalue(lua, shared::CLASS);
        lua_rawsetp(lua, LUA_REGISTRYINDEX, (&raw const MODULE_KEY).cast());
        lua_settop(lua, shared::CLASS);
    }
    1
}

unsafe fn push_weak_table(lua: *mut lua_State) {
    // SAFETY: only called by `open_cogloop`.
    unsafe {
        lua_createtable(lua, 0, 1);
        lua_createtable(lua, 0, 1);
        lua_pushstring(lua, c"v".as_ptr());
        lua_setfield(lua, -2, c"__mode".as_ptr());
        lua_setmetatable(lua, -2);
    }
}

/// Sets functions, with the six values at the bottom of the stack as upvalues, as fields of the table at `index`.
unsafe fn set_functions(lua: *mut lua_State, index: c_int, functions: &[(&CStr, lua_CFunction)]) {
    // SAFETY: only called by `open_cogloop`.
    unsafe {
        for &(name, function) in functions {
            for n in 1..=upvalue::COUNT {
                lua_pushvalue(lua, n);
            }
            lua_pushcclosure(lua, function, upvalue::COUNT);
            lua_setfield(lua, index, name.as_ptr());
        }
    }
}

/// Gives the metatable at `index` a table of methods.
unsafe fn set_methods(lua: *mut lua_State, index: c_int, methods: &[(&CStr, lua_CFunction)]) {
    // SAFETY: only called by `open_cogloop`.
    unsafe {
        lua_createtable(lua, 0, 32);
        set_functions(lua, lua_gettop(lua), methods);
        lua_setfield(lua, index, c"__index".as_ptr());
    }
}
