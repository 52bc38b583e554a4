//! The reports of `stats`, `slow` and `dump` about tasks and their names.
//!
//! A *slice* is the part of a task's run from one wait to the next; the last slice ends with the task. The place of a
//! slice is the line where the slice begins: the task's function, or the wait that has returned.

use super::left::Left;
use super::task::{Phase, push_name, status_of, task_at, thread_of};
use crate::host::memory::{State, value};
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
    lua_rawgeti, lua_rawset, lua_replace, lua_settop, lua_status, lua_tointeger, lua_tostring, lua_type, lua_xmove,
};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

/// The greatest number of tasks that are listed one by one.
const LISTED_MAX: u32 = 100;

/// The search for the line of a coroutine stops after this number of functions.
const LEVELS_MAX: c_int = 8;

/// A slice that is timed.
#[derive(Clone, Copy)]
pub(super) struct Slice {
    start_ns: u64,
    /// The place where the slice begins, and its lateness if a timer wakes the task. The trace and `top` use both,
    /// `slow` only the place.
    begun: Option<(Place, Detail)>,
}

/// Begins a slice of the task at `index`. Looks up the slice's place only if something needs it.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open, the task at `index`, and its coroutine is in the state
/// `left`. Room for ten values.
#[cold]
pub(super) unsafe fn begin_slice(lua: *mut lua_State, index: c_int, left: Left, start_ns: u64) -> Slice {
    // SAFETY: the caller's promise.
    unsafe {
        let state = state_at(lua, 1);
        let late = (*state).cogloop.firing.map_or(Detail::None, |fired| Detail::Late(fired.late_ns));
        let begun = (*state).names_slices().then(|| (place_of(lua, index, left), late));
        Slice { start_ns, begun }
    }
}

impl State {
    /// Whether the trace, `top` or `slow` needs the places of slices.
    fn names_slices(&self) -> bool {
        self.trace.is_some() || self.profile.is_some() || self.cogloop.slow_ns != u64::MAX
    }
}

/// Ends a slice of the task at `index`, and adds it to the trace and to `top`. If it was too long, calls the hook of
/// `slow`, or reports it if there is no hook.
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
        let took_ns = end_ns - slice.start_ns;
        if let Some((place, detail)) = slice.begun
            && ((*state).trace.is_some() || (*state).profile.is_some())
        {
            lua_settop(lua, index);
            let named = name_of(lua, index, place);
            let name = named.as_ref().map_or_else(|| place.name(), |text| Name(text.as_bytes(), None));
            // Making the name may have run a finalizer.
            let Some(state) = state_at(lua, 1).as_mut() else { return };
            if let Some(trace) = &mut state.trace {
                trace.span(Kind::Task, name, slice.start_ns, end_ns, detail);
            }
            if let Some(profile) = &mut state.profile {
                let text = named.unwrap_or_else(|| Text::of_raw(place.text().as_bytes()));
                profile.add(text.as_bytes(), took_ns, detail);
            }
        }
        let Some(state) = state_at(lua, 1).as_mut() else { return };
        let Some(took_ns) = state.too_long(took_ns, |meter| &mut meter.task) else { return };
        lua_settop(lua, index);
        push_user_value(lua, 1, value::SLOW);
        push_where(lua, index, slice.begun); // stack: … task hook where
        if lua_type(lua, index + 1) == LUA_TNIL {
            tell_slow(bytes(lua, index + 2), took_ns);
            lua_settop(lua, index);
            return;
        }
        push_ms(lua, took_ns); // stack: … task hook where ms
        lua_call(lua, 2, 0);
    }
}

/// The name of the task at `index`, and the place where its slice began; `None` if the task has no name.
unsafe fn name_of(lua: *mut lua_State, index: c_int, place: Place) -> Option<Text<120>> {
    // SAFETY: only called by `end_slice`.
    let mut text = unsafe { quoted_name(lua, index)? };
    text.extend(place.text().as_bytes());
    Some(text)
}

/// The name of the task at `index` as the beginning of a text: `'name' `. `None` if the task has no name.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the task is at `index`. Room for three values.
pub(super) unsafe fn quoted_name(lua: *mut lua_State, index: c_int) -> Option<Text<120>> {
    // SAFETY: the caller's promise. The name's string stays on the stack while it is copied.
    unsafe {
        push_name(lua, index);
        let name = (lua_type(lua, -1) == LUA_TSTRING).then(|| {
            let name = bytes(lua, -1);
            let mut text = Text::of_raw(b"'");
            text.extend(&name[..name.len().min(30)]);
            text.extend(b"' ");
            text
        });
        lua_pop(lua, 1);
        name
    }
}

