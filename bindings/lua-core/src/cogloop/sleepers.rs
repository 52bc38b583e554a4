//! Finds the timers of coroutines that no longer sleep, and cancels them. So a coroutine that was closed does not keep
//! the loop going. A coroutine that parks with a time limit counts as one that sleeps.
//!
//! The loop is not notified when other code closes or resumes a coroutine. So before the loop decides whether anything
//! is left, it checks the last sleeper of a list. If that coroutine no longer sleeps, the loop removes it from the list
//! and checks the sleeper before it. Each sleeper is removed only once, so a check takes constant time on average.

use super::left::{Left, is_left};
use super::task::thread_of;
use crate::host::entries::{slot, unlink};
use crate::host::memory::{State, value};
use crate::host::state::state_at;
use crate::lua::version::push_user_value;
use cogloop_io::Key;
use mlua::ffi::{lua_State, lua_gettop, lua_rawgeti, lua_settop};
use std::collections::TryReserveError;

/// Makes room for one more sleeper. If the list is full, first removes the sleepers whose timer has ended. So the list
/// grows only with the number of coroutines that sleep at the same time.
pub(super) fn expect_sleeper(state: &mut State) -> Result<(), TryReserveError> {
    let (sleepers, events) = (&mut state.cogloop.sleepers, &state.events);
    if sleepers.len() == sleepers.capacity() {
        sleepers.retain(|&key| events.timer(key).is_some());
        if sleepers.len() >= sleepers.capacity() / 2 {
            sleepers.try_reserve(sleepers.len().max(16))?;
        }
    }
    Ok(())
}

/// Cancels the timers of coroutines that no longer sleep, until it finds a coroutine that sleeps. Called before the
/// loop asks whether anything is left.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open. Room for four values. Runs no Lua code.
pub(super) unsafe fn find_sleeping(lua: *mut lua_State) {
    // SAFETY: the caller's promise. Each pending timer has an entry in the table.
    unsafe {
        let state = state_at(lua, 1);
        while let Some(&key) = (*state).cogloop.sleepers.last() {
            if (*state).events.timer(key).is_some() {
                if sleeps(lua, key) {
                    break;
                }
                (*state).events.cancel_timer(key);
                unlink(lua, key);
            }
            (*state).cogloop.sleepers.pop();
        }
    }
}

/// Whether the coroutine of this timer still sleeps.
unsafe fn sleeps(lua: *mut lua_State, key: Key) -> bool {
    // SAFETY: only called by `find_sleeping`, with the key of a pending timer of a coroutine.
    unsafe {
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::TASKS);
        lua_rawgeti(lua, -1, slot(key.index())); // stack: … entries task
        let coroutine = thread_of(lua, top + 2);
        let sleeps = !coroutine.is_null() && is_left(coroutine, Left::Waiting);
        lua_settop(lua, top);
        sleeps
    }
}
