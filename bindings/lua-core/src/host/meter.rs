//! Measures how late timers are, how long callbacks take, and which callbacks are slow.

use super::called::place_of;
use super::memory::{Meter, State, value};
use super::place::Place;
use super::report::tell_slow;
use super::state::state_at;
use crate::lua::args::push_ms;
use crate::lua::guard::{ErrorText, Text};
use crate::lua::version::push_user_value;
use cogloop_io::memory::expect_bytes;
use cogloop_io::trace::{Detail, Kind};
use hdrhistogram::Histogram;
use mlua::ffi::{LUA_TNIL, lua_State, lua_call, lua_pop, lua_type};
use std::ffi::c_int;

/// The longest time that a histogram records, an hour. A longer time counts as an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// An upper bound for the bytes of three histograms. The histograms have no function that reports a lack of memory.
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

    /// Called when a callback begins. Returns the time at which the callback begins; `None` if callbacks are not timed.
    /// If only a trace needs the time, the result is the time at which the last callback of this turn ended.
    ///
    /// # Safety
    ///
    /// The state of an open loop.
    #[inline]
    pub(crate) unsafe fn start(state: *mut State) -> Option<u64> {
        // SAFETY: the caller's promise.
        unsafe {
            if !(*state).cogloop.is_measuring {
                return None;
            }
            let start_ns = (*state).ended_ns.take().unwrap_or_else(|| (*state).events.now_ns());
            (*state).called_ns = Some(start_ns);
            (*state).called_ns
        }
    }

    /// Records the duration of a callback, also in the trace. If the duration was too long, calls the hook of `slow`,
    /// or reports the callback if there is no hook. Leaves the stack as it was. The value at the index `callback` is
    /// the function, its table, or another value.
    ///
    /// # Safety
    ///
    /// [The rule for Lua calls](crate); the loop is at 1. Lua code may run.
    #[cold]
    pub(crate) unsafe fn stop(lua: *mut lua_State, start_ns: u64, callback: c_int, (kind, detail): (Kind, Detail)) {
        // SAFETY: the caller's promise. Between `ended` and the hook no Lua code runs.
        unsafe {
            let state = state_at(lua, 1);
            let Some(end_ns) = ended(state) else { return };
            if (*state).trace.is_some() || (*state).profile.is_some() {
                let place = place_of(lua, state, callback);
                if let Some(trace) = &mut (*state).trace {
                    trace.span(kind, place.name(), start_ns, end_ns, detail);
                }
                if let Some(profile) = &mut (*state).profile {
                    profile.add(place.text().as_bytes(), end_ns - start_ns, detail);
                }
            }
            let Some(took_ns) = (*state).too_long(end_ns - start_ns, |meter| &mut meter.callback) else { return };
            let place = Place::of(lua, callback);
            push_user_value(lua, 1, value::SLOW);
            if lua_type(lua, -1) == LUA_TNIL {
                lua_pop(lua, 1);
                tell_slow(place.text().as_bytes(), took_ns);
                return;
            }
            place.escaped().push(lua);
            push_ms(lua, took_ns); // stack: … hook where ms
            lua_call(lua, 2, 0);
        }
    }
}

/// Called when the timed callback has ended. Returns the time now; `None` if the loop was closed.
///
/// # Safety
///
/// `state` is null or belongs to an open loop.
pub(crate) unsafe fn ended(state: *mut State) -> Option<u64> {
    // SAFETY: the caller's promise.
    let state = unsafe { state.as_mut() }?;
    state.called_ns = None;
    let end_ns = state.events.now_ns();
    // For `stats`, `slow` and `top` each callback begins with a reading of the clock, so that the times are exact.
    state.ended_ns = state.only_traces().then_some(end_ns);
    Some(end_ns)
}

impl State {
    /// Decides again whether callbacks are timed. Called when one of the reasons for timing them has changed.
    pub(crate) fn settle_measuring(&mut self) {
        let is_traced = self.trace.as_ref().is_some_and(|trace| trace.is_open());
        self.cogloop.is_measuring = is_traced || !self.only_traces();
        self.ended_ns = None;
    }

    /// Whether callbacks are timed for a trace alone, or not at all.
    fn only_traces(&self) -> bool {
        self.cogloop.meter.is_none() && self.cogloop.slow_ns == u64::MAX && self.profile.is_none()
    }

    /// Records a duration in one of the histograms. Returns the duration if it is too long for the hook of `slow`.
    pub(crate) fn too_long(
        &mut self,
        took_ns: u64,
        histogram: impl FnOnce(&mut Meter) -> &mut Histogram<u64>,
    ) -> Option<u64> {
        if let Some(meter) = &mut self.cogloop.meter {
            histogram(meter).saturating_record(took_ns);
        }
        (took_ns >= self.cogloop.slow_ns).then_some(took_ns)
    }
}
