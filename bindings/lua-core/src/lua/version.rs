//! The differences between the versions of Lua.
//!
//! ```text
//!              user values of a userdata          a Lua file's userdata
//!   5.4, 5.5   several, Lua's own      (many)     FILE*, close function
//!   5.2, 5.3   one, which is a table   (one)      FILE*, close function
//!   5.1, JIT   the environment table   (one)      FILE*, null when closed
//! ```
//!
//! The rest of the crate uses *user values* 1 … n of a userdata, and a Lua file's C stream. It does not depend on how a
//! version stores them. The crate's feature chooses the version. Differences that mlua's `ffi` hides are not here.

#[cfg(any(feature = "lua54", feature = "lua55"))]
mod many;
#[cfg(any(feature = "lua54", feature = "lua55"))]
pub(crate) use many::{clear_user_values, new_userdata, push_user_value, set_user_value, set_user_value_to};

#[cfg(not(any(feature = "lua54", feature = "lua55")))]
mod one;
#[cfg(not(any(feature = "lua54", feature = "lua55")))]
pub(crate) use one::{clear_user_values, new_userdata, push_user_value, set_user_value, set_user_value_to};

mod begin;
#[cfg(not(any(feature = "lua51", feature = "luajit")))]
mod closure;

#[cfg(any(feature = "lua54", feature = "lua55"))]
mod body;

mod suspend;
pub(crate) use suspend::{CAN_RAISE, suspend};

use super::entry::entry;
use libc::FILE;
use mlua::ffi::{lua_State, luaL_getmetatable};
use std::ffi::c_int;

/// The version of Lua for which this library is built, in the form of `_VERSION`.
pub const NAME: &str = if cfg!(feature = "luajit") {
    "LuaJIT"
} else if cfg!(feature = "lua51") {
    "Lua 5.1"
} else if cfg!(feature = "lua52") {
    "Lua 5.2"
} else if cfg!(feature = "lua53") {
    "Lua 5.3"
} else if cfg!(feature = "lua55") {
    "Lua 5.5"
} else {
    "Lua 5.4"
};

/// A Lua file's userdata (`luaL_Stream` of lauxlib.h since 5.2).
#[repr(C)]
pub(crate) struct LuaFile {
    stream: *mut FILE,
    #[cfg(not(any(feature = "lua51", feature = "luajit")))]
    close: Option<mlua::ffi::lua_CFunction>,
}

impl LuaFile {
    /// The C stream; `None` if the file is closed.
    ///
    /// # Safety
    ///
    /// `file` points to the userdata of a Lua file that is alive.
    #[inline]
    pub(crate) unsafe fn stream(file: *const Self) -> Option<*mut FILE> {
        // SAFETY: the caller's promise. Since 5.2 a closed file's stream pointer means nothing.
        unsafe {
            #[cfg(any(feature = "lua51", feature = "luajit"))]
            let is_open = !(*file).stream.is_null();
            #[cfg(not(any(feature = "lua51", feature = "luajit")))]
            let is_open = (*file).close.is_some();
            is_open.then(|| (*file).stream)
        }
    }
}

/// Pushes the metatable of Lua files.
///
/// # Safety
///
/// Lua's stack has room for one value.
pub(crate) unsafe fn push_file_metatable(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe { luaL_getmetatable(lua, c"FILE*".as_ptr()) };
}

/// Whether the coroutine can yield here. Versions that cannot tell return true; Lua then raises at the attempt. On
/// LuaJIT a coroutine must not yield from C if a debug hook or a finalizer of another coroutine has resumed it,
/// although this function then returns true; see [`allow_yields`].
///
/// # Safety
///
/// `lua` is a live state.
pub(crate) unsafe fn can_yield(lua: *mut lua_State) -> bool {
    #[cfg(any(feature = "lua53", feature = "lua54", feature = "lua55"))]
    use mlua::ffi::lua_isyieldable;
    #[cfg(feature = "luajit")]
    unsafe extern "C-unwind" {
        fn lua_isyieldable(lua: *mut lua_State) -> c_int;
    }
    #[cfg(not(any(feature = "lua51", feature = "lua52")))]
    // SAFETY: the caller's promise; lua.h of LuaJIT 2.1 declares this function so.
    return unsafe { lua_isyieldable(lua) } != 0;
    #[cfg(any(feature = "lua51", feature = "lua52"))]
    {
        let _ = lua;
        true
    }
}

