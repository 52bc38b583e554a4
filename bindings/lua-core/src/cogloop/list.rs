//! `timers`, `handles` and `dump`: the contents of a loop.

use super::claim::void_all_dead;
use super::loops::receiver;
use super::slice::append_tasks;
use super::task::push_name;
use super::ticket::{Payload, Ticket, push_ticket};
use super::upvalue;
use crate::host::entries::slot;
use crate::host::memory::{DIRECTIONS, HANDLE, Listed, NodeBlock, State, direction_value, value};
use crate::host::state::{check_loop, state_at, with_or_raise};
use crate::lua::args::push_ms;
use crate::lua::entry::entry;
use crate::lua::errno::NO_MEMORY;
use crate::lua::guard::{ErrorText, Text};
use crate::lua::stack::stack;
use crate::lua::version::{new_userdata, push_user_value};
use cogloop_io::Key;
use mlua::ffi::{
    LUA_TNIL, lua_State, lua_createtable, lua_gettop, lua_next, lua_pop, lua_pushboolean, lua_pushlstring, lua_pushnil,
    lua_pushstring, lua_pushvalue, lua_rawgeti, lua_rawseti, lua_setfield, lua_settop, lua_touserdata, lua_type,
    lua_upvalueindex,
};
use std::ffi::c_int;
use std::fmt::Write;

fn list(state: &mut State) -> Result<(), ErrorText> {
    state.drop_unlinked();
    let timers = state.events.timers();
    let mut queued = Vec::new();
    queued.try_reserve_exact(timers)?;
    let timers_queued = (0_u32..).zip(state.events.iter_queued_timers());
    queued.extend(timers_queued.map(|(nth, (key, rank, &value))| ((rank, nth), key, value)));
    // The timers are sorted by their rank in the engine, then by the order in which the engine lists them. No two are
    // equal in both, so an unstable sort keeps the order. An unstable sort allocates nothing.
    queued.sort_unstable_by_key(|timer| timer.0);
    let paused = state.events.iter_timers().filter(|timer| timer.1.is_none());
    #[cfg(feature = "luajit")]
    let paused = paused.filter(|timer| !state.steps.is_parked(timer.0));
    let paused = paused.map(|(key, _, &value)| Listed { is_paused: true, value, key });
    let queued = queued.into_iter().map(|(_, key, value)| Listed { is_paused: false, value, key });
    state.cogloop.listed.clear();
    state.cogloop.listed.try_reserve(timers)?;
    state.cogloop.listed.extend(queued.chain(paused));
    Ok(())
}

entry!(
    /// `loop:timers( )` → `{ { timer =, remaining =, f =, repeats =, paused =, name = }, … }` in the order in which
    /// they fire
    pub(super) fn timers(lua: *mut lua_State) -> c_int {
        // The list is copied entry by entry, because making a table may run a finalizer, and the finalizer may change
        // anything.
        let state = receiver(lua);
        void_all_dead(lua);
        with_or_raise(lua, state, list);
        lua_settop(lua, 1);
        push_user_value(lua, 1, value::TASKS);
        lua_createtable(lua, 0, 0);
        stack!(lua: loop entries list);
        let (mut position, mut count) = (0, 0);
        while let Some(timer) = state_at(lua, 1).as_ref().and_then(|state| state.cogloop.listed.get(position).copied())
        {
            position += 1;
            lua_settop(lua, 3);
            lua_rawgeti(lua, 2, slot(timer.key.index()));
            stack!(lua: loop entries list entry);
            lua_createtable(lua, 0, 6);
            let state = state_at(lua, 1);
            let Some(left_ns) = state.as_ref().and_then(|state| state.events.remaining_ns(timer.key)) else { continue };
            let payload = Payload(timer.value);
            push_ms(lua, left_ns);
            lua_setfield(lua, 5, c"remaining".as_ptr());
            let ticket = Ticket { key: timer.key.to_bits(), owner: (*state).id };
            push_ticket(lua, ticket, lua_upvalueindex(upvalue::TIMER));
            lua_setfield(lua, 5, c"timer".as_ptr());
            for (name, is) in [(c"repeats", payload.repeats()), (c"paused", timer.is_paused)] {
                lua_pushboolean(lua, c_int::from(is));
                lua_setfield(lua, 5, name.as_ptr());
            }
            // The callback `f` of a task's timer is the task itself.
            match payload.packed_args().filter(|_| !payload.is_wait()) {
                Some(_) => drop(lua_rawgeti(lua, 4, 1)),
                None if payload.is_of_watcher() => push_waiting(lua, 4, timer.key),
                None => lua_pushvalue(lua, 4),
            }
            if payload.is_wait() && !lua_touserdata(lua, 6).is_null() {
                push_name(lua, 6);
                lua_setfield(lua, 5, c"name".as_ptr());
            }
            lua_setfield(lua, 5, c"f".as_ptr());
            count += 1;
            lua_rawseti(lua, 3, count);
        }
        lua_settop(lua, 3);
        1
    }
);

