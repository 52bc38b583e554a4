//! `oneoff` and `getit`, and the timer that they return.

use super::queue::{NS_PER_MS, Timer};
use super::service::{CALLBACKS, with};
use super::upvalue;
use crate::lua::args::{MAX_DELAY_NS, check_callable, test_userdata, wrong};
use crate::lua::entry::entry;
use crate::lua::stack::stack;
use crate::lua::version::{new_userdata, push_user_value};
use mlua::ffi::{
    LUA_TNUMBER, lua_State, lua_isinteger, lua_pop, lua_pushfstring, lua_pushinteger, lua_pushnil, lua_pushvalue,
    lua_rawseti, lua_setmetatable, lua_settop, lua_tointeger, lua_tonumber, lua_tostring, lua_type, lua_upvalueindex,
};
use std::ffi::{CStr, c_int};

/// The memory of a timer userdata. It holds no pointer to the service, because the metatable's functions know the
/// service.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Block {
    timer: Timer,
    ms: i64,
}

/// Reads milliseconds: a number with an integer value of at least `least`.
///
/// # Safety
/// [The rule for Lua calls](crate).
pub(super) unsafe fn check_ms(lua: *mut lua_State, arg: c_int, least: i64, wanted: &CStr) -> i64 {
    // SAFETY: the caller's promise.
    unsafe {
        let ms = match lua_type(lua, arg) {
            LUA_TNUMBER if lua_isinteger(lua, arg) != 0 => Some(lua_tointeger(lua, arg)),
            // The cast clamps: a number from 2^63 on becomes the longest delay.
            LUA_TNUMBER => {
                Some(lua_tonumber(lua, arg)).filter(|ms| ms.is_finite() && ms.fract() == 0.0).map(|ms| ms as i64)
            }
            _ => None,
        };
        match ms.filter(|&ms| ms >= least) {
            Some(ms) => ms,
            None => wrong(lua, arg, c"ms", wanted),
        }
    }
}

entry!(
    /// `oneoff( ms, f )` → timer
    pub(super) fn oneoff(lua: *mut lua_State) -> c_int {
        let ms = check_ms(lua, 1, 0, c"an integer that is 0 or more");
        arm(lua, ms, false)
    }
);

entry!(
    /// `getit( ms, f )` → timer
    pub(super) fn getit(lua: *mut lua_State) -> c_int {
        let ms = check_ms(lua, 1, 1, c"an integer above 0");
        arm(lua, ms, true)
    }
);

unsafe fn arm(lua: *mut lua_State, ms: i64, is_cyclic: bool) -> c_int {
    // SAFETY: only called by `oneoff` and `getit`. Making the userdata may run finalizers, and these may arm timers.
    // Storing the callback may raise if memory runs out, but runs no finalizer. So `next_place` is still the place that
    // the timer takes.
    unsafe {
        check_callable(lua, 2);
        lua_settop(lua, 2);
        let block = new_userdata(lua, size_of::<Block>(), 0).cast::<Block>();
        push_user_value(lua, lua_upvalueindex(upvalue::SERVICE), CALLBACKS);
        stack!(lua: ms f timer callbacks);
        lua_pushvalue(lua, 2);
        let place = with(lua, |service| service.queue.next_place());
        lua_rawseti(lua, -2, i64::from(place) + 1);
        lua_pop(lua, 1);
        let delay_ns = (ms.unsigned_abs()).saturating_mul(NS_PER_MS).min(MAX_DELAY_NS);
        let timer = with(lua, |service| {
            let now_ns = service.refresh();
            let timer = service.queue.arm(now_ns, delay_ns, is_cyclic);
            service.is_out_of_memory |= timer.is_err();
            service.set_alarm();
            timer.ok()
        });
        // If there is no timer, `with` has raised.
        let Some(timer) = timer else { return 0 };
        block.write(Block { timer, ms });
        lua_pushvalue(lua, lua_upvalueindex(upvalue::TIMER));
        lua_setmetatable(lua, -2);
    }
    1
}

unsafe fn check_timer(lua: *mut lua_State) -> Block {
    // SAFETY: only called by the methods; a userdata with the metatable of timers holds a Block.
    unsafe {
        let block = test_userdata(lua, 1, upvalue::TIMER).cast::<Block>();
        if block.is_null() {
            wrong(lua, 1, c"timer", c"a timer of this module");
        }
        *block
    }
}

entry!(
    /// `timer:destroy( [wait] )`: ends the timer and drops its events. A second call does nothing.
    pub(super) fn destroy(lua: *mut lua_State) -> c_int {
        let block = check_timer(lua);
        let was_armed = with(lua, |service| {
            service.refresh();
            let was_armed = service.queue.destroy(block.timer);
            service.set_alarm();
            was_armed
        });
        if was_armed {
            forget(lua, block.timer);
        }
        lua_pushnil(lua);
        1
    }
);

/// Drops a callback. Neither raises nor allocates, because the place exists.
///
/// # Safety
/// The running function is one of a module's, and the timer has ended just now. Room for three values.
pub(super) unsafe fn forget(lua: *mut lua_State, timer: Timer) {
    // SAFETY: the caller's promise.
    unsafe {
        push_user_value(lua, lua_upvalueindex(upvalue::SERVICE), CALLBACKS);
        lua_pushnil(lua);
        lua_rawseti(lua, -2, i64::from(timer.place) + 1);
        lua_pop(lua, 1);
    }
}

entry!(
    /// `mockit timer: every 3000 ms, armed`
    pub(super) fn to_string(lua: *mut lua_State) -> c_int {
        let block = check_timer(lua);
        let (is_armed, is_cyclic) =
            with(lua, |service| (service.queue.is_armed(block.timer), service.queue.is_cyclic(block.timer)));
        lua_pushinteger(lua, block.ms);
        let format = match (is_armed, is_cyclic) {
            (false, _) => c"mockit timer: %s ms, ended",
            (true, false) => c"mockit timer: once after %s ms, armed",
            (true, true) => c"mockit timer: every %s ms, armed",
        };
        let text = lua_tostring(lua, -1);
        lua_pushfstring(lua, format.as_ptr(), text);
        1
    }
);
