//! Waits that can end with an error. In versions with continuations a C function can yield, and raise when it is
//! resumed. Lua 5.1 and LuaJIT have no continuations. For them the module wraps such a function in a Lua function,
//! which raises.

use mlua::ffi::lua_State;
use std::ffi::{c_int, c_void};

/// Whether a suspended function raises by itself.
pub(crate) const CAN_RAISE: bool = cfg!(not(any(feature = "lua51", feature = "luajit")));

/// Yields the `count` values on top, and `mark`. When the coroutine is resumed with values, the running function
/// returns these values. If [`CAN_RAISE`] is true and the first value is `raise`, it raises the second value instead.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the caller returns the result of this function. Room for three values. `mark` and
/// `raise` are addresses that no script has.
pub(crate) unsafe fn suspend(lua: *mut lua_State, count: c_int, mark: *mut c_void, raise: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { kind::suspend(lua, count, mark, raise) }
}

#[cfg(any(feature = "lua51", feature = "luajit"))]
mod kind {
    use mlua::ffi::{lua_State, lua_pushlightuserdata, lua_yield};
    use std::ffi::{c_int, c_void};

    pub(super) unsafe fn suspend(lua: *mut lua_State, count: c_int, mark: *mut c_void, _raise: *mut c_void) -> c_int {
        // SAFETY: only called by `suspend`.
        unsafe {
            lua_pushlightuserdata(lua, mark);
            lua_yield(lua, count + 1)
        }
    }
}

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
mod kind {
    use mlua::ffi::{
        lua_State, lua_error, lua_gettop, lua_insert, lua_pushlightuserdata, lua_remove, lua_settop, lua_touserdata,
        lua_yieldk,
    };
    use std::ffi::{c_int, c_void};

    pub(super) unsafe fn suspend(lua: *mut lua_State, count: c_int, mark: *mut c_void, raise: *mut c_void) -> c_int {
        // SAFETY: only called by `suspend`. The two addresses stay at the bottom of the function's stack, where `go_on`
        // finds them.
        unsafe {
            lua_pushlightuserdata(lua, mark);
            lua_insert(lua, 1);
            lua_pushlightuserdata(lua, raise);
            lua_insert(lua, 2); // stack: mark raise args… values…
            let below = lua_gettop(lua) - count;
            lua_pushlightuserdata(lua, mark);
            #[cfg(feature = "lua52")]
            return lua_yieldk(lua, count + 1, below, Some(go_on_52));
            #[cfg(not(feature = "lua52"))]
            return lua_yieldk(lua, count + 1, below as Context, Some(go_on));
        }
    }

    #[cfg(feature = "lua52")]
    unsafe extern "C-unwind" fn go_on_52(lua: *mut lua_State) -> c_int {
        // SAFETY: called by Lua, as `go_on`.
        unsafe {
            let mut below = 0;
            mlua::ffi::lua_getctx(lua, &raw mut below);
            go_on(lua, 0, below)
        }
    }

    #[cfg(feature = "lua52")]
    type Context = c_int;
    #[cfg(not(feature = "lua52"))]
    type Context = mlua::ffi::lua_KContext;

    /// The rest of a suspended function. Stack: mark raise args… values…
    unsafe extern "C-unwind" fn go_on(lua: *mut lua_State, _status: c_int, below: Context) -> c_int {
        // SAFETY: called by Lua. The stack has the values that `suspend` left, and the values with which the coroutine
        // was resumed.
        unsafe {
            let below = below as c_int;
            // If a script, and not the loop, has resumed the coroutine, the mark and perhaps other values are below the
            // new values.
            let mark = lua_touserdata(lua, 1);
            for index in (below + 1..=lua_gettop(lua)).rev() {
                if lua_touserdata(lua, index) == mark {
                    for _ in below..index {
                        lua_remove(lua, below + 1);
                    }
                    break;
                }
            }
            if lua_gettop(lua) > below + 1 && lua_touserdata(lua, below + 1) == lua_touserdata(lua, 2) {
                lua_settop(lua, below + 2);
                lua_error(lua);
            }
            lua_gettop(lua) - below
        }
    }
}