/// LuaJIT: makes it possible to yield from C when a finalizer or a debug hook has called us. LuaJIT sets a flag while a
/// finalizer or a hook runs. `lua_yield` then treats the yield as the yield of a hook, and leaves on the coroutine a
/// frame that cannot be resumed. Such a yield also clears the flag, so this function lets a scratch coroutine yield
/// first. LuaJIT sets the flag again for the next hook or finalizer. A second flag prevents LuaJIT from tracing or
/// re-entering a finalizer.
///
/// # Safety
///
/// Room for one value. May raise if memory runs out.
pub(crate) unsafe fn allow_yields(lua: *mut lua_State) {
    #[cfg(feature = "luajit")]
    // SAFETY: the caller's promise. The new coroutine has room for the function, and is dropped after its yield.
    unsafe {
        use mlua::ffi::{lua_newthread, lua_pop, lua_pushcfunction, lua_resume};
        let scratch = lua_newthread(lua);
        lua_pushcfunction(scratch, yield_nothing);
        let mut results = 0;
        lua_resume(scratch, lua, 0, &raw mut results);
        lua_pop(lua, 1);
    }
    #[cfg(not(feature = "luajit"))]
    let _ = lua;
}

entry!(
    #[cfg(feature = "luajit")]
    fn yield_nothing(lua: *mut lua_State) -> c_int {
        // Called by `lua_resume`.
        mlua::ffi::lua_yield(lua, 0)
    }
);

/// Gives a new coroutine its function and its arguments, the values from `index` to `top`, as one value on its stack.
/// So the coroutine begins in the same way, whether a script or the loop resumes it first. Returns the number that
/// [`begin()`] needs.
///
/// On 5.1 that value is always a Lua function. If a coroutine begins with a C function that yields, 5.1 resumes that
/// function as if it were Lua code.
///
/// # Safety
///
/// [The rule for Lua calls](crate); `index` is absolute, and `coroutine` is new. Both have room for all values and six
/// more.
pub(crate) unsafe fn begin_with(lua: *mut lua_State, coroutine: *mut lua_State, index: c_int, top: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(not(any(feature = "lua51", feature = "luajit")))]
        let args = if (1..=closure::ARGS_MAX).contains(&(top - index)) { top - index } else { 0 };
        #[cfg(any(feature = "lua51", feature = "luajit"))]
        let args = 0;
        match args {
            0 => begin::push(lua, index, top),
            #[cfg(not(any(feature = "lua51", feature = "luajit")))]
            _ => closure::push(lua, index, top),
            #[cfg(any(feature = "lua51", feature = "luajit"))]
            _ => {}
        }
        mlua::ffi::lua_xmove(lua, coroutine, 1);
        args
    }
}

/// Pushes the function with which a coroutine will begin: the script's function, or a function of ours that calls it.
/// The coroutine has not begun yet. `args` is the result of [`begin_with`]. Neither raises nor allocates.
///
/// # Safety
///
/// [`begin_with`] has given the coroutine its function.
pub(crate) unsafe fn push_begun(coroutine: *mut lua_State, args: c_int) {
    // SAFETY: the caller's promise; a new coroutine has room for a value.
    unsafe {
        #[cfg(not(any(feature = "lua51", feature = "luajit")))]
        if args > 0 {
            mlua::ffi::lua_getupvalue(coroutine, 1, closure::FUNCTION);
            return;
        }
        let _ = args;
        mlua::ffi::lua_pushvalue(coroutine, 1);
    }
}