/// Pushes the task whose wait this timer limits. The task waits for the handle of the watcher at `index`.
unsafe fn push_waiting(lua: *mut lua_State, index: c_int, key: Key) {
    // SAFETY: only called by `timers`, with the entry of such a timer at `index`.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        let limits = DIRECTIONS.into_iter().zip((*node).timeouts);
        match limits.into_iter().find(|&(_, limit)| limit == key.to_bits()) {
            Some((direction, _)) => push_user_value(lua, index, direction_value(direction)),
            None => lua_pushnil(lua),
        }
    }
}

entry!(
    /// `loop:handles( )` → `{ { handle =, direction =, watcher = }, … }` in the order of their descriptors
    pub(super) fn handles(lua: *mut lua_State) -> c_int {
        // Iterating over NODES allocates nothing. The loop below looks each watcher up again, because the watcher may
        // have been removed meanwhile.
        let state = receiver(lua);
        lua_settop(lua, 1);
        void_all_dead(lua);
        push_user_value(lua, 1, value::NODES);
        with_or_raise(lua, state, State::expect_nodes);
        lua_pushnil(lua);
        while lua_next(lua, 2) != 0 {
            let node = lua_touserdata(lua, -1).cast::<NodeBlock>();
            // A closed handle stays in the table until the next turn.
            if (*node).interest.bits() != 0 {
                (*state).order.push(((*node).number as u64, 0, 0));
            }
            lua_pop(lua, 1);
        }
        (*state).order.sort_unstable();
        lua_createtable(lua, 0, 0);
        stack!(lua: loop nodes list);
        let (mut position, mut count) = (0, 0);
        while let Some((number, _)) = state_at(lua, 1).as_ref().and_then(|state| state.sorted_at(position)) {
            position += 1;
            lua_settop(lua, 3);
            lua_createtable(lua, 0, 3);
            stack!(lua: loop nodes list item);
            lua_rawgeti(lua, 2, number.cast_signed());
            stack!(lua: loop nodes list item node);
            if lua_type(lua, 5) == LUA_TNIL {
                continue;
            }
            let node = lua_touserdata(lua, 5).cast::<NodeBlock>();
            let name = [c"", c"r", c"w", c"rw"][usize::from((*node).interest.bits())];
            lua_pushstring(lua, name.as_ptr());
            lua_setfield(lua, 4, c"direction".as_ptr());
            push_user_value(lua, lua_gettop(lua), HANDLE);
            lua_setfield(lua, 4, c"handle".as_ptr());
            lua_setfield(lua, 4, c"watcher".as_ptr());
            count += 1;
            lua_rawseti(lua, 3, count);
        }
        lua_settop(lua, 3);
        1
    }
);

entry!(
    /// `loop:dump( )` → text: the backend, the descriptors, the wheel, the tasks
    pub(super) fn dump(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        push_written(lua, state, write_dump);
        append_tasks(lua);
        1
    }
);

/// Pushes the text that `write` writes into the state. `write` returns the length.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's, with the loop at 1. Room for three
/// values.
pub(super) unsafe fn push_written(
    lua: *mut lua_State,
    state: *mut State,
    write: fn(&mut State) -> Result<usize, ErrorText>,
) {
    // SAFETY: the caller's promise. Making a block or a string may run a finalizer. The finalizer may change or close
    // the loop, or write a text, too. So the text is first copied from the state into a userdata, up to the size of the
    // userdata.
    unsafe {
        let room = with_or_raise(lua, state, write);
        let block = new_userdata(lua, room, 0).cast::<u8>();
        let state = check_loop(lua, 1);
        let length = with_or_raise(lua, state, |state| {
            let length = write(state)?.min(room);
            std::ptr::copy_nonoverlapping(state.cogloop.text.as_ptr(), block, length);
            Ok(length)
        });
        lua_pushlstring(lua, block.cast(), length);
    }
}

/// Writes the text into the state. Returns its length.
fn write_dump(state: &mut State) -> Result<usize, ErrorText> {
    state.cogloop.text.clear();
    write!(Growing(&mut state.cogloop.text), "{}", state.events.dump()).map_err(|_| Text::new(NO_MEMORY))?;
    Ok(state.cogloop.text.len())
}

/// A text that reserves memory before it grows.
pub(super) struct Growing<'a>(pub(super) &'a mut String);

impl Write for Growing<'_> {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        self.0.try_reserve(more.len()).map_err(|_| std::fmt::Error)?;
        self.0.push_str(more);
        Ok(())
    }
}
