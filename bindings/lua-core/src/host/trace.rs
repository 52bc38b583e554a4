//! The events that a loop writes into its trace: its turns, and callbacks that fail. `meter` writes the other
//! callbacks, because it measures their times.

use super::memory::State;
use super::report::tell;
use super::state::state_at;
use crate::lua::args::bytes;
use crate::lua::guard::Text;
use cogloop_io::trace::{DEFAULT_LIMIT, Detail, Kind, Name, Trace};
use mlua::ffi::{LUA_TSTRING, lua_State, lua_type};
use std::ffi::{OsString, c_int};
use std::io;
use std::path::{Path, PathBuf};
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

    /// Ends the trace, if there is one, and begins another.
    ///
    /// # Errors
    ///
    /// The system's error, if it refuses the new file. The old trace has ended even then.
    pub(crate) fn begin_trace(&mut self, file: &Path, limit: u64) -> io::Result<()> {
        // An error of the old trace is lost; call `end_trace` first to get it.
        let _ = self.end_trace();
        let name = Text::<80>::new(format_args!("loop {} on {}", self.id, self.events.backend().name));
        let trace = Trace::create(file, limit, self.id, &String::from_utf8_lossy(name.as_bytes()))?;
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

    /// Called when a turn has waited for events. The turn began with that wait, at `start_ns`; the previous turn ended
    /// there.
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

    /// Called when a run of the loop is over. The end of the run is the end of its last turn.
    pub(crate) fn end_traced_turn(&mut self) {
        self.ended_ns = None;
        if let Some(trace) = &mut self.trace {
            trace.end_turn(self.events.now_ns());
        }
    }
}

/// Writes that a callback has raised the error at `index`. The callback began at `start_ns`. Neither raises nor
/// allocates in Lua.
///
/// # Safety
///
/// An open loop is at 1.
#[cold]
pub(crate) unsafe fn failed(lua: *mut lua_State, index: c_int, start_ns: u64) {
    // SAFETY: the caller's promise; the string is on the stack.
    unsafe {
        let state = state_at(lua, 1);
        let end_ns = (*state).events.now_ns();
        let Some(trace) = &mut (*state).trace else { return };
        let message = if lua_type(lua, index) == LUA_TSTRING { bytes(lua, index) } else { b"an error" };
        trace.span(Kind::Error, Name(message, None), start_ns, end_ns, Detail::None);
    }
}
