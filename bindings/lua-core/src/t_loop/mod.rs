//! Makes the class `t.Loop`: its table, and the metatables of its objects. The functions of the class are those of the
//! library lua-t.
//!
//! The functions have the metatables, the class and a weak table as upvalues; see `host/upvalue.rs`. Only
//! `object_to_string` has none.

mod clock;
#[cfg(feature = "luajit")]
mod compiled;
mod create;
mod handles;
mod run;
mod serve;
mod show;
mod task;

use crate::host::create::close;
#[cfg(feature = "luajit")]
use crate::host::memory::Steps;
use crate::host::memory::{EARLIER, NodeBlock, TaskBlock, value};
use crate::host::observed::unwatch_all;
use crate::host::state::{check_loop, state_at, with_or_raise};
use crate::host::upvalue;
use crate::lua::args::{DIRECTION_NAMES, is_callable, wrong_property};
use crate::lua::class::{keep, push_kept, push_metatable, push_weak_table, set_functions};
use crate::lua::entry::entry;
use crate::lua::guard::{ErrorText, Text};
use crate::lua::stack::stack;
use crate::lua::version::{push_user_value, set_user_value};
use mlua::ffi::{
    LUA_TNIL, LUA_TSTRING, lua_CFunction, lua_State, lua_createtable, lua_gettop, lua_next, lua_pop, lua_pushcfunction,
    lua_pushinteger, lua_pushnil, lua_pushstring, lua_pushvalue, lua_rawequal, lua_rawget, lua_rawseti, lua_replace,
    lua_setfield, lua_setmetatable, lua_settop, lua_touserdata, lua_type, lua_upvalueindex,
};
use std::ffi::{CStr, c_int};
use task::finish;

/// The class's place in the registry.
static CLASS_KEY: u8 = 0;

const METHODS: [(&CStr, lua_CFunction); 11] = [
    (c"addTask", task::add_task),
    (c"cancelTask", task::cancel_task),
    (c"addHandle", handles::add_handle),
    (c"removeHandle", handles::remove_handle),
    (c"run", run::run),
    (c"stop", run::stop),
    (c"clean", clean),
    (c"show", show::show),
    (c"time", clock::time),
    (c"sleep", clock::sleep),
    (c"backend", backend),
];

const LOOP_META: [(&CStr, lua_CFunction); 6] = [
    (c"__index", index),
    (c"__newindex", new_index),
    (c"__len", length),
    (c"__tostring", show::to_string),
    (c"__gc", close),
    (c"__close", close),
];

entry!(
    /// `require 't.Loop'`: the class.
    pub(crate) fn open_loop(lua: *mut lua_State) -> c_int {
        if push_kept(lua, &CLASS_KEY) {
            return 1;
        }
        let top = lua_gettop(lua);
        for name in [c"T.Loop", c"T.Loop.Task", c"T.Loop.Node"] {
            push_metatable(lua, name);
            lua_pushcfunction(lua, show::object_to_string);
            lua_setfield(lua, -2, c"__tostring".as_ptr());
        }
        lua_createtable(lua, 3, 32);
        push_weak_table(lua); // stack: … loop task node class last
        let upvalues = [1, 2, 3, 4, 5].map(|n| top + n);
        let class = top + upvalue::CLASS;
        set_functions(lua, class, &upvalues, &METHODS);
        for (names, bits) in DIRECTION_NAMES {
            for name in names {
                lua_pushinteger(lua, bits.into());
                lua_setfield(lua, class, name.as_ptr());
            }
            lua_pushstring(lua, names[0].as_ptr());
            lua_rawseti(lua, class, bits.into());
        }
        set_functions(lua, top + upvalue::LOOP, &upvalues, &LOOP_META);
        lua_createtable(lua, 0, 1); // stack: … loop task node class last meta
        set_functions(lua, lua_gettop(lua), &upvalues, &[(c"__call", create::construct)]);
        lua_setmetatable(lua, class);
        #[cfg(feature = "luajit")]
        compiled::install(lua, &upvalues);
        keep(lua, class, &CLASS_KEY);
        // The functions keep the metatables alive as upvalues, so the stack need not hold them any longer.
        lua_settop(lua, class);
        lua_replace(lua, top + 1);
        lua_settop(lua, top + 1); // stack: … class;
        1
    }
);

