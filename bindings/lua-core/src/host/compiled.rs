//! Parts of the faces' functions that LuaJIT calls through its FFI. A face is an interface for scripts. Such a part
//! must not touch Lua, so it can neither raise nor make an object. It does only the usual case. For any other case it
//! changes nothing and returns [`UNUSUAL`]. The Lua code then calls the C function that does all cases.

use super::memory::{LoopBlock, State};
use crate::lua::args::test_userdata;
use crate::lua::class::push_kept_function;
use crate::lua::compiled::resting_thread;
use cogloop_io::ExpiredTimer;
use mlua::ffi::{lua_State, lua_call, lua_gethookmask, lua_gettop, lua_pushvalue, lua_settop};
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// The result for a case that the function leaves to the C function. Nothing has changed.
pub(crate) const UNUSUAL: i32 = -1;

/// After this number of timers in a turn, the C function calls the Lua function, which serves the rest of the timers.
/// The call costs more than it gains for a few timers, and also for timers that the Lua function leaves to the C
/// function.
const FIRST: u32 = 32;

/// Calls `work` with the state of an open loop, and returns its result. Returns [`UNUSUAL`] if the loop is closed, or
/// if `work` returns `None` or panics. `work` makes no Lua call.
///
/// # Safety
///
/// The block of a loop.
#[inline(always)]
pub(crate) unsafe fn on(block: *mut LoopBlock, work: impl FnOnce(&mut State) -> Option<i32>) -> i32 {
    // SAFETY: the caller's promise. The state of an open loop lives. No other reference to the state is alive, because
    // only such work makes one.
    unsafe {
        let state = (*block).state;
        if state.is_null() {
            return UNUSUAL;
        }
        // After a panic the Lua code calls the C function, which then reports its own panic. The result here fits into
        // a register. The function `with` is not used, because its result has room for a text.
        catch_unwind(AssertUnwindSafe(|| work(&mut *state))).ok().flatten().unwrap_or(UNUSUAL)
    }
}

/// Like [`on`], for a function that begins [steps](super::steps). While a debug hook is set, returns [`UNUSUAL`],
/// because the hook could use the loop between two steps.
///
/// # Safety
///
/// The block of a loop that was prepared by [`prepare`].
#[inline(always)]
pub(crate) unsafe fn on_without_hook(block: *mut LoopBlock, work: impl FnOnce(&mut State) -> Option<i32>) -> i32 {
    // SAFETY: the caller's promise. `lua_gethookmask` only reads a number that all coroutines share.
    unsafe {
        on(block, |state| match state.steps.thread {
            Some(thread) if lua_gethookmask(thread.as_ptr()) == 0 => work(state),
            _ => None,
        })
    }
}

/// Takes the next due timer. Returns `None` if the C function must serve the timer, or if a step is unfinished. Returns
/// `Some( None )` if no due timer is left in this turn.
#[inline(always)]
pub(crate) fn take_due(state: &mut State) -> Option<Option<ExpiredTimer<u64>>> {
    if state.cogloop.is_measuring || state.debug || !state.steps.may_empty() {
        return None;
    }
    Some(state.events.next_expired())
}

/// Notes the timer whose callback compiled code calls next.
#[inline(always)]
pub(crate) fn note_firing(state: &mut State, expired: ExpiredTimer<u64>) {
    state.served = true;
    state.cogloop.firing = Some(expired);
    state.cogloop.fired += 1;
}

/// Prepares a loop for compiled code. Returns the loop's state, or `None` if the value at 1 is not an open loop.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the metatable of loops is at `class`. Room for two values. May raise.
pub(crate) unsafe fn prepare(lua: *mut lua_State, class: c_int) -> Option<*mut State> {
    // SAFETY: the caller's promise. The state is fetched last, because making the coroutine may run a finalizer.
    unsafe {
        let thread = resting_thread(lua);
        let block = test_userdata(lua, 1, class).cast::<LoopBlock>();
        if block.is_null() {
            return None;
        }
        let state = (*block).state;
        let steps = &mut state.as_mut()?.steps;
        (steps.thread, steps.places) = (thread, Some(NonNull::from(&(*block).places)));
        Some(state)
    }
}

/// If a turn has many due timers, serves them by the Lua function that is kept under `key`. The Lua function stops at a
/// timer that the C function must serve. Call `serve_many` before each timer of a turn. `count` is the number of these
/// calls since the Lua function last ran.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1. Room for three values. Lua code may run.
#[inline]
pub(crate) unsafe fn serve_many(lua: *mut lua_State, count: &mut u32, key: &'static u8) {
    *count += 1;
    if *count > FIRST {
        *count = 0;
        // SAFETY: the caller's promise.
        unsafe {
            let top = lua_gettop(lua);
            if push_kept_function(lua, key) {
                lua_pushvalue(lua, 1);
                lua_call(lua, 1, 0);
            }
            lua_settop(lua, top);
        }
    }
}
