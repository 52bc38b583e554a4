//! Tasks by name, for those who look into a loop: `stats`, `slow`, `dump`.
//!
//! A *slice* is what a task runs from one wait to the next.

use super::left::{Left, is_left};
use super::task::{Phase, push_name, status_of, task_at, thread_of};
use crate::host::memory::value;
use crate::host::state::state_at;
use crate::lua::args::push_ms;
use crate::lua::guard::{CHUNK, Text};
use crate::lua::version::push_user_value;
use mlua::ffi::{
    LUA_TNIL, LUA_TSTRING, lua_Debug, lua_State, lua_call, lua_concat, lua_createtable, lua_getinfo, lua_getstack,
    lua_gettop, lua_pushfstring, lua_pushinteger, lua_pushstring, lua_pushvalue, lua_rawget, lua_rawgeti, lua_rawset,
    lua_settop, lua_tointeger, lua_tostring, lua_type,
};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

/// So many tasks are listed one by one.
const LISTED_MAX: u32 = 100;

/// Notes how long a slice of the task at `index` took, and calls the hook of `slow` if that was too long.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, open or closed, and the task at `index`. Lua code may run. Nothing above the task is
/// needed any more.
#[cold]
pub(super) unsafe fn note_slice(lua: *mut lua_State, index: c_int, start_ns: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        let state = state_at(lua, 1);
        if state.is_null() {
            return;
        }
        let took_ns = (*state).events.now_ns().saturating_sub(start_ns);
        if let Some(meter) = &mut (*state).cogloop.meter {
            meter.task.saturating_record(took_ns);
        }
        if took_ns < (*state).cogloop.slow_ns {
            return;
        }
        lua_settop(lua, index);
        push_user_value(lua, 1, value::SLOW);
        push_place(lua, index);
        push_ms(lua, took_ns); // stack: … task hook where ms
        lua_call(lua, 2, 0);
    }
}

/// Pushes `task 'name', source:line`: the name if it has one, and where it waits now if it does.
unsafe fn push_place(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called by `note_slice`, with the task at `index`.
    unsafe {
        push_name(lua, index);
        let name = lua_gettop(lua);
        match lua_type(lua, name) == LUA_TSTRING {
            true => lua_pushfstring(lua, c"task '%s'".as_ptr(), lua_tostring(lua, name)),
            false => lua_pushstring(lua, c"task".as_ptr()),
        };
        let coroutine = thread_of(lua, index);
        if !coroutine.is_null()
            && is_left(coroutine, Left::Waiting)
            && let Some(place) = line_of(coroutine)
        {
            lua_pushstring(lua, c", ".as_ptr());
            place.push(lua);
            lua_concat(lua, 3);
        }
        mlua::ffi::lua_remove(lua, name);
    }
}

/// Where a coroutine that waits was left by the script: the innermost function that is written in Lua, and not of ours.
unsafe fn line_of(coroutine: *mut lua_State) -> Option<Text<200>> {
    // SAFETY: only called by `push_place`. What is filled in is plain data, or text that Lua keeps.
    unsafe {
        for level in 0..8 {
            let mut memory = MaybeUninit::<lua_Debug>::zeroed();
            if lua_getstack(coroutine, level, memory.as_mut_ptr()) == 0 {
                return None;
            }
            lua_getinfo(coroutine, c"Sl".as_ptr(), memory.as_mut_ptr());
            let info = memory.assume_init_ref();
            if info.currentline > 0 && CStr::from_ptr(info.source) != CHUNK {
                let source = CStr::from_ptr(info.short_src.as_ptr());
                return Some(Text::new(format_args!("{}:{}", source.to_bytes().escape_ascii(), info.currentline)));
            }
        }
        None
    }
}

