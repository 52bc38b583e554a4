//! Serves the due timers. One C function serves a batch, with one Lua call for each callback.

use super::claim::{before_idle, tell_waiting, void_dead_claims};
#[cfg(feature = "luajit")]
use super::compiled::SERVE_KEY;
use super::left::Left;
use super::resume::{go, push_reason};
use super::task::{Phase, task_at};
use super::ticket::{Payload, Ticket, push_ticket};
use super::unpark::push_raise;
use super::wake::{time_out, wake};
#[cfg(feature = "luajit")]
use crate::host::compiled::serve_many;
use crate::host::drive::must_return;
use crate::host::entries::slot;
use crate::host::face::Face;
use crate::host::memory::{LoopBlock, Meter, State, value};
use crate::host::state::{state_at, with};
use crate::lua::callback::call;
use crate::lua::guard::ErrorText;
use crate::lua::stack::stack;
use crate::lua::version::{push_user_value, set_user_value};
use crate::sys::errno::{EBADF, ETIMEDOUT};
use cogloop_io::trace::{Detail, Kind};
use cogloop_io::{ExpiredTimer, Key};
use mlua::ffi::{
    lua_State, lua_call, lua_pushnil, lua_pushvalue, lua_rawgeti, lua_rawseti, lua_settop, lua_touserdata,
};
use std::ffi::c_int;

/// Calls every timer that is due in this turn. Returns whether there were any.
unsafe fn serve_timers(lua: *mut lua_State) -> bool {
    // SAFETY: the caller's promise; the state is fetched again after each callback, which may have closed the loop.
    unsafe {
        let block = lua_touserdata(lua, 1).cast::<LoopBlock>();
        let mut found = false;
        #[cfg(feature = "luajit")]
        let mut count = 0;
        while !must_return((*block).state) {
            #[cfg(feature = "luajit")]
            {
                serve_many(lua, &mut count, &SERVE_KEY);
                // Compiled code may have taken a timer from the wheel that only this function can serve. The timer is
                // then in `left`. It cannot be given back, so it is served even if the loop must return now.
                let is_left = (*block).state.as_ref().is_some_and(|state| state.cogloop.left.is_some());
                if !is_left && must_return((*block).state) {
                    break;
                }
            }
            let state = (*block).state;
            let expired = match with(state, next_expired) {
                Ok(Some(expired)) => expired,
                Ok(None) => break,
                Err(text) => text.raise(lua),
            };
            // This function is also called before each ready handle, mostly when no timer is due. So the stack is
            // prepared only for the first due timer.
            if !found {
                found = true;
                lua_settop(lua, 1);
                push_user_value(lua, 1, value::TASKS);
            }
            stack!(lua: loop entries);
            (*state).served = true;
            (*state).cogloop.firing = Some(expired);
            let payload = Payload(expired.value);
            lua_rawgeti(lua, 2, slot(expired.key.index()));
            stack!(lua: loop entries entry);
            if !payload.repeats() {
                // The wheel has freed the key, so the next timer may take this place.
                lua_pushnil(lua);
                lua_rawseti(lua, 2, slot(expired.key.index()));
            }
            (*state).cogloop.fired += 1;
            if payload.is_wait() {
                serve_coroutine(lua, payload, expired.key);
            } else if (*state).cogloop.is_measuring {
                measured(lua, state, payload, expired.late_ns);
            } else {
                invoke(lua, payload);
            }
            lua_settop(lua, 2);
        }
        if let Some(state) = (*block).state.as_mut() {
            state.cogloop.firing = None;
        }
        found
    }
}

/// Takes the next due timer, if there is one.
#[inline(always)]
fn next_expired(state: &mut State) -> Result<Option<ExpiredTimer<u64>>, ErrorText> {
    #[cfg(feature = "luajit")]
    if let Some(left) = state.cogloop.left.take() {
        state.emptied();
        return Ok(Some(left));
    }
    Ok(state.events.next_expired())
}

/// When a turn has resumed woken tasks for longer than this time, it leaves the rest of them to the next turn. The time
/// counts from the first reading of the clock below.
const WOKEN_NS: u64 = 10_000_000;
/// The number of woken tasks between two readings of the clock, and before the first one.
const WOKEN_LOOK: u32 = 16;

