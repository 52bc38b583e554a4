//! What differs between the Lua versions, in one place. Lua 5.4 and 5.5 so far.
//!
//! The rest of the crate speaks of *user values* 1 … n of a userdata and of a Lua file's C stream, and does not know how
//! a version keeps them.

use libc::FILE;
use mlua::ffi::{lua_CFunction, lua_State, lua_getiuservalue, lua_newuserdatauv, lua_setiuservalue, luaL_getmetatable};
use std::ffi::{c_int, c_void};

/// Pushes a new userdata of `size` bytes with `user_values` user values, all nil.
///
/// # Safety
///
/// Lua's stack has room for one value. May raise.
pub(crate) unsafe fn new_userdata(lua: *mut lua_State, size: usize, user_values: c_int) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { lua_newuserdatauv(lua, size, user_values) }
}

/// Pushes user value `n` of the userdata at `index`. Neither raises nor allocates.
///
/// # Safety
///
/// There is a userdata at `index`, and room for one value.
#[inline]
pub(crate) unsafe fn push_user_value(lua: *mut lua_State, index: c_int, n: c_int) {
    // SAFETY: the caller's promise.
    unsafe { lua_getiuservalue(lua, index, n) };
}

/// Pops a value and makes it user value `n` of the userdata at `index`. Neither raises nor allocates.
///
/// # Safety
///
/// There is a userdata at `index`, which was made with `n` user values or more, and a value on top.
#[inline]
pub(crate) unsafe fn set_user_value(lua: *mut lua_State, index: c_int, n: c_int) {
    // SAFETY: the caller's promise.
    unsafe { lua_setiuservalue(lua, index, n) };
}

/// A Lua file's userdata (`luaL_Stream` of lauxlib.h since 5.2).
#[repr(C)]
pub(crate) struct LuaFile {
    stream: *mut FILE,
    close: Option<lua_CFunction>,
}

impl LuaFile {
    /// The C stream, or `None` when the file is closed.
    ///
    /// # Safety
    ///
    /// `file` points to the userdata of a Lua file that is alive.
    #[inline]
    pub(crate) unsafe fn stream(file: *const Self) -> Option<*mut FILE> {
        // SAFETY: the caller's promise. `close` is looked at first: a closed file's stream pointer means nothing.
        unsafe { (*file).close.is_some().then(|| (*file).stream) }
    }
}

/// Pushes the metatable of Lua files, by which they are known.
///
/// # Safety
///
/// Lua's stack has room for one value.
pub(crate) unsafe fn push_file_metatable(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe { luaL_getmetatable(lua, c"FILE*".as_ptr()) };
}
