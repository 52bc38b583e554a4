//! Tasks by name: what `stats`, `slow` and `dump` report of them.
//!
//! A *slice* is what a task runs from one wait to the next.

use super::left::{Left, is_left};
use super::task::{Phase, push_name, status_of, task_at, thread_of};
use crate::host::memory::value;
use crate::host::meter::ended;
use crate::host::place::Place;
use crate::host::report::tell_slow;
use crate::host::state::state_at;
use crate::lua::args::{bytes, push_ms};
use crate::lua::guard::{CHUNK, Text};
use crate::lua::version::{push_begun, push_user_value};
use cogloop_io::trace::{Detail, Kind, Name};
use mlua::ffi::{
    LUA_OK, LUA_TNIL, LUA_TSTRING, lua_Debug, lua_State, lua_call, lua_concat, lua_createtable, lua_getinfo,
    lua_getstack, lua_gettop, lua_pop, lua_pushfstring, lua_pushinteger, lua_pushstring, lua_pushvalue, lua_rawget,
    lua_rawgeti, lua_rawset, lua_replace, lua_settop, lua_status, lua_tointeger, lua_tostring, lua_type,
};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

/// How many tasks are listed one by one.
const LISTED_MAX: u32 = 100;

/// A slice that is timed.
#[derive(Clone, Copy)]
pub(super) struct Slice {
    start_ns: u64,
    /// For the trace: what begins, and its lateness if a timer wakes it.
    begun: Option<(Text<120>, Detail)>,
}

/// Begins a slice of the task at `index`, if slices are timed.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open, the task at `index`, and its coroutine as it was left.
/// Room for four values.
#[cold]
pub(super) unsafe fn begin_slice(lua: *mut lua_State, index: c_int, left: Left, start_ns: u64) -> Slice {
    // SAFETY: the caller's promise.
    unsafe {
        let state = state_at(lua, 1);
        let late = (*state).cogloop.firing.map_or(Detail::None, |fired| Detail::Late(fired.late_ns));
        let begun =
            ((*state).trace.is_some() || (*state).profile.is_some()).then(|| (place_of(lua, index, left), late));
        Slice { start_ns, begun }
    }
}

/// Ends a slice of the task at `index`, and calls the hook of `slow` if it was too long.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, open or closed, and the task at `index`. Lua code may run.
/// Nothing above the task is needed any more.
#[cold]
pub(super) unsafe fn end_slice(lua: *mut lua_State, index: c_int, slice: Slice) {
    // SAFETY: the caller's promise.
    unsafe {
        let state = state_at(lua, 1);
        let Some(end_ns) = ended(state) else { return };
        if let (Some(trace), Some((name, detail))) = (&mut (*state).trace, slice.begun) {
            trace.span(Kind::Task, Name(name.as_bytes(), None), slice.start_ns, end_ns, detail);
        }
        if let (Some(profile), Some((name, detail))) = (&mut (*state).profile, slice.begun) {
            profile.add(name.as_bytes(), end_ns - slice.start_ns, detail);
        }
        let Some(took_ns) = (*state).too_long(end_ns - slice.start_ns, |meter| &mut meter.task) else { return };
        lua_settop(lua, index);
        push_user_value(lua, 1, value::SLOW);
        push_place(lua, index); // stack: … task hook where
        if lua_type(lua, index + 1) == LUA_TNIL {
            tell_slow(bytes(lua, index + 2), took_ns);
            lua_settop(lua, index);
            return;
        }
        push_ms(lua, took_ns); // stack: … task hook where ms
        lua_call(lua, 2, 0);
    }
}

/// The name of the task at `index` if it has one, and where it goes on: its function, or where it waits.
unsafe fn place_of(lua: *mut lua_State, index: c_int, left: Left) -> Text<120> {
    // SAFETY: only called by `begin_slice`. The name's string stays on the stack meanwhile.
    unsafe {
        let top = lua_gettop(lua);
        let mut text = Text::new("");
        push_name(lua, index);
        if lua_type(lua, -1) == LUA_TSTRING {
            text.extend(b"'");
            let name = bytes(lua, top + 1);
            text.extend(&name[..name.len().min(30)]);
            text.extend(b"' ");
        }
        lua_settop(lua, top);
        let coroutine = thread_of(lua, index);
        let place = match left {
            _ if coroutine.is_null() => None,
            Left::Fresh(args) if lua_status(coroutine) == LUA_OK => {
                push_begun(coroutine, args);
                let place = Place::of(coroutine, lua_gettop(coroutine));
                lua_pop(coroutine, 1);
                Some(place)
            }
            _ => line_of(coroutine),
        };
        if let Some(place) = place {
            text.extend(place.text().as_bytes());
        }
        text
    }
}

