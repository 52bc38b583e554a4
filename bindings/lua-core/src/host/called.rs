//! The function that was called last, and its place. A turn that serves a burst of timers calls one function many
//! times. With this cache a trace looks up the function's place only twice.
//!
//! The address identifies a function. When a function is called for the second time in a row, the loop's user value
//! CALLED begins to keep it alive. So no other function can get its address meanwhile. The end of the turn empties
//! CALLED, so a trace keeps no function alive longer.

use super::memory::{Called, State, value};
use super::place::{Place, push_called};
use crate::lua::version::set_user_value;
use mlua::ffi::{
    LUA_TFUNCTION, lua_State, lua_gettop, lua_pushnil, lua_pushvalue, lua_settop, lua_topointer, lua_type,
};
use std::ffi::c_int;

/// The place of the callback at `index`, as [`Place::of`] finds it.
///
/// # Safety
///
/// As for [`Place::of`]; the loop at 1 is open, and `state` is its state.
pub(crate) unsafe fn place_of(lua: *mut lua_State, state: *mut State, index: c_int) -> Place {
    // SAFETY: the caller's promise.
    unsafe {
        let called = &mut (*state).called;
        if lua_type(lua, index) == LUA_TFUNCTION {
            return of_function(lua, called, index);
        }
        let top = lua_gettop(lua);
        push_called(lua, index);
        let place = match lua_type(lua, -1) {
            LUA_TFUNCTION => of_function(lua, called, top + 1),
            _ => Place::of_called(lua),
        };
        lua_settop(lua, top);
        place
    }
}

/// The place of the function at `index`.
unsafe fn of_function(lua: *mut lua_State, called: &mut Called, index: c_int) -> Place {
    // SAFETY: only called by `place_of`. The address is only compared.
    unsafe {
        let function = lua_topointer(lua, index);
        if called.function != function {
            (called.function, called.place) = (function, None);
            return Place::of_function(lua, index);
        }
        if let Some(place) = called.place {
            return place;
        }
        lua_pushvalue(lua, index);
        set_user_value(lua, 1, value::CALLED);
        called.is_kept = true;
        *called.place.insert(Place::of_function(lua, index))
    }
}

/// Empties CALLED.
///
/// # Safety
///
/// The loop at 1 is open, and `state` is its state. Room for two values. Neither raises nor allocates.
#[inline]
pub(super) unsafe fn forget_called(lua: *mut lua_State, state: *mut State) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*state).called.is_kept {
            (*state).called = Called::default();
            lua_pushnil(lua);
            set_user_value(lua, 1, value::CALLED);
        }
    }
}
