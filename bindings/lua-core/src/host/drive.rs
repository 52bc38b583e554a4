//! Runs a loop turn after turn, until the run ends.
//!
//! ```text
//!   drive ── one protected call ──► serve: ┌─► timers that are due: the face serves them         (Face)
//!    ▲            │                        │   handles that are ready: one after the other       (ready)
//!    │            │ error, with traceback  │   tasks that were woken: the face goes on with them
//!    │            │                        │   closed, stopped, interrupted, nothing left? ──► return
//!    │            │                        │   look at the handles                               (observed)
//!    └─ onerror ──┴─ none: raise it        └── turn: wait                                        (EventLoop)
//! ```
//!
//! A face is an interface for scripts: `t.Loop` or `cogloop`. One protected call serves many callbacks. A callback that
//! raises ends the call. If there is an `onerror`, the loop makes the call again for the rest of the turn's callbacks.

use super::called::forget_called;
use super::leave::{PENDING, leave, on_raise};
use super::memory::{LoopBlock, Pace, State, value};
use super::observed::look_at_handles;
use super::ready::serve_handle;
use super::state::{check_loop, state_at, with, with_or_raise};
use super::upvalue;
use crate::lua::args::{bytes, test_userdata};
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::interrupt;
use crate::lua::nesting::deepen;
use crate::lua::stack::stack;
use crate::lua::version::{push_user_value, set_user_value};
use cogloop_io::Wait;
use mlua::ffi::{
    LUA_OK, LUA_TNIL, LUA_TSTRING, lua_State, lua_call, lua_insert, lua_pcall, lua_pushcclosure, lua_pushcfunction,
    lua_pushnil, lua_pushvalue, lua_settop, lua_setupvalue, lua_type, lua_upvalueindex,
};
use std::ffi::c_int;
use std::ptr::null_mut;

/// Runs the loop at 1 until the end that `pace` describes. If there is no `onerror`, raises the error of a callback.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's.
pub(crate) unsafe fn drive(lua: *mut lua_State, pace: Pace) {
    // SAFETY: the caller's promise; comments beside the lines show the stack. The loop stays on the stack, so its block
    // lives.
    unsafe {
        check_loop(lua, 1);
        deepen(lua);
        push_functions(lua);
        let state = check_loop(lua, 1);
        check_may_run(lua, state);
        (*state).begin_run(pace);
        let outer = interrupt::enter(&(*state).waker, lua);
        // `protected` does not raise, because it catches the errors of callbacks.
        let ended_well = interrupt::while_running(|| protected(lua));
        interrupt::leave(outer, ended_well);
        if let Some(state) = state_at(lua, 1).as_mut() {
            forget_called(lua, state);
            state.end_run();
        }
        if !ended_well {
            push_user_value(lua, 1, value::TRACEBACK); // stack: loop … err traceback
        }
        for n in [value::CURRENT, value::TRACEBACK] {
            lua_pushnil(lua);
            set_user_value(lua, 1, n);
        }
        if !ended_well {
            leave(lua);
        }
    }
}

/// Puts the message handler and the function for the protected call above the loop.
unsafe fn push_functions(lua: *mut lua_State) {
    // SAFETY: only called by `drive`, with the upvalues of the face's functions.
    unsafe {
        lua_settop(lua, 1);
        lua_pushvalue(lua, 1);
        lua_pushvalue(lua, lua_upvalueindex(upvalue::TIMER));
        lua_pushnil(lua);
        lua_pushcclosure(lua, on_raise, 3);
        for n in 1..=upvalue::COUNT {
            lua_pushvalue(lua, lua_upvalueindex(n));
        }
        lua_pushcclosure(lua, serve, upvalue::COUNT);
        stack!(lua: loop on_raise serve);
    }
}

/// Raises if the loop is running already, or if there was an interrupt.
unsafe fn check_may_run(lua: *mut lua_State, state: *mut State) {
    // SAFETY: only called by `drive`, with the state of the open loop.
    unsafe {
        if (*state).running {
            Text::<80>::new("this loop is running already: its callbacks cannot run it again").raise(lua);
        }
        if interrupt::pending() {
            // The error below reports the interrupt, so the interrupt is no longer pending. In a callback of an outer
            // loop it stays pending, because the outer loop has to return, too.
            if !interrupt::is_running() {
                interrupt::raised();
            }
            Text::<20>::new("interrupted!").raise(lua);
        }
    }
}

impl State {
    fn begin_run(&mut self, pace: Pace) {
        self.running = true;
        self.stopped = false;
        self.pace = pace;
        let host_max = self.events.limits().served_in_turn.get();
        match pace {
            Pace::Once(_) => self.cogloop.woken.begin_one_turn(host_max),
            _ => self.cogloop.woken.begin_turn(host_max),
        }
    }