/// Pushes `task 'name', source:line`: the task's name if it has one, and the line where it waits, if it waits.
unsafe fn push_place(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called by `end_slice`, with the task at `index`.
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
            place.escaped().push(lua);
            lua_concat(lua, 3);
        }
        mlua::ffi::lua_remove(lua, name);
    }
}

/// The place in the script where a coroutine waits: the innermost Lua function that is not one of ours.
unsafe fn line_of(coroutine: *mut lua_State) -> Option<Place> {
    // SAFETY: only called with a coroutine that waits. Lua fills in plain data, or text that Lua keeps.
    unsafe {
        for level in 0..8 {
            let mut memory = MaybeUninit::<lua_Debug>::zeroed();
            if lua_getstack(coroutine, level, memory.as_mut_ptr()) == 0 {
                return None;
            }
            lua_getinfo(coroutine, c"Sl".as_ptr(), memory.as_mut_ptr());
            let info = memory.assume_init_ref();
            if info.currentline > 0 && CStr::from_ptr(info.source) != CHUNK {
                return Some(Place::written(&info.short_src, info.currentline));
            }
        }
        None
    }
}

/// Pushes the number of tasks of each name: `{ [name] = count }`. Tasks without a name are not in it.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1. Room for eight values.
pub(super) unsafe fn push_counts_by_name(lua: *mut lua_State) {
    // SAFETY: the caller's promise. Making a string may run a finalizer, and the finalizer may change anything. So each
    // task is looked up again by its place.
    unsafe {
        lua_createtable(lua, 0, 0);
        push_user_value(lua, 1, value::ALIVE);
        let alive = lua_gettop(lua);
        let mut place = 0;
        while push_next(lua, alive, &mut place) {
            push_name(lua, alive + 1); // stack: … counts alive task name
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

/// Pushes the task after this `place` of the list at `alive`, and sets `place` to its own. Returns false after the last
/// one, or when the loop was closed. The task is nil if it has ended meanwhile.
unsafe fn push_next(lua: *mut lua_State, alive: c_int, place: &mut u32) -> bool {
    // SAFETY: only called with the loop at 1 and ALIVE at `alive`. The number of tasks is read each time: the caller's
    // work on a task may run a finalizer.
    unsafe {
        let state = state_at(lua, 1);
        if state.is_null() || *place >= (*state).cogloop.alive {
            return false;
        }
        *place += 1;
        lua_rawgeti(lua, alive, (*place).into());
        true
    }
}

/// Appends to the text on top how many tasks there are, and a line for each of the first hundred: its name, and what it
/// does.
///
/// # Safety
///
/// As for [`push_counts_by_name`].
pub(super) unsafe fn append_tasks(lua: *mut lua_State) {
    // SAFETY: the caller's promise; finalizers as in `push_counts_by_name`.
    unsafe {
        let text = lua_gettop(lua);
        push_user_value(lua, 1, value::ALIVE);
        let alive = lua_gettop(lua);
        let mut place = 0;
        while place <= LISTED_MAX && push_next(lua, alive, &mut place) {
            let count = (*state_at(lua, 1)).cogloop.alive as c_int;
            lua_pushvalue(lua, text); // stack: … text alive task text
            if place == 1 {
                lua_pushfstring(lua, c"\ntasks: %d".as_ptr(), count);
            }
            if place > LISTED_MAX {
                lua_pushfstring(lua, c"\n  and %d more".as_ptr(), count - LISTED_MAX as c_int);
            } else {
                push_line(lua, alive + 1);
            }
            lua_concat(lua, lua_gettop(lua) - alive - 1);
            lua_replace(lua, text);
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
