//! `require 'cogloop'`: our own face of the event loop.
//!
//! ```text
//!   loop userdata ── user value TASKS ──► { [key index + 1] = f, or { f, arg1, … }, or a coroutine }
//!                └── user value NODES ──► { [descriptor]    = watcher ──► { f, arg1, … } ×2 }
//!
//!   timer userdata: a ticket, key and owner ──► LOOPS { [owner] = loop }   weak: a timer keeps no loop alive
//! ```
//!
//! The loop does not hold its timers' userdata. A script that drops one pays nothing for it; one that keeps a million
//! pays 16 bytes for each, and Lua's header. The ticket of a finished timer is stale, like its key.
//!
//! The methods of a loop are functions of the module, too. There they have a table for the default loop as an upvalue,
//! and put that loop before their arguments.

mod arm;
mod checked;
mod claim;
mod control;
mod coroutine;
mod create;
mod embed;
mod left;
mod list;
mod loops;
mod resume;
mod serve;
mod sleepers;
mod source;
mod stats;
mod ticket;
mod timer;
mod upvalue;
mod wake;
mod watch;

use crate::host::create::close;
use crate::lua::class::{keep, push_kept, push_metatable, push_weak_table, set_functions, set_methods};
use crate::lua::entry::entry;
use crate::lua::guard::CHUNK;
use crate::lua::stack::stack;
use mlua::ffi::{
    LUA_OK, lua_CFunction, lua_State, lua_call, lua_createtable, lua_error, lua_getfield, lua_pushcfunction,
    lua_pushnil, lua_pushvalue, lua_settop, luaL_loadbufferx,
};
use std::ffi::{CStr, c_int};
use std::ptr::null;

/// The module's place in the registry.
static MODULE_KEY: u8 = 0;

/// The upvalues of all functions are at the bottom of the stack while the module is made.
const UPVALUES: [c_int; upvalue::COUNT as usize] = [1, 2, 3, 4, 5, 6];

/// The methods of a loop, and functions of the module.
const METHODS: [(&CStr, lua_CFunction); 26] = [
    (c"after", arm::after),
    (c"every", arm::every),
    (c"at", arm::at),
    (c"on", watch::on),
    (c"spawn", coroutine::spawn),
    (c"sleep", coroutine::sleep),
    (c"wait", coroutine::wait),
    (c"running", coroutine::running),
    (c"firing", control::firing),
    (c"run", control::run),
    (c"step", control::step),
    (c"advance", control::advance),
    (c"stop", control::stop),
    (c"close", control::close),
    (c"now", control::now),
    (c"onerror", control::onerror),
    (c"timers", list::timers),
    (c"handles", list::handles),
    (c"dump", list::dump),
    (c"stats", stats::stats),
    (c"slow", stats::slow),
    (c"fd", embed::fd),
    (c"pollfd", embed::fd),
    (c"events", embed::events),
    (c"timeout", embed::timeout),
    (c"remaining", embed::remaining),
];

const LOOP_META: [(&CStr, lua_CFunction); 3] =
    [(c"__gc", close), (c"__close", close), (c"__tostring", control::to_string)];

const TIMER_METHODS: [(&CStr, lua_CFunction); 8] = [
    (c"cancel", timer::cancel),
    (c"reschedule", timer::reschedule),
    (c"pause", timer::pause),
    (c"resume", timer::resume),
    (c"remaining", timer::remaining),
    (c"active", timer::active),
    (c"ref", timer::reference),
    (c"unref", timer::unreference),
];

const TIMER_META: [(&CStr, lua_CFunction); 3] =
    [(c"__close", timer::cancel), (c"__eq", timer::equal), (c"__tostring", timer::to_string)];

const WATCHER_METHODS: [(&CStr, lua_CFunction); 4] =
    [(c"off", watch::off), (c"active", watch::active), (c"ref", watch::reference), (c"unref", watch::unreference)];

const WATCHER_META: [(&CStr, lua_CFunction); 2] = [(c"__close", watch::close), (c"__tostring", watch::to_string)];

/// The parts that are written in Lua.
const CHUNKS: [&str; 2] = [include_str!("rate.lua"), include_str!("source.lua")];

entry!(
    /// `require 'cogloop'`: the module.
    pub(crate) fn open_cogloop(lua: *mut lua_State) -> c_int {
        if push_kept(lua, &MODULE_KEY) {
            return 1;
        }
        lua_settop(lua, 0);
        for name in [c"cogloop.loop", c"cogloop.timer", c"cogloop.watcher"] {
            push_metatable(lua, name);
        }
        lua_createtable(lua, 0, 32);
        stack!(lua: loop timer watcher module);
        push_weak_table(lua);
        lua_pushnil(lua);
        stack!(lua: loop timer watcher module loops default);
        set_functions(lua, upvalue::LOOP, &UPVALUES, &LOOP_META);
        set_functions(lua, upvalue::TIMER, &UPVALUES, &TIMER_META);
        set_functions(lua, upvalue::WATCHER, &UPVALUES, &WATCHER_META);
        set_methods(lua, upvalue::LOOP, &UPVALUES, &METHODS);
        set_methods(lua, upvalue::WATCHER, &UPVALUES, &WATCHER_METHODS);
        set_methods(lua, upvalue::TIMER, &UPVALUES, &TIMER_METHODS);
        set_functions(lua, upvalue::MODULE, &UPVALUES, &[(c"loop", create::construct)]);
        lua_settop(lua, upvalue::LOOPS);
        lua_createtable(lua, 1, 0);
        stack!(lua: loop timer watcher module loops default);
        set_functions(lua, upvalue::MODULE, &UPVALUES, &METHODS);
        run_chunks(lua);
        lua_settop(lua, upvalue::COUNT);
        stack!(lua: loop timer watcher module loops default);
        lua_pushvalue(lua, upvalue::MODULE);
        checked::wrap(lua, false);
        lua_getfield(lua, upvalue::LOOP, c"__index".as_ptr());
        checked::wrap(lua, true);
        keep(lua, upvalue::MODULE, &MODULE_KEY);
        lua_settop(lua, upvalue::MODULE);
        1
    }
);

/// Runs the parts that are written in Lua.
unsafe fn run_chunks(lua: *mut lua_State) {
    // SAFETY: only called by `open_cogloop`.
    unsafe {
        for code in CHUNKS {
            if luaL_loadbufferx(lua, code.as_ptr().cast(), code.len(), CHUNK.as_ptr(), null()) != LUA_OK {
                lua_error(lua);
            }
            lua_pushvalue(lua, upvalue::MODULE);
            lua_getfield(lua, upvalue::LOOP, c"__index".as_ptr());
            lua_pushcfunction(lua, source::open_signal);
            lua_pushcfunction(lua, source::open_child);
            lua_call(lua, 4, 0);
        }
    }
}
