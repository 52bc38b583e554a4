//! Finds the function of the module that a script has called. A message about a wrong argument needs the name of that
//! function. The search is needed if Lua code of ours is between the called function and the function that finds the
//! wrong argument.
//!
//! ```text
//!   level 3   pcall, or the script's function
//!         2   signal, in C: it checks the arguments, and passes them on      ◄── the one that was called
//!         1   signal, in Lua
//!         0   open_signal, in C: an argument is wrong
//! ```
//!
//! Lua knows the name of a function only from the call in a script. If C code such as `pcall` calls the function, Lua
//! knows no name. The name is then looked up in the tables of the modules and of our methods.

use super::class::push_kept;
use super::guard::{CHUNK, push_where};
use super::version::is_tail_called;
use mlua::ffi::{
    LUA_REGISTRYINDEX, LUA_TFUNCTION, LUA_TSTRING, LUA_TTABLE, lua_Debug, lua_State, lua_concat, lua_error,
    lua_getfield, lua_getinfo, lua_getstack, lua_gettop, lua_getupvalue, lua_insert, lua_next, lua_pop,
    lua_pushfstring, lua_pushnil, lua_pushstring, lua_pushvalue, lua_rawequal, lua_remove, lua_settop, lua_tostring,
    lua_type,
};
use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;

/// The registry key of a list of tables: the methods that are written in Lua.
pub(crate) static CLASSES_KEY: u8 = 0;

/// If Lua code of ours has called the running function, returns the level of our function that the script has called.
/// That function is the Lua code itself, or our C function that has passed the script's arguments on to the Lua code.
/// In all other cases returns 0. Allocates nothing.
///
/// # Safety
///
/// `lua` runs a C function. Room for three values.
pub(crate) unsafe fn called_level(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise. `lua_getstack` and `lua_getinfo` fill in what is read.
    unsafe {
        let (mut called, mut level) = (0, 1);
        let mut about = MaybeUninit::<lua_Debug>::zeroed();
        while lua_getstack(lua, level, about.as_mut_ptr()) != 0 {
            lua_getinfo(lua, c"S".as_ptr(), about.as_mut_ptr());
            let is_in_lua = CStr::from_ptr((*about.as_ptr()).source) == CHUNK;
            if !(is_in_lua || called > 0 && passes_on(lua, level)) {
                break;
            }
            called = level;
            level += 1;
        }
        called
    }
}

/// Whether Lua has no name for the running function, because a C function such as `pcall` has called it.
///
/// # Safety
///
/// `lua` runs a C function.
pub(crate) unsafe fn is_nameless(lua: *mut lua_State) -> bool {
    let mut about = MaybeUninit::<lua_Debug>::zeroed();
    // SAFETY: the caller's promise. Level 0 exists, and `lua_getinfo` fills in what is read.
    unsafe {
        lua_getstack(lua, 0, about.as_mut_ptr());
        lua_getinfo(lua, c"n".as_ptr(), about.as_mut_ptr()) == 0 || (*about.as_ptr()).name.is_null()
    }
}

/// Whether the function at `level` has the function at `level - 1` as an upvalue. This is true for our functions in C
/// that check arguments, and false for `pcall`.
unsafe fn passes_on(lua: *mut lua_State, level: c_int) -> bool {
    // SAFETY: only called by `called_level`, with levels of the stack.
    unsafe {
        let top = lua_gettop(lua);
        push_function(lua, level - 1);
        push_function(lua, level);
        let mut n = 1;
        let mut is_found = false;
        while !is_found && !lua_getupvalue(lua, top + 2, n).is_null() {
            is_found = lua_rawequal(lua, -1, top + 1) != 0;
            lua_pop(lua, 1);
            n += 1;
        }
        lua_settop(lua, top);
        is_found
    }
}

/// Pushes the function at `level`, a level of the stack.
unsafe fn push_function(lua: *mut lua_State, level: c_int) {
    // SAFETY: only called by functions here.
    unsafe {
        let mut about = MaybeUninit::<lua_Debug>::zeroed();
        lua_getstack(lua, level, about.as_mut_ptr());
        lua_getinfo(lua, c"f".as_ptr(), about.as_mut_ptr());
    }
}