/// Resumes the tasks that were woken.
unsafe fn serve_woken(lua: *mut lua_State) {
    // SAFETY: the caller's promise; the state is fetched again after each task, which may have closed the loop.
    unsafe {
        let block = lua_touserdata(lua, 1).cast::<LoopBlock>();
        lua_settop(lua, 1);
        push_user_value(lua, 1, value::ALIVE);
        let (mut count, mut start_ns) = (0_u32, None);
        while !must_return((*block).state) {
            let state = (*block).state;
            let Some(entry) = (*state).cogloop.woken.next() else { return };
            count += 1;
            (*state).served = true;
            (*state).cogloop.fired += 1;
            lua_rawgeti(lua, 2, entry.place.into());
            stack!(lua: loop alive task);
            (*task_at(lua, 3)).phase = Phase::Queued;
            go(lua, 3, Left::Woken(entry.values), 0);
            lua_settop(lua, 2);
            if count.is_multiple_of(WOKEN_LOOK)
                && let Some(state) = (*block).state.as_mut()
            {
                let now_ns = state.events.now_ns();
                if now_ns.saturating_sub(*start_ns.get_or_insert(now_ns)) > WOKEN_NS {
                    state.cogloop.woken.end_turn();
                }
            }
        }
    }
}

/// Calls the entry on top: a function, or a table `{ f, arg1, … }`.
#[inline]
unsafe fn invoke(lua: *mut lua_State, payload: Payload) {
    // SAFETY: only called by `serve_timers`.
    unsafe {
        match payload.packed_args() {
            None => lua_call(lua, 0, 0),
            Some(args) => call(lua, args, 0),
        }
    }
}

/// Like [`invoke`], but measures the time.
#[cold]
unsafe fn measured(lua: *mut lua_State, state: *mut State, payload: Payload, late_ns: u64) {
    // SAFETY: only called by `serve_timers`. Stack: loop entries entry
    unsafe {
        if let Some(meter) = &mut (*state).cogloop.meter {
            meter.late(late_ns);
        }
        let start_ns = Meter::start(state);
        lua_pushvalue(lua, 3);
        invoke(lua, payload);
        if let Some(start_ns) = start_ns {
            Meter::stop(lua, start_ns, 3, (Kind::Timer, Detail::Late(late_ns)));
        }
    }
}

/// The module `cogloop` as a face, an interface for scripts: the functions that the loop calls.
pub(super) static FACE: Face = Face {
    serve_timers,
    serve_woken,
    resume: wake,
    handle_closed: tell_waiting,
    drop_void_claims: void_dead_claims,
    before_idle,
    note_failed,
    // When a callback has failed, there is no timer to end: a one-shot timer has ended before its callback begins, and
    // a timer that repeats goes on.
    end_failed: |_, _| {},
    returns_refusals: true,
};

/// Called when a callback has raised. If it is the callback of a timer, stores the timer as CURRENT. Handles and tasks
/// are stored as CURRENT before they are called.
unsafe fn note_failed(lua: *mut lua_State, index: c_int, timers: c_int) {
    // SAFETY: the loop calls it with an open loop at `index` and the metatable of timers at `timers`.
    unsafe {
        let state = state_at(lua, index);
        (*state).cogloop.has_traceback = false;
        if let Some(fired) = (*state).cogloop.firing.take() {
            push_ticket(lua, Ticket { key: fired.key.to_bits(), owner: (*state).id }, timers);
            set_user_value(lua, index, value::CURRENT);
        }
    }
}

/// Resumes the task whose timer has fired. If the timer is the time limit of a wait for a handle, the entry on top is
/// the handle's watcher. Otherwise it is the task.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open, and the entry that `payload` describes is on top.
unsafe fn serve_coroutine(lua: *mut lua_State, payload: Payload, key: Key) {
    // SAFETY: the caller's promise. Stack: loop entries entry
    unsafe {
        if payload.is_of_watcher() {
            return time_out(lua, key);
        }
        let task = task_at(lua, 3);
        if task.is_null() {
            return;
        }
        let values = if (*task).is_cut {
            push_raise(lua, 3)
        } else if payload.is_closed() {
            push_reason(lua, EBADF, "the handle was closed")
        } else if payload.is_unparked() {
            push_reason(lua, ETIMEDOUT, "timed out")
        } else {
            0
        };
        go(lua, 3, payload.left(), values);
    }
}