/// Pushes how many tasks there are of each name: `{ [name] = count }`. Those without a name are not in it.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1. Room for eight values.
pub(super) unsafe fn push_counts_by_name(lua: *mut lua_State) {
    // SAFETY: the caller's promise. Making a string may run a finalizer, which may change anything: each task is looked up
    // by its place again.
    unsafe {
        lua_createtable(lua, 0, 0);
        push_user_value(lua, 1, value::ALIVE);
        let alive = lua_gettop(lua); // stack: … counts alive
        let mut place = 0;
        loop {
            let state = state_at(lua, 1);
            if state.is_null() || place >= (*state).cogloop.alive {
                break;
            }
            place += 1;
            lua_rawgeti(lua, alive, place.into());
            push_name(lua, alive + 1);
            if lua_type(lua, alive + 2) == LUA_TSTRING {
                lua_pushvalue(lua, alive + 2);
                lua_rawget(lua, alive - 1);
                let count = if lua_type(lua, -1) == LUA_TNIL { 0 } else { lua_tointeger(lua, -1) };
                lua_pushvalue(lua, alive + 2);
                lua_pushinteger(lua, count + 1);
                lua_rawset(lua, alive - 1);
            }
            lua_settop(lua, alive);
        }
        lua_settop(lua, alive - 1);
    }
}

/// Appends to the text on top how many tasks there are, and a line for each of the first hundred: its name, and what it
/// does.
///
/// # Safety
///
/// As for [`push_counts_by_name`].
pub(super) unsafe fn append_tasks(lua: *mut lua_State) {
    // SAFETY: the caller's promise, and as there.
    unsafe {
        let text = lua_gettop(lua);
        push_user_value(lua, 1, value::ALIVE);
        let alive = lua_gettop(lua); // stack: … text alive
        let mut place = 0;
        loop {
            let state = state_at(lua, 1);
            if state.is_null() || place >= (*state).cogloop.alive {
                break;
            }
            lua_pushvalue(lua, text);
            if place == 0 || place == LISTED_MAX {
                let (count, format) = match place {
                    0 => ((*state).cogloop.alive, c"\ntasks: %d"),
                    _ => ((*state).cogloop.alive - place, c"\n  and %d more"),
                };
                lua_pushfstring(lua, format.as_ptr(), count as c_int);
                lua_concat(lua, 2);
                mlua::ffi::lua_replace(lua, text);
                if place == LISTED_MAX {
                    break;
                }
                lua_pushvalue(lua, text);
            }
            place += 1;
            lua_rawgeti(lua, alive, place.into());
            push_line(lua, alive + 2); // stack: … text alive text task line
            mlua::ffi::lua_remove(lua, alive + 2);
            lua_concat(lua, 2);
            mlua::ffi::lua_replace(lua, text);
            lua_settop(lua, alive);
        }
        lua_settop(lua, text);
    }
}

/// Pushes the line of the task at `index`.
unsafe fn push_line(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called by `append_tasks`. The task may have ended meanwhile, or be nil.
    unsafe {
        if lua_type(lua, index) == LUA_TNIL {
            lua_pushstring(lua, c"".as_ptr());
            return;
        }
        push_name(lua, index);
        let name = lua_gettop(lua);
        let state = state_at(lua, 1);
        let does = match ((*task_at(lua, index)).phase, status_of(lua, index, state)) {
            (Phase::Sleeping, status) if status == c"waiting" => c"sleeps",
            (Phase::Parked, status) if status == c"waiting" => c"parks",
            (Phase::Watching(_), status) if status == c"waiting" => c"waits for a handle",
            (Phase::Paused, status) if status == c"waiting" => c"waits for a task",
            (_, status) => status,
        };
        match lua_type(lua, name) == LUA_TSTRING {
            true => lua_pushfstring(lua, c"\n  '%s' %s".as_ptr(), lua_tostring(lua, name), does.as_ptr()),
            false => lua_pushfstring(lua, c"\n  (no name) %s".as_ptr(), does.as_ptr()),
        };
        mlua::ffi::lua_remove(lua, name);
    }
}
