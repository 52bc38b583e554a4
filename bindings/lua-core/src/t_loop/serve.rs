//! Serves the tasks that are due, from the key to the call of the script's function.
//!
//! All code in this file runs inside the protected call of `drive`, with the loop at 1, so it may raise.

#[cfg(feature = "luajit")]
use super::compiled::SERVE_KEY;
use super::task::{CALLBACK, finish, link, rearm, tell_next};
#[cfg(feature = "luajit")]
use crate::host::compiled::serve_many;
use crate::host::drive::must_return;
use crate::host::entries::slot;
use crate::host::face::Face;
use crate::host::memory::{LoopBlock, Meter, State, TaskBlock, value};
use crate::host::ready::note_current;
use crate::host::state::{state_at, with, with_or_raise};
use crate::lua::args::period_ns;
use crate::lua::callback::call;
use crate::lua::stack::stack;
use crate::lua::version::push_user_value;
use cogloop_io::ExpiredTimer;
use cogloop_io::trace::{Detail, Kind};
use mlua::ffi::{lua_State, lua_pushnil, lua_rawgeti, lua_rawseti, lua_settop, lua_touserdata};
use std::ptr::null_mut;

/// Runs the callback of an expired timer, and arms the timer again if the callback asks for it.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, `state` is its state, and `expired` was pulled just now.
pub(super) unsafe fn serve_task(lua: *mut lua_State, state: *mut State, expired: ExpiredTimer<u64>) {
    // SAFETY: the caller's promise; `stack!` lines show what is on the stack.
    unsafe {
        lua_settop(lua, 1);
        // The wheel has freed the key, so the next task may take its table entry. A finalizer could call `addTask`. So
        // no call that may run a finalizer is allowed until the entry is empty.
        push_user_value(lua, 1, value::TASKS);
        lua_rawgeti(lua, 2, slot(expired.key.index()));
        stack!(lua: loop tasks task);
        let task = lua_touserdata(lua, 3).cast::<TaskBlock>();
        if task.is_null() {
            return;
        }
        lua_pushnil(lua);
        lua_rawseti(lua, 2, slot(expired.key.index()));
        note_current(lua, state, 3);
        (*task).key = TaskBlock::RUNNING;
        (*state).current = task;
        if (*state).debug {
            tell_next(lua, state);
        }
        (*state).cogloop.fired += 1;
        if let Some(meter) = &mut (*state).cogloop.meter {
            meter.late(expired.late_ns);
        }
        push_user_value(lua, 3, CALLBACK);
        let clock = Meter::start(state);
        call(lua, (*task).args, 1);
        stack!(lua: loop tasks task tbl result);
        if let Some(start_ns) = clock {
            Meter::stop(lua, start_ns, 4, (Kind::Timer, Detail::Late(expired.late_ns)));
        }
        let state = state_at(lua, 1);
        if state.is_null() {
            return;
        }
        (*state).current = null_mut();
        match period_ns(lua, 5) {
            // If the callback has cancelled its own task, its result is ignored.
            Some(period_ns) if (*task).key == TaskBlock::RUNNING => {
                (*task).key = TaskBlock::DONE;
                let key = with_or_raise(lua, state, |state| Ok(rearm(state, expired.deadline_ns, period_ns)?));
                lua_settop(lua, 3);
                stack!(lua: loop tasks task);
                link(lua, state, task, key);
            }
            _ => finish(lua, 3),
        }
    }
}

/// The functions that the loop calls in this face, `t.Loop`. No coroutine waits in `t.Loop`.
pub(super) static FACE: Face = Face {
    serve_timers,
    serve_woken: |_| {},
    resume: |_, _, _| {},
    handle_closed: |_, _| {},
    drop_void_claims: |_, _| {},
    before_idle: |_| {},
    // `note_current` has stored the task or the Node as CURRENT before the callback.
    note_failed: |_, _, _| {},
    end_failed: finish,
    returns_refusals: false,
};

/// Calls every task that is due in this turn. Returns whether there were any.
unsafe fn serve_timers(lua: *mut lua_State) -> bool {
    // SAFETY: the loop calls a face's functions with itself at 1; the state is fetched again after each callback.
    unsafe {
        let block = lua_touserdata(lua, 1).cast::<LoopBlock>();
        let mut found = false;
        #[cfg(feature = "luajit")]
        let mut count = 0;
        while !must_return((*block).state) {
            #[cfg(feature = "luajit")]
            {
                serve_many(lua, &mut count, &SERVE_KEY);
                if must_return((*block).state) {
                    break;
                }
            }
            let state = (*block).state;
            match with(state, |state| Ok(state.events.next_expired())) {
                Ok(Some(expired)) => serve_task(lua, state, expired),
                Ok(None) => break,
                Err(text) => text.raise(lua),
            }
            found = true;
        }
        found
    }
}
