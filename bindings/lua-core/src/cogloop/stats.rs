//! Measuring: how late timers are, how long callbacks take, and who is slow. Off at first: it costs two readings of the
//! clock for each callback.

use super::arm::push_ms;
use super::loops::receiver;
use crate::host::state::{State, check_loop, state_at, value};
use crate::lua::args::{check_callable, check_ms};
use crate::lua::guard::{ErrorText, Text, guard};
use crate::lua::version::{push_user_value, set_user_value};
use cogloop_io::memory::expect_bytes;
use hdrhistogram::Histogram;
use mlua::ffi::{
    LUA_TBOOLEAN, LUA_TFUNCTION, LUA_TNIL, LUA_TTABLE, lua_Debug, lua_State, lua_call, lua_createtable, lua_getinfo,
    lua_pushinteger, lua_pushvalue, lua_rawgeti, lua_setfield, lua_settop, lua_toboolean, lua_type,
};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

/// Beyond an hour it is an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// More than two histograms take, which ask for their memory without a question.
const FOR_A_METER: usize = 512 << 10;

/// Two histograms, in nanoseconds, each exact to a hundredth.
pub(crate) struct Meter {
    late: Histogram<u64>,
    callback: Histogram<u64>,
}

impl Meter {
    fn new() -> Result<Self, ErrorText> {
        expect_bytes(FOR_A_METER)?;
        let new = || Histogram::new_with_max(LONGEST_NS, 2).map_err(Text::new);
        Ok(Self { late: new()?, callback: new()? })
    }

    /// Notes a timer's lateness.
    pub(crate) fn late(&mut self, late_ns: u64) {
        self.late.saturating_record(late_ns);
    }

    /// The time, if callbacks are to be timed.
    ///
    /// # Safety
    ///
    /// The state of an open loop.
    #[inline]
    pub(crate) unsafe fn start(state: *mut State) -> Option<u64> {
        // SAFETY: the caller's promise.
        unsafe { (*state).own.is_measuring.then(|| (*state).events.now_ns()) }
    }

    /// Notes how long a callback took, and tells of it if that was too long. The callback is at `callback`: a function, its
    /// table, or what it is not.
    ///
    /// # Safety
    ///
    /// The rule of the crate; the loop is at 1. Lua code may run.
    #[cold]
    pub(crate) unsafe fn stop(lua: *mut lua_State, start_ns: u64, callback: c_int) {
        // SAFETY: the caller's promise.
        unsafe {
            let state = state_at(lua, 1);
            if state.is_null() {
                return;
            }
            let took_ns = (*state).events.now_ns().saturating_sub(start_ns);
            if let Some(meter) = &mut (*state).own.meter {
                meter.callback.saturating_record(took_ns);
            }
            if took_ns < (*state).own.slow_ns {
                return;
            }
            lua_settop(lua, callback);
            push_user_value(lua, 1, value::SLOW);
            let text = describe(lua, callback);
            text.push(lua);
            push_ms(lua, took_ns); // S: … callback hook where ms
            lua_call(lua, 2, 0);
        }
    }
}

/// `source:line` of the function at `index`, or in the table there.
unsafe fn describe(lua: *mut lua_State, index: c_int) -> Text<200> {
    // SAFETY: only called by `stop`. lua_getinfo fills what it is asked for, and pops the function.
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

/// `loop:slow( [ms, f] )`: `f( where, ms )` is told of each callback that takes `ms` or longer; nothing: nobody is.
pub(crate) unsafe extern "C-unwind" fn slow(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the function is one of the module's.
    unsafe {
        receiver(lua);
        let limit_ns = match lua_type(lua, 2) {
            t if t <= LUA_TNIL => u64::MAX,
            _ => {
                let limit_ns = check_ms(lua, 2);
                check_callable(lua, 3);
                limit_ns
            }
        };
        lua_settop(lua, 3);
        set_user_value(lua, 1, value::SLOW);
        let own = &mut (*check_loop(lua, 1)).own;
        own.slow_ns = limit_ns;
        own.is_measuring = own.meter.is_some() || limit_ns != u64::MAX;
    }
    0
}

/// `loop:stats( [measure] )` → table; `true` begins to measure anew, `false` ends it.
pub(crate) unsafe extern "C-unwind" fn stats(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the function is one of the module's. The state is fetched anew for each number, because
    // making a table may run a finalizer.
    unsafe {
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
        lua_createtable(lua, 0, 12);
        let state = check_loop(lua, 1);
        let report = (*state).events.backend();
        // Copies: making a string may run a finalizer, and that may close the loop.
        let texts = [ErrorText::new(report.name), ErrorText::new(&report.reason)];
        for (name, text) in [c"backend", c"reason"].into_iter().zip(texts) {
            text.push(lua);
            lua_setfield(lua, 2, name.as_ptr());
        }
        let state = check_loop(lua, 1);
        let counts = [
            (c"turns", (*state).own.turns),
            (c"fired", (*state).own.fired),
            (c"timers", (*state).events.timers() as u64),
            (c"handles", (*state).events.descriptors() as u64),
        ];
        for (name, count) in counts {
            lua_pushinteger(lua, count.cast_signed());
            lua_setfield(lua, 2, name.as_ptr());
        }
        for (name, choose) in [(c"late", false), (c"callback", true)] {
            let Some(meter) = &(*check_loop(lua, 1)).own.meter else { return 1 };
            let summary = Summary::of(if choose { &meter.callback } else { &meter.late });
            summary.push(lua);
            lua_setfield(lua, 2, name.as_ptr());
        }
        push_ms(lua, (*check_loop(lua, 1)).own.waited_ns);
        lua_setfield(lua, 2, c"waited".as_ptr());
    }
    1
}

unsafe fn measure(state: *mut State, on: bool) -> Result<(), ErrorText> {
    guard(|| {
        // SAFETY: only called with the state of an open loop; no Lua call is made here.
        let own = unsafe { &mut (*state).own };
        own.meter = if on { Some(Box::new(Meter::new()?)) } else { None };
        own.waited_ns = 0;
        own.is_measuring = on || own.slow_ns != u64::MAX;
        Ok(())
    })
}

/// A histogram in a few numbers.
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
