//! Ctrl-C, in three steps: running loops return in order; then, or when none runs, the script gets an error
//! ("interrupted!", as in the `lua` program); and should the script be deaf to that, the program ends.

use cogloop_lua_core::interrupt;
use mlua::ffi::{
    LUA_MASKCALL, LUA_MASKCOUNT, LUA_MASKLINE, LUA_MASKRET, lua_Debug, lua_State, lua_sethook, luaL_error,
};
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::SeqCst};

/// The exit status after Ctrl-C: 128 and the signal's number.
pub(crate) const STATUS: u8 = 130;

static LUA: AtomicPtr<lua_State> = AtomicPtr::new(null_mut());
static ASKED: AtomicBool = AtomicBool::new(false);

/// Takes over SIGINT for as long as `lua` lives; [`forget`] before closing it.
///
/// # Errors
///
/// What the kernel says.
pub(crate) fn install(lua: *mut lua_State) -> io::Result<()> {
    LUA.store(lua, SeqCst);
    interrupt::install()?;
    // SAFETY: `on_signal` is async-signal-safe: atomics, a write to an eventfd, lua_sethook (made for this: it only stores)
    // and _exit.
    unsafe { signal_hook::low_level::register(libc::SIGINT, on_signal) }?;
    Ok(())
}

/// The Lua state is about to go.
pub(crate) fn forget() {
    LUA.store(null_mut(), SeqCst);
}

fn on_signal() {
    let (before, loop_is_running) = interrupt::raise();
    if before == 0 && loop_is_running {
        return;
    }
    let lua = LUA.load(SeqCst);
    if lua.is_null() || ASKED.swap(true, SeqCst) {
        signal_hook::low_level::exit(STATUS.into());
    }
    // SAFETY: the state lives until `forget`; the hook's fields are made to be set from a signal handler.
    unsafe { lua_sethook(lua, Some(raise), LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1) };
}

unsafe extern "C-unwind" fn raise(lua: *mut lua_State, _: *mut lua_Debug) {
    // SAFETY: called by Lua, as a hook, which may raise.
    unsafe {
        lua_sethook(lua, None, 0, 0);
        ASKED.store(false, SeqCst);
        interrupt::raised();
        luaL_error(lua, c"interrupted!".as_ptr());
    }
}