/// Like `luaL_argerror`, but names our function at `level`. That function has passed its arguments on to the running
/// function.
///
/// # Safety
///
/// [The rule for Lua calls](crate); `level` is the result of [`called_level`], and the text is on Lua's stack, or lives
/// for ever. Room for twelve values.
pub(crate) unsafe fn bad_argument_of(lua: *mut lua_State, level: c_int, arg: c_int, text: *const c_char) -> ! {
    // SAFETY: the caller's promise. The name is on Lua's stack.
    unsafe {
        push_where(lua);
        let is_method = push_called_name(lua, level);
        let name = lua_tostring(lua, -1);
        match arg - c_int::from(is_method) {
            0 => lua_pushfstring(lua, c"calling '%s' on bad self (%s)".as_ptr(), name, text),
            arg => lua_pushfstring(lua, c"bad argument #%d to '%s' (%s)".as_ptr(), arg, name, text),
        };
        lua_remove(lua, -2);
        lua_concat(lua, 2);
        lua_error(lua)
    }
}

/// Pushes the name of the function at `level`: the name in the calling script, or the name in a table. Returns whether
/// the script called the function as a method. After a tail call Lua does not know this. In that case returns true if
/// the function was found in a table of methods.
unsafe fn push_called_name(lua: *mut lua_State, level: c_int) -> bool {
    // SAFETY: only called by `bad_argument_of`, with a level of the stack. A name lives as long as its function.
    unsafe {
        let mut about = MaybeUninit::<lua_Debug>::zeroed();
        lua_getstack(lua, level, about.as_mut_ptr());
        let has_name = lua_getinfo(lua, c"n".as_ptr(), about.as_mut_ptr()) != 0 && !(*about.as_ptr()).name.is_null();
        if has_name {
            lua_pushstring(lua, (*about.as_ptr()).name);
            return CStr::from_ptr((*about.as_ptr()).namewhat) == c"method";
        }
        let top = lua_gettop(lua);
        push_function(lua, level);
        lua_getfield(lua, LUA_REGISTRYINDEX, c"_LOADED".as_ptr());
        let mut is_method = false;
        let is_found = push_name_in(lua, top + 1) || {
            lua_settop(lua, top + 1);
            is_method = push_kept(lua, &CLASSES_KEY) && push_name_in(lua, top + 1);
            is_method
        };
        if !is_found {
            lua_pushstring(lua, c"?".as_ptr());
        }
        lua_insert(lua, top + 1);
        lua_settop(lua, top + 1);
        is_method && is_tail_called(lua, level)
    }
}

/// Searches each table in the table on top for the function at `function`. Pushes the function's name: `table.key` if
/// the table on top has the inner table under a string, else `key`. Returns false if no table has the function, and may
/// then leave values.
unsafe fn push_name_in(lua: *mut lua_State, function: c_int) -> bool {
    // SAFETY: only called by `push_called_name`. Nothing changes a table while `lua_next` goes through it. Only strings
    // are read as strings.
    unsafe {
        let tables = lua_gettop(lua);
        if lua_type(lua, tables) != LUA_TTABLE || lua_type(lua, function) != LUA_TFUNCTION {
            return false;
        }
        lua_pushnil(lua);
        while lua_next(lua, tables) != 0 {
            if lua_type(lua, -1) == LUA_TTABLE {
                lua_pushnil(lua); // stack: … tables name table nil
                while lua_next(lua, tables + 2) != 0 {
                    if lua_type(lua, -2) == LUA_TSTRING && lua_rawequal(lua, -1, function) != 0 {
                        let key = lua_tostring(lua, tables + 3);
                        match lua_type(lua, tables + 1) == LUA_TSTRING {
                            true => {
                                let table = lua_tostring(lua, tables + 1);
                                lua_pushfstring(lua, c"%s.%s".as_ptr(), table, key);
                            }
                            false => lua_pushvalue(lua, tables + 3),
                        }
                        return true;
                    }
                    lua_pop(lua, 1);
                }
            }
            lua_settop(lua, tables + 1);
        }
        false
    }
}
