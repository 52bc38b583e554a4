//! The methods of a timer. Each method needs only the ticket, that is, the contents of the timer's userdata. A ticket
//! has the loop's number and the timer's key. If the loop or the timer is gone, `remaining` returns nil, and `ref` and
//! `unref` do nothing. The other methods return false.

use super::loops::push_owner;
use super::ticket::Ticket;
use super::upvalue;
use crate::host::entries::slot;
use crate::host::memory::{State, value};
use crate::host::state::with_or_raise;
use crate::lua::args::{check_ms, push_ms, test_userdata, wrong};
use crate::lua::entry::entry;
use crate::lua::guard::{ErrorText, Text};
use crate::lua::version::push_user_value;
use cogloop_io::Key;
use mlua::ffi::{lua_State, lua_pushboolean, lua_pushnil, lua_rawseti, lua_settop};
use std::ffi::c_int;

/// The ticket at 1. Raises for anything else.
unsafe fn check_ticket(lua: *mut lua_State) -> Ticket {
    // SAFETY: only called by functions of the module; a userdata with the timer's metatable holds a ticket.
    unsafe {
        let ticket = test_userdata(lua, 1, upvalue::TIMER).cast::<Ticket>();
        if ticket.is_null() {
            wrong(lua, 1, c"timer", c"cogloop.timer");
        }
        *ticket
    }
}

/// Calls `work` with the timer of the ticket at 1. Pushes the answer of `work`, or `false` if the timer is gone.
/// Stack: ticket … → ticket loop answer
unsafe fn answer(lua: *mut lua_State, work: impl FnOnce(&mut State, Key) -> Result<bool, ErrorText> + Copy) {
    // SAFETY: only called by functions of the module; `work` makes no Lua call.
    unsafe {
        let ticket = check_ticket(lua);
        lua_settop(lua, 1);
        let state = push_owner(lua, ticket.owner);
        let done = match Key::from_bits(ticket.key) {
            Some(key) if !state.is_null() => with_or_raise(lua, state, |state| work(state, key)),
            _ => false,
        };
        lua_pushboolean(lua, c_int::from(done));
    }
}

entry!(
    /// `timer:cancel( )` → whether it was pending
    pub(super) fn cancel(lua: *mut lua_State) -> c_int {
        // A pending timer has an entry in the table, so emptying that entry needs no memory.
        let ticket = check_ticket(lua);
        let state = push_owner(lua, ticket.owner); // stack: ticket … loop
        let mut was_pending = false;
        if let Some(key) = Key::from_bits(ticket.key).filter(|_| !state.is_null()) {
            was_pending = with_or_raise(lua, state, |state| Ok(state.events.cancel_timer(key).is_some()));
            if was_pending {
                push_user_value(lua, -1, value::TASKS);
                lua_pushnil(lua);
                lua_rawseti(lua, -2, slot(key.index()));
            }
        }
        lua_pushboolean(lua, c_int::from(was_pending));
        1
    }
);

entry!(
    /// `timer:reschedule( ms )` → whether it was pending
    pub(super) fn reschedule(lua: *mut lua_State) -> c_int {
        check_ticket(lua);
        let delay_ns = check_ms(lua, 2);
        answer(lua, |state, key| {
            let deadline_ns = state.events.now_ns().saturating_add(delay_ns);
            Ok(state.events.reschedule_timer_at(key, deadline_ns))
        });
        1
    }
);

entry!(
    /// `timer:pause( )` → whether its time was running
    pub(super) fn pause(lua: *mut lua_State) -> c_int {
        answer(lua, |state, key| Ok(state.events.try_pause_timer(key)?));
        1
    }
);

entry!(
    /// `timer:resume( )` → whether it was paused
    pub(super) fn resume(lua: *mut lua_State) -> c_int {
        answer(lua, |state, key| Ok(state.events.resume_timer(key)));
        1
    }
);

entry!(
    /// `timer:active( )` → whether its time is running
    pub(super) fn active(lua: *mut lua_State) -> c_int {
        answer(lua, |state, key| Ok(state.events.deadline_ns(key).is_some()));
        1
    }
);

entry!(
    /// `timer:ref( )` → timer. The timer keeps the loop running again, like a new timer.
    pub(super) fn reference(lua: *mut lua_State) -> c_int {
        answer(lua, |state, key| Ok(state.events.ref_timer(key)));
        lua_settop(lua, 1);
        1
    }
);

entry!(
    /// `timer:unref( )` → timer. `run` may return while the timer is pending.
    pub(super) fn unreference(lua: *mut lua_State) -> c_int {
        answer(lua, |state, key| Ok(state.events.try_unref_timer(key)?));
        lua_settop(lua, 1);
        1
    }
);

entry!(
    /// `timer:remaining( )` → milliseconds; nil if the timer is done
    pub(super) fn remaining(lua: *mut lua_State) -> c_int {
        match remaining_ns(lua) {
            Some(ns) => push_ms(lua, ns),
            None => lua_pushnil(lua),
        }
        1
    }
);

unsafe fn remaining_ns(lua: *mut lua_State) -> Option<u64> {
    // SAFETY: only called by functions of the module.
    unsafe {
        let ticket = check_ticket(lua);
        lua_settop(lua, 1);
        let state = push_owner(lua, ticket.owner);
        let key = Key::from_bits(ticket.key).filter(|_| !state.is_null())?;
        with_or_raise(lua, state, |state| Ok(state.events.remaining_ns(key)))
    }
}

entry!(
    /// Several userdata may name one timer, because `firing`, `timers` and `onerror` make new ones.
    pub(super) fn equal(lua: *mut lua_State) -> c_int {
        // One of the two values is a timer, the other may be anything.
        let [a, b] = [1, 2].map(|index| test_userdata(lua, index, upvalue::TIMER).cast::<Ticket>());
        lua_pushboolean(lua, c_int::from(!a.is_null() && !b.is_null() && *a == *b));
        1
    }
);

entry!(
    pub(super) fn to_string(lua: *mut lua_State) -> c_int {
        let left = remaining_ns(lua);
        let text: Text<64> = match left {
            Some(ns) => Text::new(format_args!("cogloop.timer: {} ms left", ns as f64 / 1e6)),
            None => Text::new("cogloop.timer: done"),
        };
        text.push(lua);
        1
    }
);