    fn end_run(&mut self) {
        self.running = false;
        self.in_batch = false;
        self.write_left = None;
        self.cogloop.end_batch();
        self.end_traced_turn();
    }
}

/// Calls `serve` until it succeeds, or fails with an error that no `onerror` takes. Returns whether it has succeeded.
/// If not, the error is on top.
unsafe fn protected(lua: *mut lua_State) -> bool {
    // SAFETY: only called by `drive`; nothing here raises outside the protected calls.
    unsafe {
        loop {
            lua_settop(lua, 3);
            lua_pushvalue(lua, 3);
            lua_pushvalue(lua, 1);
            if lua_pcall(lua, 1, 0, 2) == LUA_OK {
                return true;
            }
            stack!(lua: loop on_raise serve err);
            let state = state_at(lua, 1);
            if state.is_null() {
                return false;
            }
            // On LuaJIT a protected call that fails restores the flag of `allow_yields` to its value before the call.
            (*state).cogloop.may_yield = false;
            // If memory runs out, Lua runs no message handler, so the trace does not have the error yet.
            if let Some(start_ns) = (*state).called_ns.take()
                && lua_type(lua, 4) == LUA_TSTRING
            {
                (*state).trace_error(start_ns, bytes(lua, 4));
            }
            push_user_value(lua, 1, value::CURRENT);
            stack!(lua: loop on_raise serve err what);
            if !std::mem::replace(&mut (*state).current, null_mut()).is_null() {
                ((*state).face.end_failed)(lua, 5);
            }
            push_user_value(lua, 1, value::ONERROR);
            stack!(lua: loop on_raise serve err what onerror);
            // An error of the loop itself does not go to `onerror`. Otherwise the loop would go on, and fail again for
            // ever.
            if lua_type(lua, 5) == LUA_TNIL || lua_type(lua, 6) == LUA_TNIL {
                lua_settop(lua, 4);
                return false;
            }
            lua_insert(lua, 4);
            stack!(lua: loop on_raise serve onerror err what);
            push_user_value(lua, 1, value::TRACEBACK);
            lua_insert(lua, 6);
            stack!(lua: loop on_raise serve onerror err traceback what);
            if lua_pcall(lua, 3, 0, 2) != LUA_OK {
                return false;
            }
            // `onerror` has taken the error.
            lua_settop(lua, 3);
            lua_pushnil(lua);
            lua_setupvalue(lua, 2, PENDING);
            if state_at(lua, 1).is_null() {
                return true;
            }
        }
    }
}

entry!(
    /// Serves turn after turn, in the protected call, with the loop at 1. The function has the same upvalues as the
    /// face's functions.
    fn serve(lua: *mut lua_State) -> c_int {
        // The loop stays at 1. The state is fetched again after each call that may run Lua code.
        let block = test_userdata(lua, 1, upvalue::LOOP).cast::<LoopBlock>();
        // A script can get this function only from the debug library, and may then call it with any value.
        if block.is_null() || (*block).state.is_null() {
            return 0;
        }
        let mut state = (*block).state;
        let mut in_batch = (*state).in_batch;
        loop {
            let mut found = in_batch && serve_batch(lua, block);
            if must_return((*block).state) {
                return 0;
            }
            lua_settop(lua, 1);
            if (*(*block).state).cogloop.woken.may_run() {
                ((*(*block).state).face.serve_woken)(lua);
                if must_return((*block).state) {
                    return 0;
                }
                lua_settop(lua, 1);
                found = true;
            }
            lua_pushnil(lua);
            set_user_value(lua, 1, value::CURRENT);
            if in_batch && !found {
                // A signal may have ended the wait. This call lets a debug hook run, such as that of lua's own Ctrl-C.
                lua_pushcfunction(lua, nothing);
                lua_call(lua, 0, 0);
            }
            if !look_at_handles(lua) {
                return 0;
            }
            state = (*block).state;
            if must_return(state) {
                return 0;
            }
            ((*state).face.before_idle)(lua);
            state = (*block).state;
            if must_return(state) {
                return 0;
            }
            if !take_turn(lua, state) {
                return 0;
            }
            in_batch = true;
            (*(*block).state).in_batch = true;
        }
    }
);