entry!(
    /// `loop[ key ]`: a method or constant of the class, `onerror`, or the node of a handle.
    fn index(lua: *mut lua_State) -> c_int {
        if lua_type(lua, 2) != LUA_TSTRING {
            return handles::index_handle(lua);
        }
        lua_pushvalue(lua, 2);
        lua_rawget(lua, lua_upvalueindex(upvalue::CLASS));
        if lua_type(lua, -1) == LUA_TNIL && is_onerror(lua) {
            check_loop(lua, 1);
            push_user_value(lua, 1, value::ONERROR);
        }
        1
    }
);

entry!(
    /// `loop.onerror = f`; nothing else can be assigned.
    fn new_index(lua: *mut lua_State) -> c_int {
        check_loop(lua, 1);
        if lua_type(lua, 2) != LUA_TSTRING || !is_onerror(lua) {
            Text::<80>::new("nothing but onerror can be assigned to a loop").raise(lua);
        }
        if lua_type(lua, 3) != LUA_TNIL && !is_callable(lua, 3) {
            wrong_property(lua, c"onerror", c"a loop", c"a function or nil", 3);
        }
        lua_settop(lua, 3);
        set_user_value(lua, 1, value::ONERROR);
        0
    }
);

/// Whether the string at 2 is `onerror`.
unsafe fn is_onerror(lua: *mut lua_State) -> bool {
    // SAFETY: only called with a string at 2 and room for a value.
    unsafe {
        lua_pushstring(lua, c"onerror".as_ptr());
        let same = lua_rawequal(lua, -1, 2) != 0;
        lua_pop(lua, 1);
        same
    }
}

entry!(
    /// `#loop`: the number of observed handles.
    fn length(lua: *mut lua_State) -> c_int {
        // The reference to the state lives only during `descriptors`, which makes no Lua call.
        let count = (*check_loop(lua, 1)).events.descriptors();
        lua_pushinteger(lua, count as i64);
        1
    }
);

entry!(
    /// `loop:backend( )` → name, reason
    fn backend(lua: *mut lua_State) -> c_int {
        // The texts are copies, because making a string may run a finalizer, and the finalizer may close the loop.
        let report = (*check_loop(lua, 1)).events.backend();
        let (name, reason) = (ErrorText::new(report.name), ErrorText::new(&report.reason));
        name.push(lua);
        reason.push(lua);
        2
    }
);

entry!(
    /// `loop:clean( )`: removes every task and every handle.
    fn clean(lua: *mut lua_State) -> c_int {
        // The new tables are made first. Nothing after that raises.
        check_loop(lua, 1);
        lua_settop(lua, 1);
        for _ in [value::TASKS, value::NODES] {
            lua_createtable(lua, 0, 0);
        }
        let state = check_loop(lua, 1);
        push_user_value(lua, 1, value::TASKS);
        stack!(lua: loop new_tasks new_nodes tasks);
        lua_pushnil(lua);
        while lua_next(lua, 4) != 0 {
            finish(lua, 6);
            stack!(lua: loop new_tasks new_nodes tasks key task);
            lua_settop(lua, 5);
        }
        lua_settop(lua, 3);
        push_user_value(lua, 1, value::NODES);
        stack!(lua: loop new_tasks new_nodes nodes);
        lua_pushnil(lua);
        while lua_next(lua, 4) != 0 {
            let node = lua_touserdata(lua, 6).cast::<NodeBlock>();
            stack!(lua: loop new_tasks new_nodes nodes number node);
            (*node).token = 0;
            for n in 1..=EARLIER {
                lua_pushnil(lua);
                set_user_value(lua, 6, n);
            }
            lua_settop(lua, 5);
        }
        lua_settop(lua, 3);
        set_user_value(lua, 1, value::NODES);
        set_user_value(lua, 1, value::TASKS);
        let current: *mut TaskBlock = (*state).current;
        if !current.is_null() {
            (*current).key = TaskBlock::DONE;
        }
        with_or_raise(lua, state_at(lua, 1), |state| {
            unwatch_all(state);
            state.closed.clear();
            state.unlinked = None;
            #[cfg(feature = "luajit")]
            {
                state.steps = Steps::default();
            }
            state.events.clear();
            Ok(())
        });
        0
    }
);
