//! `require 'cogloop'`: the event loop with our own interface. An interface for scripts is called a face in this crate.
//!
//! ```text
//!   loop userdata ── user value TASKS ──► { [key index + 1] = f, or { f, arg1, … }, a task or a watcher }
//!                └── user value NODES ──► { [descriptor]    = watcher ──► { f, arg1, … } ×2 }
//!
//!   timer userdata: a ticket, key and owner ──► LOOPS { [owner] = loop }   weak: a timer keeps no loop alive
//! ```
//!
//! The loop does not hold its timers' userdata, the *tickets*. A ticket that the script drops takes no memory. A ticket
//! that the script keeps takes 16 bytes and Lua's header. The ticket of a finished timer is stale, like its key.
//!
//! Each method of a loop is also a function of the module. Such a function has a table for the default loop as an
//! upvalue, and puts that loop before its arguments.

mod arm;
mod cancel;
mod checked;
mod claim;
#[cfg(feature = "luajit")]
mod compiled;
mod control;
mod coroutine;
mod create;
mod embed;
mod fail;
mod finish;
mod inner;
mod join;
mod left;
mod list;
mod loops;
mod metrics;
mod resume;
mod serve;
mod sleepers;
mod slice;
mod source;
mod spawn;
mod stats;
mod task;
mod tasks;
mod ticket;
mod timer;
mod top;
mod traceback;
mod tracing;
mod unpark;
mod upvalue;
mod wake;
mod watch;

use crate::host::create::close;
use crate::lua::called::CLASSES_KEY;
use crate::lua::class::{keep, push_kept, push_metatable, push_weak_table, set_functions, set_methods};
use crate::lua::entry::entry;
use crate::lua::guard::CHUNK;
use crate::lua::stack::stack;
use crate::lua::version::CAN_RAISE;
use crate::sys::errno;
use mlua::ffi::{
    LUA_OK, lua_CFunction, lua_State, lua_call, lua_createtable, lua_error, lua_getfield, lua_gettop, lua_pushboolean,
    lua_pushinteger, lua_pushlightuserdata, lua_pushnil, lua_pushstring, lua_pushvalue, lua_replace, lua_setfield,
    lua_setmetatable, lua_settop, luaL_loadbufferx,
};
use std::ffi::{CStr, c_int};
use std::ptr::null;

/// The module's place in the registry.
static MODULE_KEY: u8 = 0;

/// The upvalues of all functions are at the bottom of the stack while the module is made.
const UPVALUES: [c_int; upvalue::COUNT as usize] = [1, 2, 3, 4, 5, 6, 7];

/// The methods of a loop, and functions of the module.
const METHODS: [(&CStr, lua_CFunction); 32] = [
    (c"after", arm::after),
    (c"every", arm::every),
    (c"at", arm::at),
    (c"on", watch::on),
    (c"spawn", coroutine::spawn),
    (c"sleep", coroutine::sleep),
    (c"wait", coroutine::wait),
    (c"running", coroutine::running),
    (c"park", coroutine::park),
    (c"unpark", cancel::unpark),
    (c"tasks", tasks::tasks),
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
    (c"metrics", metrics::metrics),
    (c"slow", stats::slow),
    (c"top", top::top),
    (c"trace", tracing::trace),
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

const TASK_METHODS: [(&CStr, lua_CFunction); 4] =
    [(c"cancel", cancel::cancel), (c"status", tasks::status), (c"name", tasks::name), (c"thread", tasks::thread)];

const TASK_META: [(&CStr, lua_CFunction); 2] = [(c"__close", cancel::close), (c"__tostring", tasks::to_string)];

/// Functions for the parts that are written in Lua, in addition to those for scripts.
const INNER: [(&CStr, lua_CFunction); 15] = [
    (c"open_signal", source::open_signal),
    (c"open_child", source::open_child),
    (c"await", join::await_end),
    (c"pause", coroutine::pause),
    (c"outcome", join::outcome),
    (c"watch", join::watch),
    (c"unwatch", join::unwatch),
    (c"unawait", join::unawait),
    (c"unpark", cancel::resume_parked),
    (c"me", inner::me),
    (c"check_limit", inner::check_limit),
    (c"check_value", inner::check_value),
    (c"resume_inside", inner::resume_inside),
    (c"relay", inner::relay),
    (c"is_wait", inner::is_wait),
];

/// More functions for the parts that are written in Lua. Their first argument is a loop. The parts get each function
/// twice: for methods, and for functions of the module, which use the default loop.
const CHECKS: [(&CStr, lua_CFunction); 7] = [
    (c"default", inner::default),
    (c"timed", inner::check_timed),
    (c"f", inner::check_f),
    (c"all", inner::check_all),
    (c"any", inner::check_any),
    (c"capacity", inner::check_capacity),
    (c"permits", inner::check_permits),
];

/// The parts that are written in Lua.
const CHUNKS: [&str; 6] = [
    include_str!("rate.lua"),
    include_str!("source.lua"),
    include_str!("task.lua"),
    include_str!("channel.lua"),
    include_str!("scope.lua"),
    include_str!("nest.lua"),
];

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
        push_metatable(lua, c"cogloop.task");
        stack!(lua: loop timer watcher module loops default task);
        set_functions(lua, upvalue::LOOP, &UPVALUES, &LOOP_META);
        set_functions(lua, upvalue::TASK, &UPVALUES, &TASK_META);
        set_methods(lua, upvalue::TASK, &UPVALUES, &TASK_METHODS);
        set_functions(lua, upvalue::TIMER, &UPVALUES, &TIMER_META);
        set_functions(lua, upvalue::WATCHER, &UPVALUES, &WATCHER_META);
        set_methods(lua, upvalue::LOOP, &UPVALUES, &METHODS);
        set_methods(lua, upvalue::WATCHER, &UPVALUES, &WATCHER_METHODS);
        set_methods(lua, upvalue::TIMER, &UPVALUES, &TIMER_METHODS);
        set_functions(lua, upvalue::MODULE, &UPVALUES, &[(c"loop", create::construct)]);
        push_inner(lua);
        lua_createtable(lua, 1, 0);
        lua_replace(lua, upvalue::DEFAULT);
        stack!(lua: loop timer watcher module loops default task inner);
        set_functions(lua, upvalue::MODULE, &UPVALUES, &METHODS);
        #[cfg(feature = "luajit")]
        compiled::install(lua, &UPVALUES);
        lua_createtable(lua, 0, 8);
        set_functions(lua, upvalue::COUNT + 2, &UPVALUES, &CHECKS);
        lua_setfield(lua, upvalue::COUNT + 1, c"of_module".as_ptr());
        run_chunks(lua);
        lua_getfield(lua, upvalue::COUNT + 1, c"classes".as_ptr());
        keep(lua, upvalue::COUNT + 2, &CLASSES_KEY);
        lua_settop(lua, upvalue::COUNT);
        stack!(lua: loop timer watcher module loops default task);
        lua_pushvalue(lua, upvalue::MODULE);
        checked::wrap(lua, false);
        lua_getfield(lua, upvalue::LOOP, c"__index".as_ptr());
        checked::wrap(lua, true);
        keep(lua, upvalue::MODULE, &MODULE_KEY);
        lua_settop(lua, upvalue::MODULE);
        1
    }
);