/// Makes a coroutine that has not begun ready for `lua_resume`. `args` is the result of [`begin_with`]. Returns the
/// number of arguments on the coroutine's stack. Since 5.4 the function runs in a protected call with this message
/// handler. Neither raises nor allocates.
///
/// # Safety
///
/// [`begin_with`] filled the coroutine, and it has not begun. It has room for `args` and four more values.
pub(crate) unsafe fn begin(coroutine: *mut lua_State, args: c_int, handler: mlua::ffi::lua_CFunction) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(not(any(feature = "lua51", feature = "luajit")))]
        if args > 0 {
            closure::take_apart(coroutine, args);
        }
        #[cfg(any(feature = "lua54", feature = "lua55"))]
        body::put_below(coroutine, handler);
        let _ = (args, handler);
        mlua::ffi::lua_gettop(coroutine) - 1
    }
}

/// Closes the to-be-closed variables of a coroutine that has failed or waits. Returns whether an error is then on top
/// of the coroutine's stack: its own error, or the error of a `__close`. Versions without such variables do nothing and
/// return false.
///
/// # Safety
///
/// The coroutine has failed, with its error on top of its stack, or it waits.
pub(crate) unsafe fn close_thread(coroutine: *mut lua_State) -> bool {
    // SAFETY: the caller's promise.
    #[cfg(feature = "lua54")]
    return unsafe { mlua::ffi::lua_resetthread(coroutine) } != mlua::ffi::LUA_OK;
    // SAFETY: the caller's promise.
    #[cfg(feature = "lua55")]
    return unsafe { mlua::ffi::lua_closethread(coroutine, std::ptr::null_mut()) } != mlua::ffi::LUA_OK;
    #[cfg(not(any(feature = "lua54", feature = "lua55")))]
    {
        let _ = coroutine;
        false
    }
}

/// Whether the function at `level` was called by a tail call, as far as this version of Lua knows it.
///
/// # Safety
///
/// `level` is a level of the stack.
#[cold]
pub(crate) unsafe fn is_tail_called(lua: *mut lua_State, level: c_int) -> bool {
    let mut about = std::mem::MaybeUninit::<mlua::ffi::lua_Debug>::zeroed();
    // SAFETY: the caller's promise; zeroes are a valid record, and Lua fills in what is read.
    unsafe {
        #[cfg(not(any(feature = "lua51", feature = "luajit")))]
        {
            mlua::ffi::lua_getstack(lua, level, about.as_mut_ptr());
            mlua::ffi::lua_getinfo(lua, c"t".as_ptr(), about.as_mut_ptr());
            (*about.as_ptr()).istailcall != 0
        }
        // 5.1 keeps an empty level for each level that was lost by a tail call.
        #[cfg(any(feature = "lua51", feature = "luajit"))]
        {
            mlua::ffi::lua_getstack(lua, level + 1, about.as_mut_ptr()) != 0
                && mlua::ffi::lua_getinfo(lua, c"S".as_ptr(), about.as_mut_ptr()) != 0
                && std::ffi::CStr::from_ptr((*about.as_ptr()).what) == c"tail"
        }
    }
}

/// The number of arguments that a `__call` has put before the script's in Lua 5.5; 0 in the other versions.
/// `luaL_argerror` of 5.5 subtracts this number, but the functions of this crate have already subtracted it.
///
/// # Safety
///
/// `lua` runs a C function.
#[cold]
pub(crate) unsafe fn extra_arguments(lua: *mut lua_State) -> c_int {
    #[cfg(feature = "lua55")]
    // SAFETY: zeroes are a valid record; level 0 is the running function, which always exists, and fills the record.
    unsafe {
        let mut record: mlua::ffi::lua_Debug = std::mem::zeroed();
        if mlua::ffi::lua_getstack(lua, 0, &raw mut record) != 0 {
            mlua::ffi::lua_getinfo(lua, c"t".as_ptr(), &raw mut record);
            return c_int::from(record.extraargs);
        }
    }
    let _ = lua;
    0
}
