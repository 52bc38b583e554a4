//! The upvalues of the functions of `t.Loop` and of `cogloop`.
//!
//! | index | in `t.Loop` | in `cogloop` |
//! |---|---|---|
//! | 1 | metatable of loops | metatable of loops |
//! | 2 | metatable of tasks | metatable of timers |
//! | 3 | metatable of nodes | metatable of watchers |
//! | 4 | the class | the module |
//! | 5 | the table of the last task that was added without arguments, in a weak table | the loops by their number, weak |
//! | 6 | none | the default loop in a table, for a function of the module; nil for a method |
//! | 7 | none | metatable of tasks |

use crate::lua::args::DEFAULT;
use mlua::ffi::{LUA_TNONE, lua_State, lua_type, lua_upvalueindex};
use std::ffi::c_int;

pub(crate) const LOOP: c_int = 1;
pub(crate) const TIMER: c_int = 2;
pub(crate) const NODE: c_int = 3;
pub(crate) const CLASS: c_int = 4;
/// The number of upvalues that both faces have.
pub(crate) const COUNT: c_int = 5;

/// Whether the running function is one of `cogloop`.
///
/// # Safety
///
/// `lua` runs a C function.
pub(crate) unsafe fn is_of_cogloop(lua: *mut lua_State) -> bool {
    // SAFETY: the caller's promise.
    unsafe { lua_type(lua, lua_upvalueindex(DEFAULT)) != LUA_TNONE }
}
