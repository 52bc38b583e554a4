//! Measuring: how late timers are, how long callbacks take, and which are slow.

use super::memory::{Meter, State, value};
use super::state::state_at;
use crate::lua::args::push_ms;
use crate::lua::guard::{ErrorText, Text};
use crate::lua::version::push_user_value;
use cogloop_io::memory::expect_bytes;
use hdrhistogram::Histogram;
use mlua::ffi::{
    LUA_TFUNCTION, LUA_TTABLE, lua_Debug, lua_State, lua_call, lua_getinfo, lua_pushvalue, lua_rawgeti, lua_settop,
    lua_type,
};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

/// A longer time counts as an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// An upper bound for the bytes of three histograms. They allocate without a fallible call.
const FOR_A_METER: usize = 768 << 10;

impl Meter {
    pub(crate) fn try_new() -> Result<Self, ErrorText> {
        expect_bytes(FOR_A_METER)?;
        let new = || Histogram::new_with_max(LONGEST_NS, 2).map_err(Text::new);
        Ok(Self { late: new()?, callback: new()?, task: new()? })
    }

    /// Records a timer's lateness.
    pub(crate) fn late(&mut self, late_ns: u64) {
        self.late.saturating_record(late_ns);
    }

    /// The time now, if callbacks are timed.
    ///
    /// # Safety
    ///
    /// The state of an open loop.
    #[inline]
    pub(crate) unsafe fn start(state: *mut State) -> Option<u64> {
        // SAFETY: the caller's promise.
        unsafe { (*state).cogloop.is_measuring.then(|| (*state).events.now_ns()) }
    }

    /// Records the duration of a callback, and calls the hook of `slow` if it was too long. At `callback` is the function, its table, or
    /// another value.
    ///
    /// # Safety
    ///
    /// [The rule for Lua calls](crate); the loop is at 1. Lua code may run.
    #[cold]
    pub(crate) unsafe fn stop(lua: *mut lua_State, start_ns: u64, callback: c_int) {
        // SAFETY: the caller's promise.
        unsafe {
            let state = state_at(lua, 1);
            if state.is_null() {
                return;
            }
            let took_ns = (*state).events.now_ns().saturating_sub(start_ns);
            if let Some(meter) = &mut (*state).cogloop.meter {
                meter.callback.saturating_record(took_ns);
            }
            if took_ns < (*state).cogloop.slow_ns {
                return;
            }
            lua_settop(lua, callback);
            push_user_value(lua, 1, value::SLOW);
            let text = describe(lua, callback);
            text.push(lua);
            push_ms(lua, took_ns); // stack: … callback hook where ms
            lua_call(lua, 2, 0);
        }
    }
}

/// `source:line` of the function at `index`, or in the table there.
unsafe fn describe(lua: *mut lua_State, index: c_int) -> Text<200> {
    // SAFETY: only called by `stop`. `lua_getinfo` fills in what is read, and pops the function.
    unsafe {
        lua_pushvalue(lua, index);
        if lua_type(lua, -1) == LUA_TTABLE {
            lua_rawgeti(lua, -1, 1);
            mlua::ffi::lua_remove(lua, -2);
        }
        if lua_type(lua, -1) != LUA_TFUNCTION {
            let name = CStr::from_ptr(mlua::ffi::luaL_typename(lua, -1));
            let text = Text::new(format_args!("a {}", name.to_str().unwrap_or("value")));
            mlua::ffi::lua_pop(lua, 1);
            return text;
        }
        let mut memory = MaybeUninit::<lua_Debug>::zeroed();
        lua_getinfo(lua, c">S".as_ptr(), memory.as_mut_ptr());
        let info = memory.assume_init_ref();
        let source = CStr::from_ptr(info.short_src.as_ptr());
        Text::new(format_args!("{}:{}", source.to_bytes().escape_ascii(), info.linedefined))
    }
}