/// The place where the task at `index` goes on: its function, or its wait.
unsafe fn place_of(lua: *mut lua_State, index: c_int, left: Left) -> Place {
    // SAFETY: only called by `begin_slice`, for a coroutine that has not ended.
    unsafe {
        let coroutine = thread_of(lua, index);
        match left {
            _ if coroutine.is_null() => Place::in_c(),
            Left::Fresh(args) if lua_status(coroutine) == LUA_OK => {
                push_begun(coroutine, args);
                lua_xmove(coroutine, lua, 1);
                let place = Place::of(lua, lua_gettop(lua));
                lua_pop(lua, 1);
                place
            }
            _ => line_of(coroutine),
        }
    }
}

/// Pushes `task 'name', source:line`: the task's name if it has one, and the place where the slice began if that is
/// known.
unsafe fn push_where(lua: *mut lua_State, index: c_int, begun: Option<(Place, Detail)>) {
    // SAFETY: only called by `end_slice`, with the task at `index`.
    unsafe {
        push_name(lua, index);
        let name = lua_gettop(lua);
        match lua_type(lua, name) == LUA_TSTRING {
            true => lua_pushfstring(lua, c"task '%s'".as_ptr(), lua_tostring(lua, name)),
            false => lua_pushstring(lua, c"task".as_ptr()),
        };
        if let Some((place, _)) = begun {
            lua_pushstring(lua, c", ".as_ptr());
            place.escaped().push(lua);
            lua_concat(lua, 3);
        }
        mlua::ffi::lua_remove(lua, name);
    }
}

/// The place in the script where a coroutine waits: the line of the innermost Lua function that is not one of ours.
/// If there is none, the place stands for our functions, or for functions in C. Neither raises nor allocates.
///
/// # Safety
///
/// A coroutine that waits, or has yielded.
pub(super) unsafe fn line_of(coroutine: *mut lua_State) -> Place {
    // SAFETY: the caller's promise. Lua fills in plain data, or text that Lua keeps.
    unsafe {
        let (mut is_ours, mut is_outer_ours) = (false, false);
        for level in 0..LEVELS_MAX {
            let mut memory = MaybeUninit::<lua_Debug>::uninit();
            let info = memory.as_mut_ptr();
            if lua_getstack(coroutine, level, info) == 0 {
                break;
            }
            // The source takes longer to find than the line, so it is read only for a function that has a line. A
            // function in C, such as a function that waits, has no line.
            lua_getinfo(coroutine, c"l".as_ptr(), info);
            let line = (*info).currentline;
            let is_here = line > 0 && {
                lua_getinfo(coroutine, c"S".as_ptr(), info);
                CStr::from_ptr((*info).source) == CHUNK
            };
            if line > 0 && !is_here {
                return Place::written(&(*info).short_src, line);
            }
            is_ours |= is_outer_ours;
            is_outer_ours = is_here;
        }
        // On 5.1, a coroutine whose function is in C begins with a Lua function of ours.
        if is_ours || is_outer_ours && cfg!(not(feature = "lua51")) { Place::ours() } else { Place::in_c() }
    }
}

/// Pushes the number of tasks of each name: `{ [name] = count }`. Tasks without a name do not count.
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

/// Increments `place`, and pushes the task at that place of the list at `alive`; nil if the task has ended meanwhile.
/// Returns false after the last task, or if the loop was closed.
unsafe fn push_next(lua: *mut lua_State, alive: c_int, place: &mut u32) -> bool {
    // SAFETY: only called with the loop at 1 and ALIVE at `alive`. The number of tasks is read each time, because the
    // caller's work on a task may run a finalizer.
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

/// Appends the number of tasks to the text on top, and a line for each of the first hundred tasks. The line has the
/// task's name and its state.
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

/// Pushes the line of text about the task at `index`.
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
            // The task waits for another task or a group, or in a channel, a semaphore or an event.
            (Phase::Paused, status) if status == c"waiting" => c"waits",
            (_, status) => status,
        };
        match lua_type(lua, name) == LUA_TSTRING {
            true => lua_pushfstring(lua, c"\n  '%s' %s".as_ptr(), lua_tostring(lua, name), does.as_ptr()),
            false => lua_pushfstring(lua, c"\n  (no name) %s".as_ptr(), does.as_ptr()),
        };
        mlua::ffi::lua_remove(lua, name);
    }
}
