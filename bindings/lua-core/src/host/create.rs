//! Makes a loop from the options that a face, an interface for scripts, has read. Also closes a loop.

use super::face::Face;
#[cfg(feature = "luajit")]
use super::memory::Places;
use super::memory::{LoopBlock, State, value};
use super::recorded::{Wanted, take_recording};
use super::upvalue;
use crate::lua::args::test_userdata;
use crate::lua::entry::entry;
use crate::lua::errno::ErrorMessage;
use crate::lua::guard::{ErrorText, Text, guard};
use crate::lua::interrupt;
use crate::lua::version::{new_userdata, set_user_value};
use cogloop_io::memory::expect_bytes;
use cogloop_io::{ClockChoice, DEFAULT_RESOLUTION_NS, Error, EventLoop, Limits, Options, VirtualClock};
use mlua::ffi::{lua_State, lua_createtable, lua_pushnil, lua_pushvalue, lua_setmetatable, lua_upvalueindex};
use std::collections::TryReserveError;
use std::ffi::c_int;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

static DEFAULT_BACKEND: OnceLock<String> = OnceLock::new();
/// Whether every loop runs on virtual time.
static IS_VIRTUAL: AtomicBool = AtomicBool::new(false);
static LOOPS: AtomicU64 = AtomicU64::new(0);

/// Whether the program has made a loop.
pub fn has_made_a_loop() -> bool {
    LOOPS.load(Relaxed) > 0
}

/// Chooses the backend for every loop that does not choose its own. Later calls change nothing.
///
/// # Errors
///
/// The name is unknown; the message lists the known names.
pub fn set_default_backend(name: &str) -> Result<(), String> {
    if !cogloop_io::choose::names().any(|known| known == name) {
        let known: Vec<_> = cogloop_io::choose::names().collect();
        return Err(format!("unknown backend '{name}'; known here: {}", known.join(", ")));
    }
    DEFAULT_BACKEND.get_or_init(|| name.to_owned());
    Ok(())
}

/// Makes every later loop run on virtual time, even if the script chooses real time.
pub fn set_virtual() {
    IS_VIRTUAL.store(true, Relaxed);
}

/// Whether [`set_virtual`] was called.
#[must_use]
pub fn is_virtual() -> bool {
    IS_VIRTUAL.load(Relaxed)
}

/// The options of a script. `backend` is a copy of the name, because a finalizer may change the options table before
/// the loop is made.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) backend: Option<Text<80>>,
    pub(crate) is_virtual: bool,
    pub(crate) debug: bool,
    pub(crate) resolution_ns: u64,
    pub(crate) slack_ns: u64,
    pub(crate) limits: Limits,
    pub(crate) recording: Option<Wanted>,
}

impl Default for Choice {
    fn default() -> Self {
        let (resolution_ns, limits) = (DEFAULT_RESOLUTION_NS, Limits::default());
        Self { backend: None, is_virtual: false, debug: false, resolution_ns, slack_ns: 0, limits, recording: None }
    }
}

/// Pushes a loop that is still closed.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's. Room for three values.
pub(crate) unsafe fn push_loop(lua: *mut lua_State) -> *mut LoopBlock {
    // SAFETY: the caller's promise.
    unsafe {
        let block = new_userdata(lua, size_of::<LoopBlock>(), value::COUNT).cast::<LoopBlock>();
        block.write(LoopBlock {
            state: null_mut(),
            #[cfg(feature = "luajit")]
            places: Places::default(),
        });
        lua_pushvalue(lua, lua_upvalueindex(upvalue::LOOP));
        lua_setmetatable(lua, -2);
        for n in [value::TASKS, value::NODES] {
            lua_createtable(lua, 0, 0);
            set_user_value(lua, -2, n);
        }
        block
    }
}

/// An upper bound for the bytes of a state.
const FOR_A_STATE: usize = 64 << 10;

/// The reason why no loop was made, as a text that needs no memory.
pub(crate) fn in_words(error: &Error) -> ErrorText {
    match error {
        Error::Io { doing, source } => Text::new(format_args!("{doing}: {}", ErrorMessage(source))),
        Error::Recording { option, path, source } => {
            Text::new(format_args!("option '{option}': '{}': {}", path.display(), ErrorMessage(source)))
        }
        error => Text::new(error),
    }
}

/// Makes a loop's state.
///
/// # Errors
///
/// The system's error, or an option that cannot be fulfilled.
pub(crate) fn open(face: &'static Face, choice: Choice) -> Result<*mut State, Error> {
    // The error if there is no memory for the boxes and the names below.
    let refused = |refused: TryReserveError| Error::Io { doing: "making a loop", source: refused.into() };
    expect_bytes(FOR_A_STATE).map_err(refused)?;
    // The state's memory is allocated before the loop is made, because making the loop may take the rest of the memory.
    let room = Box::<State>::new_uninit();
    let debug = choice.debug || std::env::var_os("COGLOOP_DEBUG").is_some_and(|set| set == "1");
    let backend = choice.backend.map(|name| name.to_string()).or_else(|| DEFAULT_BACKEND.get().cloned());
    let virtual_clock = (choice.is_virtual || is_virtual()).then(VirtualClock::new);
    let clock = virtual_clock.clone().map_or(ClockChoice::Monotonic, ClockChoice::Virtual);
    let recording = choice.recording.map(|wanted| wanted.recording()).transpose()?.or_else(take_recording);
    // The timers of waiting coroutines are exempt from the limit of timers. So the event loop gets no such limit, and
    // `State::arm` checks the limit.
    let limits = Limits { timers: Limits::default().timers, ..choice.limits };
    let Choice { resolution_ns, slack_ns, .. } = choice;
    let events = EventLoop::new(&Options { backend, clock, resolution_ns, slack_ns, limits, recording })?;
    let mut state = State::new(face, events, LOOPS.fetch_add(1, Relaxed), virtual_clock, debug);
    state.begin_default_trace().map_err(|source| Error::Io { doing: "making the trace", source })?;
    let no_memory = |doing| Error::Io { doing, source: std::io::ErrorKind::OutOfMemory.into() };
    state.begin_default_profile().map_err(|_| no_memory("making the profile"))?;
    state.begin_default_report().map_err(|_| no_memory("making the statistics"))?;
    state.timers_max = Some(choice.limits.timers).filter(|&max| max < Limits::default().timers);
    state.begin_recording();
    Ok(Box::into_raw(Box::write(room, state)))
}

entry!(
    /// `__gc` and `__close`: frees everything. Afterwards each method except `close` raises an error, which says that
    /// the loop is closed.
    pub(crate) fn close(lua: *mut lua_State) -> c_int {
        // Code that holds the state's pointer fetches it again after Lua code has run. `drop` makes no Lua call.
        let block = test_userdata(lua, 1, upvalue::LOOP).cast::<LoopBlock>();
        if block.is_null() {
            return 0;
        }
        let state = std::mem::replace(&mut (*block).state, null_mut());
        if state.is_null() {
            return 0;
        }
        if (*state).running {
            interrupt::close(&(*state).waker);
        }
        let dropped = guard(|| {
            let mut state = Box::from_raw(state);
            state.end_default_trace();
            state.show_top(true);
            state.tell_stats();
            drop(state);
            Ok(())
        });
        for n in 1..=value::COUNT {
            lua_pushnil(lua);
            set_user_value(lua, 1, n);
        }
        if let Err(text) = dropped {
            Text::raise(text, lua);
        }
        0
    }
);
