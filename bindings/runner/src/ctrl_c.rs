//! Ctrl-C. A running loop returns after the current callback. A callback that takes too long gets an error
//! ("interrupted!", as in the `lua` program). A script that runs no loop gets the same error, and so does a script that
//! runs another loop after the one that returned.
//!
//! If Ctrl-C comes again before that error, the error is raised at the next instruction of Lua. If Ctrl-C comes once more
//! before that instruction, for example because a function in C runs, the program ends.
//!
//! A script may catch the error each time. So the third Ctrl-C within a second ends the program, too.

use crate::sys;
use cogloop_lua_core::interrupt::{self, Found};
use mlua::ffi::{
    LUA_MASKCALL, LUA_MASKCOUNT, LUA_MASKLINE, LUA_MASKRET, lua_Debug, lua_State, lua_sethook, luaL_error,
};
use std::ffi::c_int;
use std::io;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::SeqCst};
use std::time::Instant;

/// The exit status after Ctrl-C: 128 and the signal's number.
pub(crate) const STATUS: u8 = 130;

/// The number of Lua instructions that a callback may still run after Ctrl-C. They take a tenth of a second or less.
const PATIENCE: c_int = 10_000_000;

static LUA: AtomicPtr<lua_State> = AtomicPtr::new(null_mut());
static ASKED: AtomicBool = AtomicBool::new(false);

/// The last Ctrl-C and the one before, in milliseconds after `START`, plus 1; 0 if there was none.
static PRESSED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
/// When Ctrl-C was installed.
static START: OnceLock<Instant> = OnceLock::new();
/// The third Ctrl-C within this time ends the program.
const AT_ONCE_MS: u64 = 1000;

/// Handles Ctrl-C for this Lua state. Call [`forget`] before closing the state.
///
/// # Errors
///
/// The system's error.
pub(crate) fn install(lua: *mut lua_State) -> io::Result<()> {
    LUA.store(lua, SeqCst);
    START.get_or_init(Instant::now);
    interrupt::install()?;
    // SAFETY: `on_signal` is async-signal-safe. It uses atomics, the monotonic clock, the functions that wake a loop or
    // a sleep, `lua_sethook`, and a function that ends the process. `lua_sethook` may be called in a signal handler,
    // because it only stores values.
    unsafe { sys::on_ctrl_c(on_signal) }
}

/// Call this before the Lua state is closed.
pub(crate) fn forget() {
    LUA.store(null_mut(), SeqCst);
}

/// Clears earlier interrupts. The prompt calls this after it has reported them, or when the interrupted code has ended.
///
/// # Safety
///
/// `lua` is the state for which Ctrl-C was installed.
#[cfg(unix)]
pub(crate) unsafe fn settle(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe { lua_sethook(lua, None, 0, 0) };
    ASKED.store(false, SeqCst);
    PRESSED.iter().for_each(|press| press.store(0, SeqCst));
    interrupt::raised();
}

/// Records a Ctrl-C. Returns whether it is the third within [`AT_ONCE_MS`].
fn is_third_at_once() -> bool {
    let now_ms = START.get().map_or(0, |start| start.elapsed().as_millis() as u64) + 1;
    let [last, before] = &PRESSED;
    let first_ms = before.swap(last.swap(now_ms, SeqCst), SeqCst);
    first_ms > 0 && now_ms.saturating_sub(first_ms) < AT_ONCE_MS
}

fn on_signal() {
    if is_third_at_once() {
        sys::end_by_ctrl_c(STATUS.into());
    }
    let (is_first, found) = interrupt::raise();
    let lua = match found {
        Found::Waiting if is_first => return,
        // SAFETY: the coroutine is running callbacks, so it is alive; the hook's fields may be set from a signal
        // handler.
        Found::Calling(lua) if is_first => unsafe {
            lua_sethook(lua, Some(lose_patience), LUA_MASKCOUNT, PATIENCE);
            return;
        },
        Found::Calling(lua) => lua,
        Found::Waiting | Found::Idle => LUA.load(SeqCst),
    };
    if lua.is_null() || ASKED.swap(true, SeqCst) {
        sys::exit(STATUS.into());
    }
    // SAFETY: a state that runs callbacks is alive, and the script's state is alive until `forget`. The hook's fields
    // may be set from a signal handler.
    unsafe { lua_sethook(lua, Some(raise), LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1) };
}

unsafe extern "C-unwind" fn raise(lua: *mut lua_State, _: *mut lua_Debug) {
    // SAFETY: called by Lua, as a hook, which may raise.
    unsafe {
        lua_sethook(lua, None, 0, 0);
        ASKED.store(false, SeqCst);
        // A loop may have raised the error in the script meanwhile.
        if interrupt::pending() {
            interrupt::reported();
            luaL_error(lua, c"interrupted!".as_ptr());
        }
    }
}

/// Called [`PATIENCE`] instructions after Ctrl-C. If a loop still runs, its callback takes too long and gets the error.
/// If no loop runs any more, the callback has returned in time, and the hook raises nothing.
unsafe extern "C-unwind" fn lose_patience(lua: *mut lua_State, frame: *mut lua_Debug) {
    // SAFETY: called by Lua, as a hook, which may raise.
    unsafe {
        if interrupt::any_runs() {
            raise(lua, frame);
        }
        lua_sethook(lua, None, 0, 0);
    }
}
