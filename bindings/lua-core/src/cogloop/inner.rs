//! Functions for the parts that are written in Lua. They check arguments, return the running task, and pass a wait on
//! from a coroutine that a task makes itself.
//!
//! ```text
//!   task ── wrap: resume ─► coroutine of its own ── sleep: request, yield MARK ──┐
//!     ▲                                                                          │
//!   relay: yield MARK ◄── wrap ◄─────────────────────────────────────────────────┘
//! ```
//!
//! Only waits yield MARK, so `wrap` can tell a wait from a `coroutine.yield` of the script; see `left.rs`.
//!
//! A check gets the arguments at the indices that they have in the script's call, so that its message names the right
//! argument.

use super::coroutine::check_inside;
use super::left::mark;
use super::loops::receiver;
use super::task::{OF_ANOTHER, Task};
use super::upvalue;
use crate::host::memory::value;
use crate::host::state::{check_loop, state_at};
use crate::lua::args::{bad_argument, check_callable, check_ms, is_callable, test_userdata, wrong};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::version::{can_yield, push_user_value};
use mlua::ffi::{
    LUA_MULTRET, LUA_OK, LUA_TNIL, LUA_TNUMBER, lua_State, lua_error, lua_gettop, lua_pcall, lua_pushboolean,
    lua_settop, lua_tonumber, lua_tothread, lua_touserdata, lua_type, lua_yield,
};
use std::ffi::c_int;

entry!(
    /// `( loop )` → the task that runs; raises if it cannot wait
    pub(super) fn me(lua: *mut lua_State) -> c_int {
        let state = check_loop(lua, 1);
        check_inside(lua, state);
        push_user_value(lua, 1, value::CURRENT);
        1
    }
);

entry!(
    /// `( self [, ms] )`
    pub(super) fn check_limit(lua: *mut lua_State) -> c_int {
        if lua_type(lua, 2) > LUA_TNIL {
            check_ms(lua, 2);
        }
        0
    }
);

entry!(
    /// `( self, value [, ms] )`
    pub(super) fn check_value(lua: *mut lua_State) -> c_int {
        if lua_type(lua, 2) <= LUA_TNIL {
            wrong(lua, 2, c"value", c"any value but nil");
        }
        if lua_type(lua, 3) > LUA_TNIL {
            check_ms(lua, 3);
        }
        0
    }
);

entry!(
    /// `( loop, ms, f )`
    pub(super) fn check_timed(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_ms(lua, 2);
        check_callable(lua, 3);
        0
    }
);

entry!(
    /// `( loop, f )`
    pub(super) fn check_f(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_callable(lua, 2);
        0
    }
);

entry!(
    /// `( loop, f, … )`: functions, and tasks of the loop
    pub(super) fn check_all(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_members(lua, lua_gettop(lua))
    }
);

entry!(
    /// `( loop, f, … )`: one or more arguments, each a function or a task of the loop
    pub(super) fn check_any(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_members(lua, lua_gettop(lua).max(2))
    }
);

/// Checks that the arguments from 2 to `last` are functions, or tasks of the loop at 1.
unsafe fn check_members(lua: *mut lua_State, last: c_int) -> c_int {
    // SAFETY: only called by the entries above.
    unsafe {
        let id = (*check_loop(lua, 1)).id;
        for arg in 2..=last {
            let task = test_userdata(lua, arg, upvalue::TASK).cast::<Task>();
            if task.is_null() && !is_callable(lua, arg) {
                wrong(lua, arg, c"f", c"a function, a callable object or a task");
            }
            if !task.is_null() && (*task).owner != id {
                bad_argument(lua, arg, OF_ANOTHER.as_ptr());
            }
        }
        0
    }
}

entry!(
    /// `( loop, capacity )`
    pub(super) fn check_capacity(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_count(lua, 0.0)
    }
);

entry!(
    /// `( loop, count )`
    pub(super) fn check_permits(lua: *mut lua_State) -> c_int {
        receiver(lua);
        check_count(lua, 1.0)
    }
);

/// Checks that the argument at 2 is a whole number from `least` to 1e15. If `least` is 0, the argument may also be nil
/// or missing.
unsafe fn check_count(lua: *mut lua_State, least: f64) -> c_int {
    // SAFETY: only called by the entries above.
    unsafe {
        if least == 0.0 && lua_type(lua, 2) <= LUA_TNIL {
            return 0;
        }
        let number = lua_tonumber(lua, 2);
        if lua_type(lua, 2) != LUA_TNUMBER || number.fract() != 0.0 || number < least || number > 1e15 {
            match least > 0.0 {
                true => wrong(lua, 2, c"count", c"a whole number from 1 to 1e15"),
                false => wrong(lua, 2, c"capacity", c"a whole number from 0 to 1e15"),
            }
        }
        0
    }
}

/// How many coroutines may have resumed each other. Each takes half a kilobyte of the C stack or more. Lua 5.1 to 5.5
/// stop at about 200 of them; LuaJIT does not count.
const DEPTH_MAX: u16 = 1000;

entry!(
    /// `( loop, resume, co, … )` → what `resume( co, … )` returns. `co` may wait if the caller may. Resuming is one
    /// step, so an error that a debug hook raises cannot leave out its second half.
    pub(super) fn resume_inside(lua: *mut lua_State) -> c_int {
        let cogloop = &mut (*check_loop(lua, 1)).cogloop;
        if cogloop.depth == DEPTH_MAX {
            Text::<80>::new("C stack overflow: coroutines of wrap are nested too deep").raise(lua);
        }
        cogloop.depth += 1;
        let outer = (cogloop.resumed, cogloop.is_cut_off);
        let inner = lua_tothread(lua, 3);
        let is_inside = cogloop.resumed == lua && !inner.is_null();
        if is_inside {
            cogloop.is_cut_off |= !can_yield(lua);
            cogloop.resumed = inner;
        }
        let status = lua_pcall(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0);
        // The loop may have been closed meanwhile.
        if let Some(state) = state_at(lua, 1).as_mut() {
            state.cogloop.depth -= 1;
            if is_inside {
                (state.cogloop.resumed, state.cogloop.is_cut_off) = outer;
            }
        }
        if status != LUA_OK {
            lua_error(lua);
        }
        lua_gettop(lua) - 1
    }
);

entry!(
    /// `( … )`: passes a wait on to the outer coroutine. Yields the values that the inner coroutine has yielded.
    pub(super) fn relay(lua: *mut lua_State) -> c_int {
        lua_yield(lua, lua_gettop(lua))
    }
);

entry!(
    /// `( a, b )` → whether a coroutine that has yielded these two values waits
    pub(super) fn is_wait(lua: *mut lua_State) -> c_int {
        lua_settop(lua, 2);
        let is_mark = |index| lua_touserdata(lua, index) == mark();
        let is_wait = is_mark(1) || is_mark(2);
        lua_pushboolean(lua, c_int::from(is_wait));
        1
    }
);

entry!(
    /// `( )` → the default loop
    pub(super) fn default(lua: *mut lua_State) -> c_int {
        receiver(lua);
        lua_settop(lua, 1);
        1
    }
);
