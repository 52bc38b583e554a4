//! Finds the loop on which a function works: its first argument, the default loop, or the loop of a timer, a watcher or
//! a task.

use super::{create, upvalue};
use crate::host::memory::{LoopBlock, State};
use crate::host::state::check_loop;
use mlua::ffi::{
    LUA_TTABLE, lua_State, lua_insert, lua_pop, lua_pushvalue, lua_rawgeti, lua_rawseti, lua_touserdata, lua_type,
    lua_upvalueindex,
};
use std::ptr::null_mut;

/// The state of the loop on which the running function works. Afterwards the loop is at 1, followed by the arguments.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's and has not touched its stack. The
/// pointer is valid until Lua code may have run.
#[inline]
pub(super) unsafe fn receiver(lua: *mut lua_State) -> *mut State {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_type(lua, lua_upvalueindex(upvalue::DEFAULT)) == LUA_TTABLE {
            push_default(lua);
            lua_insert(lua, 1);
        }
        check_loop(lua, 1)
    }
}

/// Pushes the default loop. Makes one if there is none, or if it was closed.
#[inline(never)]
unsafe fn push_default(lua: *mut lua_State) {
    // SAFETY: only called by `receiver`, for a function of the module.
    unsafe {
        lua_rawgeti(lua, lua_upvalueindex(upvalue::DEFAULT), 1);
        let block = lua_touserdata(lua, -1).cast::<LoopBlock>();
        if !block.is_null() && !(*block).state.is_null() {
            return;
        }
        lua_pop(lua, 1);
        create::push_default(lua);
        lua_pushvalue(lua, -1);
        lua_rawseti(lua, lua_upvalueindex(upvalue::DEFAULT), 1);
    }
}

/// Pushes the loop of this number, and returns its state, or null if the loop was collected or closed. Neither raises
/// nor allocates.
///
/// # Safety
///
/// The running function is one of the module's. Room for a value.
pub(super) unsafe fn push_owner(lua: *mut lua_State, owner: u64) -> *mut State {
    // SAFETY: the caller's promise. The table holds only loops.
    unsafe {
        lua_rawgeti(lua, lua_upvalueindex(upvalue::LOOPS), owner.cast_signed());
        let block = lua_touserdata(lua, -1).cast::<LoopBlock>();
        if block.is_null() { null_mut() } else { (*block).state }
    }
}
