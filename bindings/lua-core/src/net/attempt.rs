//! System calls, and the values that a Lua function returns when the system refuses one.

use crate::lua::errno::Reason;
use crate::lua::guard::{Text, guard};
use crate::lua::interrupt;
use crate::sys::errno;
use mlua::ffi::{lua_State, lua_pushboolean, lua_pushinteger, lua_pushnil};
use std::ffi::c_int;
use std::fmt::Write;
use std::io;

/// The default maximum of `recv` in bytes. No UDP datagram is longer.
pub(super) const RECEIVED: usize = 65_536;

/// The messages of `send` and `recv` if the system refuses.
pub(super) const REFUSED_SEND: &str = "Can't send message";
pub(super) const REFUSED_RECV: &str = "Can't receive message";

/// Like [`repeat`], but a panic of `work` becomes a Lua error.
///
/// # Safety
///
/// [The rule for Lua calls](crate); `work` makes no Lua call. Raises only if `work` panics.
pub(super) unsafe fn attempt<R: Copy>(lua: *mut lua_State, work: impl FnMut() -> io::Result<R>) -> Result<R, c_int> {
    match guard(|| Ok(repeat(work))) {
        Ok(result) => result,
        // SAFETY: the caller's promise.
        Err(bug) => unsafe { bug.raise(lua) },
    }
}

/// Makes system calls, and repeats them if a signal interrupts them. Does not repeat them while an
/// [interrupt](crate::lua::interrupt) is pending.
///
/// # Errors
///
/// The number of the system's error.
pub(super) fn repeat<R>(mut work: impl FnMut() -> io::Result<R>) -> Result<R, c_int> {
    loop {
        match work() {
            Ok(result) => return Ok(result),
            Err(error) if error.kind() == io::ErrorKind::Interrupted && !interrupt::pending() => {}
            Err(error) => return Err(errno::number(&error).unwrap_or(errno::EINVAL)),
        }
    }
}

/// The first result of a function that failed, before the message.
#[derive(Clone, Copy)]
pub(super) enum Failed {
    Nil,
    False,
}

/// Pushes the values that a function returns after an error of the system: nil or false, "`what` (reason)", the error's
/// number.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for three values.
pub(super) unsafe fn push_failure(lua: *mut lua_State, first: Failed, what: Text<200>, errno: c_int) -> c_int {
    // SAFETY: the caller's promise; the text is plain bytes.
    unsafe {
        match first {
            Failed::Nil => lua_pushnil(lua),
            Failed::False => lua_pushboolean(lua, 0),
        }
        reason(what, errno).push(lua);
        lua_pushinteger(lua, errno.into());
    }
    3
}

pub(super) fn reason(what: Text<200>, errno: c_int) -> Text<400> {
    let mut text = Text::new("");
    // The text is appended as bytes, because the name of a Unix socket need not be UTF-8.
    text.extend(what.as_bytes());
    let _ = write!(text, " ({})", Reason(errno));
    text
}
