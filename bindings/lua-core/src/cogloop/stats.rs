//! `stats` and `slow`: how late timers are, how long callbacks take, and which callbacks are slow. Measuring is off by
//! default, because it costs two readings of the clock for each callback.

use super::loops::receiver;
use super::slice::push_counts_by_name;
use crate::host::memory::{Meter, State, value};
use crate::host::report::slow_ns;
use crate::host::state::check_loop;
use crate::lua::args::{check_callable, check_ms, push_ms};
use crate::lua::entry::entry;
use crate::lua::guard::{ErrorText, guard};
use crate::lua::version::set_user_value;
use hdrhistogram::Histogram;
use mlua::ffi::{
    LUA_TBOOLEAN, LUA_TNIL, lua_State, lua_createtable, lua_pushinteger, lua_setfield, lua_settop, lua_toboolean,
    lua_type,
};
use std::ffi::{CStr, c_int};

entry!(
    /// `loop:slow( [ms, f] )`: calls `f( where, ms )` for each callback that takes `ms` or longer. Without arguments,
    /// removes `f`.
    pub(super) fn slow(lua: *mut lua_State) -> c_int {
        receiver(lua);
        let limit_ns = match lua_type(lua, 2) {
            t if t <= LUA_TNIL => slow_ns(),
            _ => {
                let limit_ns = check_ms(lua, 2);
                check_callable(lua, 3);
                limit_ns
            }
        };
        lua_settop(lua, 3);
        set_user_value(lua, 1, value::SLOW);
        let state = check_loop(lua, 1);
        (*state).cogloop.slow_ns = limit_ns;
        (*state).settle_measuring();
        0
    }
);

entry!(
    /// `loop:stats( [measure] )` → table. `true` starts measuring from zero, `false` stops it.
    pub(super) fn stats(lua: *mut lua_State) -> c_int {
        // The state is fetched again for each number, because making a table may run a finalizer.
        let state = receiver(lua);
        if lua_type(lua, 2) > LUA_TNIL && lua_type(lua, 2) != LUA_TBOOLEAN {
            crate::lua::args::wrong(lua, 2, c"measure", c"a boolean or nil");
        }
        if lua_type(lua, 2) == LUA_TBOOLEAN
            && let Err(text) = measure(state, lua_toboolean(lua, 2) != 0)
        {
            text.raise(lua);
        }
        lua_settop(lua, 1);
        lua_createtable(lua, 0, 14);
        let state = check_loop(lua, 1);
        let report = (*state).events.backend();
        // The texts are copies, because making a string may run a finalizer, and the finalizer may close the loop.
        let texts = [ErrorText::new(report.name), ErrorText::new(&report.reason)];
        for (name, text) in [c"backend", c"reason"].into_iter().zip(texts) {
            text.push(lua);
            lua_setfield(lua, 2, name.as_ptr());
        }
        let state = check_loop(lua, 1);
        let counts = [
            (c"tasks", (*state).cogloop.alive.into()),
            (c"turns", (*state).cogloop.turns),
            (c"fired", (*state).cogloop.fired),
            (c"timers", (*state).events.timers() as u64),
            (c"handles", (*state).events.descriptors() as u64),
        ];
        for (name, count) in counts {
            lua_pushinteger(lua, count.cast_signed());
            lua_setfield(lua, 2, name.as_ptr());
        }
        for (name, nth) in [(c"late", 0), (c"callback", 1), (c"task", 2)] {
            let Some(meter) = &(*check_loop(lua, 1)).cogloop.meter else { return 1 };
            let summary = Summary::of([&meter.late, &meter.callback, &meter.task][nth]);
            summary.push(lua);
            lua_setfield(lua, 2, name.as_ptr());
        }
        push_ms(lua, (*check_loop(lua, 1)).cogloop.waited_ns);
        lua_setfield(lua, 2, c"waited".as_ptr());
        push_counts_by_name(lua);
        lua_setfield(lua, 2, c"named".as_ptr());
        1
    }
);

unsafe fn measure(state: *mut State, on: bool) -> Result<(), ErrorText> {
    guard(|| {
        // SAFETY: only called with the state of an open loop; no Lua call is made here.
        let state = unsafe { &mut *state };
        let cogloop = &mut state.cogloop;
        cogloop.meter = if on { Some(Box::new(Meter::try_new()?)) } else { None };
        cogloop.waited_ns = 0;
        state.settle_measuring();
        Ok(())
    })
}

/// A summary of a histogram.
#[derive(Clone, Copy)]
struct Summary {
    count: u64,
    times_ns: [(&'static CStr, u64); 6],
}

impl Summary {
    fn of(histogram: &Histogram<u64>) -> Self {
        let times_ns = [
            (c"min", histogram.min()),
            (c"mean", histogram.mean() as u64),
            (c"p50", histogram.value_at_quantile(0.5)),
            (c"p99", histogram.value_at_quantile(0.99)),
            (c"p999", histogram.value_at_quantile(0.999)),
            (c"max", histogram.max()),
        ];
        Self { count: histogram.len(), times_ns }
    }

    unsafe fn push(self, lua: *mut lua_State) {
        // SAFETY: only called by `stats`, with room for two values.
        unsafe {
            lua_createtable(lua, 0, 8);
            lua_pushinteger(lua, self.count.cast_signed());
            lua_setfield(lua, -2, c"count".as_ptr());
            for (name, ns) in self.times_ns {
                push_ms(lua, ns);
                lua_setfield(lua, -2, name.as_ptr());
            }
        }
    }
}
