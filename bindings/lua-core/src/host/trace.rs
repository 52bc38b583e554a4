//! The events that a loop writes into its trace: its turns, and callbacks that fail. `meter` writes the other
//! callbacks, because it measures their times.

use super::memory::State;
use super::report::tell;
use super::state::state_at;
use crate::lua::args::bytes;
use crate::lua::entry::entry;
use crate::lua::guard::{Text, push_text};
use cogloop_io::trace::{DEFAULT_LIMIT, Detail, Kind, Name, Trace};
use mlua::ffi::{
    LUA_OK, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, lua_State, lua_concat, lua_pcall, lua_pop, lua_pushcfunction,
    lua_pushlstring, lua_pushvalue, lua_type, luaL_getmetafield, luaL_tolstring,
};
use std::ffi::{OsString, c_int};
use std::io;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::OnceLock;

static DEFAULT_TRACE: OnceLock<PathBuf> = OnceLock::new();

/// Makes every loop of the program write a trace. The first loop, number 0, writes into `file`. Every other loop writes
/// into `FILE.N`, where N is its number. Later calls change nothing.
pub fn set_default_trace(file: OsString) {
    DEFAULT_TRACE.get_or_init(|| file.into());
}

impl State {
    /// Begins the loop's trace if [`set_default_trace`] was called.
    ///
    /// # Errors
    ///
    /// The system's error, if it refuses the file.
    pub(crate) fn begin_default_trace(&mut self) -> io::Result<()> {
        let Some(file) = DEFAULT_TRACE.get() else { return Ok(()) };
        let mut file = file.clone();
        if self.id > 0 {
            file.as_mut_os_string().push(format!(".{}", self.id));
        }
        self.begin_trace(&file, DEFAULT_LIMIT)
    }

    /// Begins a trace, and ends the old one, if there is one.
    ///
    /// # Errors
    ///
    /// The system's error, if it refuses the new file. The old trace goes on then.
    pub(crate) fn begin_trace(&mut self, file: &Path, limit: u64) -> io::Result<()> {
        let name = Text::<80>::new(format_args!("loop {} on {}", self.id, self.events.backend().name));
        let name = String::from_utf8_lossy(name.as_bytes());
        let trace = Trace::create_after(file, limit, self.id, &name, || {
            // An error of the old trace is lost; call `end_trace` first to get it.
            let _ = self.end_trace();
        })?;
        self.trace = Some(Box::new(trace));
        self.settle_measuring();
        Ok(())
    }

    /// Ends the trace, if there is one.
    ///
    /// # Errors
    ///
    /// The first error that occurred while the trace was written.
    pub(crate) fn end_trace(&mut self) -> io::Result<()> {
        self.end_traced_turn();
        let ended = self.trace.take().map_or(Ok(()), |trace| trace.finish());
        self.settle_measuring();
        ended
    }

    /// Ends the trace of a loop that is being closed. Prints the trace's error if [`set_default_trace`] was called.
    pub(crate) fn end_default_trace(&mut self) {
        if let (Err(error), Some(file)) = (self.end_trace(), DEFAULT_TRACE.get()) {
            tell(&format!("cogloop: --trace {}: {error}\n", file.display()));
        }
    }

    /// Called when a turn has waited for events. The turn began with that wait, at `start_ns`. The previous turn ended
    /// at that time, too.
    #[cold]
    pub(crate) fn trace_turn(&mut self, start_ns: u64) {
        self.ended_ns = None;
        self.show_top(false);
        let Some(trace) = &mut self.trace else { return };
        trace.begin_turn(start_ns, self.events.turn_ns());
        if !trace.is_open() {
            self.settle_measuring();
        }
    }

    /// Writes that the callback that began at `start_ns` has just failed.
    pub(super) fn trace_error(&mut self, start_ns: u64, message: &[u8]) {
        let end_ns = self.events.now_ns();
        if let Some(trace) = &mut self.trace {
            trace.span(Kind::Error, Name(message, None), start_ns, end_ns, Detail::None);
        }
    }

    /// Called when a run of the loop is over. The end of the run is the end of its last turn.
    pub(crate) fn end_traced_turn(&mut self) {
        self.ended_ns = None;
        if let Some(trace) = &mut self.trace {
            trace.end_turn(self.events.now_ns());
        }
    }
}

/// Writes that the timed callback has raised the error at `index`. The event's name is `before` and then the text of
/// the error.
///
/// # Safety
///
/// [The rule for Lua calls](crate); a loop is at `owner`, open or closed. Room for six values. An error object's
/// `__tostring` may run.
pub(crate) unsafe fn failed(lua: *mut lua_State, owner: c_int, index: c_int, before: &[u8]) {
    // SAFETY: the caller's promise. The function gets the state again after Lua code has run.
    unsafe {
        let Some(state) = state_at(lua, owner).as_mut() else { return };
        let Some(start_ns) = state.called_ns.take() else { return };
        if state.trace.is_none() {
            return;
        }
        lua_pushlstring(lua, before.as_ptr().cast(), before.len());
        push_error_text(lua, index);
        lua_concat(lua, 2);
        if let Some(state) = state_at(lua, owner).as_mut() {
            state.trace_error(start_ns, bytes(lua, -1));
        }
        lua_pop(lua, 1);
    }
}

/// Pushes the text of the error at the absolute index `index`. For an object with a `__tostring` it is the result of
/// `__tostring`.
unsafe fn push_error_text(lua: *mut lua_State, index: c_int) {
    // SAFETY: only called by `failed`.
    unsafe {
        if matches!(lua_type(lua, index), LUA_TSTRING | LUA_TNUMBER) {
            return push_text(lua, index);
        }
        lua_pushcfunction(lua, text_of_object);
        lua_pushvalue(lua, index);
        if lua_pcall(lua, 1, 1, 0) != LUA_OK || lua_type(lua, -1) != LUA_TSTRING {
            lua_pop(lua, 1);
            push_text(lua, index);
        }
    }
}

entry!(
    /// `( object )` → the text that the object's `__tostring` returns. Without a `__tostring` it is nil, because an
    /// address would differ from run to run.
    fn text_of_object(lua: *mut lua_State) -> c_int {
        if luaL_getmetafield(lua, 1, c"__tostring".as_ptr()) == LUA_TNIL {
            return 0;
        }
        luaL_tolstring(lua, 1, null_mut());
        1
    }
);