/// Pushes the table of functions for the parts that are written in Lua, and keeps the two tables that Rust needs later.
/// The functions use no default loop.
unsafe fn push_inner(lua: *mut lua_State) {
    // SAFETY: only called by `open_cogloop`, with nil in the place of the default loop.
    unsafe {
        lua_createtable(lua, 0, 16);
        let inner = lua_gettop(lua);
        set_functions(lua, inner, &UPVALUES, &INNER);
        lua_createtable(lua, 0, 8);
        set_functions(lua, inner + 1, &UPVALUES, &CHECKS);
        lua_setfield(lua, inner, c"of_loop".as_ptr());
        push_metatable(lua, c"cogloop.cancellation");
        keep(lua, inner + 1, &unpark::CANCELLATION_KEY);
        lua_setfield(lua, inner, c"Cancellation".as_ptr());
        lua_createtable(lua, 0, 0);
        lua_createtable(lua, 0, 1);
        lua_pushstring(lua, c"k".as_ptr());
        lua_setfield(lua, -2, c"__mode".as_ptr());
        lua_setmetatable(lua, -2);
        keep(lua, inner + 1, &traceback::TRACES_KEY);
        lua_settop(lua, inner);
        lua_getfield(lua, upvalue::TASK, c"__index".as_ptr());
        lua_setfield(lua, inner, c"Task".as_ptr());
        lua_pushvalue(lua, upvalue::TASK);
        lua_setfield(lua, inner, c"TaskMeta".as_ptr());
        for (name, errno) in [(c"ETIMEDOUT", errno::ETIMEDOUT), (c"EPIPE", errno::EPIPE)] {
            lua_pushinteger(lua, errno.into());
            lua_setfield(lua, inner, name.as_ptr());
        }
        lua_pushlightuserdata(lua, left::raise_mark());
        lua_setfield(lua, inner, c"RAISE".as_ptr());
        lua_pushboolean(lua, c_int::from(CAN_RAISE));
        lua_setfield(lua, inner, c"can_raise".as_ptr());
    }
}

/// Runs the parts that are written in Lua. Their arguments are the module, the methods of loops, and the table that
/// [`push_inner`] pushes.
unsafe fn run_chunks(lua: *mut lua_State) {
    // SAFETY: only called by `open_cogloop`, with that table on top.
    unsafe {
        let inner = lua_gettop(lua);
        for code in CHUNKS {
            if luaL_loadbufferx(lua, code.as_ptr().cast(), code.len(), CHUNK.as_ptr(), null()) != LUA_OK {
                lua_error(lua);
            }
            lua_pushvalue(lua, upvalue::MODULE);
            lua_getfield(lua, upvalue::LOOP, c"__index".as_ptr());
            lua_pushvalue(lua, inner);
            lua_call(lua, 3, 0);
        }
    }
}