/// Takes a turn of the loop, which may wait. Returns false if the run ends instead of a turn, or if the kernel refused
/// to wait.
unsafe fn take_turn(lua: *mut lua_State, state: *mut State) -> bool {
    // SAFETY: only called by `serve`, with the loop at 1 and its state.
    unsafe {
        let is_idle = with_or_raise(lua, state, |state| {
            state.drop_unlinked();
            Ok(state.is_idle())
        });
        let Some(wait) = Pace::next(state, is_idle) else {
            if is_idle && matches!((*state).pace, Pace::Forever) {
                with_or_raise(lua, state, |state| state.events.note_idle().map_err(Text::new));
            }
            return false;
        };
        forget_called(lua, state);
        let mut refused = None;
        with_or_raise(lua, state, |state| {
            if let Err(failure) = state.turn(wait) {
                refused = Some(failure);
            }
            Ok(())
        });
        if let Some(failure) = refused {
            // If a replay has departed from its recording, the system has not failed. In this case the departure is
            // raised.
            with_or_raise(lua, state, |state| state.departure().map_or(Ok(()), Err));
            if !(*state).face.returns_refusals {
                failure.text.raise(lua);
            }
            (*state).cogloop.refused = Some(failure);
            return false;
        }
        (*state).begin_woken();
        true
    }
}

unsafe extern "C-unwind" fn nothing(_: *mut lua_State) -> c_int {
    0
}

/// Whether the loop was closed, stopped or interrupted.
///
/// # Safety
///
/// `state` is null or belongs to an open loop.
pub(crate) unsafe fn must_return(state: *mut State) -> bool {
    // SAFETY: null, or the state of an open loop.
    unsafe { state.as_ref() }.is_none_or(|state| state.stopped) || interrupt::pending()
}

/// Serves the rest of the last turn: timers, then handles. Returns whether it has served anything.
unsafe fn serve_batch(lua: *mut lua_State, block: *mut LoopBlock) -> bool {
    // SAFETY: only called by `serve`; each callback may close the loop, so the state is fetched again.
    unsafe {
        let mut found = false;
        if let Some(ready) = (*(*block).state).write_left.take() {
            serve_handle(lua, (*block).state, ready);
            found = true;
        }
        loop {
            // Due timers are served before each handle, not only before the first one. Apart from the host's limit, a
            // turn limits its timers only while there are handles. So if a callback has removed the last handle, the
            // turn goes on with its timers.
            if must_return((*block).state) {
                return found;
            }
            found |= ((*(*block).state).face.serve_timers)(lua);
            if must_return((*block).state) {
                return found;
            }
            let state = (*block).state;
            match with(state, |state| Ok(state.events.next_ready())) {
                Ok(Some(ready)) => serve_handle(lua, state, ready),
                Ok(None) => return found,
                Err(text) => text.raise(lua),
            }
            found = true;
        }
    }
}

impl Pace {
    /// Returns the kind of wait of the next turn; `None` ends the run. A loop with nothing left to do does not wait.
    /// Its unreferenced timers and handles are served as long as `pace` allows further turns.
    unsafe fn next(state: *mut State, is_idle: bool) -> Option<Wait> {
        // SAFETY: only called by `take_turn`, with the state of an open loop; nothing here runs Lua code.
        let state = unsafe { &mut *state };
        match state.pace {
            Self::Forever => match is_idle {
                true => None,
                false if state.cogloop.woken.is_empty() => Some(Wait::Block),
                false => Some(Wait::Poll),
            },
            Self::Once(wait) => {
                state.pace = Self::Enough;
                // `step` waits until something happens. If tasks have just run, something has happened already, so this
                // turn does not wait.
                Some(if is_idle || state.cogloop.woken.has_run() { Wait::Poll } else { wait })
            }
            Self::Enough => None,
            Self::Until { end_ns, is_looked_at } => {
                let clock = state.virtual_clock.as_ref()?;
                let now_ns = state.events.now_ns();
                let next_ns = state.events.next_deadline_ns().filter(|&deadline_ns| deadline_ns <= end_ns);
                let is_due = next_ns.is_some_and(|deadline_ns| deadline_ns <= now_ns);
                let is_due = is_due || !state.cogloop.woken.is_empty();
                let is_looked_at = is_looked_at && !state.cogloop.woken.has_run();
                // A ready descriptor is served once before time passes, so a descriptor that stays ready does not stop
                // the time.
                if is_due || !is_looked_at && state.events.descriptors() > 0 {
                    state.pace = Self::Until { end_ns, is_looked_at: !is_due };
                    return Some(Wait::Poll);
                }
                if now_ns >= end_ns {
                    return None;
                }
                clock.advance_ns(next_ns.unwrap_or(end_ns).saturating_sub(now_ns));
                state.pace = Self::Until { end_ns, is_looked_at: false };
                Some(Wait::Poll)
            }
        }
    }
}
