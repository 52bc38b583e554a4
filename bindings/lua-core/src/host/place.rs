//! The place in the script where a callback was written: `source:line`.

use crate::lua::guard::{CHUNK, Text};
use mlua::ffi::{
    LUA_TFUNCTION, LUA_TTABLE, lua_Debug, lua_State, lua_getinfo, lua_gettop, lua_getupvalue, lua_pushvalue,
    lua_rawgeti, lua_replace, lua_settop, lua_type, luaL_typename,
};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

/// The name of the upvalue with the script's function, in our own functions that call it.
const WRAPPED: &CStr = c"f";

/// So many functions of ours may be around the script's function.
const WRAPPERS_MAX: usize = 4;

/// Where a function was written; or the type of a value that is none.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    source: Text<60>,
    line: Option<c_int>,
}

impl Place {
    /// The place of the function at `index`, or of the one in the callback's table there. Behind a function of `debounce`, `throttle`,
    /// `signal` or `child` it is that of the script's function. Neither raises nor allocates.
    ///
    /// # Safety
    ///
    /// A value at `index`, an absolute index. Room for two values.
    pub(crate) unsafe fn of(lua: *mut lua_State, index: c_int) -> Self {
        // SAFETY: the caller's promise. `lua_getinfo` fills in what is read, and pops the copy of the function.
        unsafe {
            let top = lua_gettop(lua);
            lua_pushvalue(lua, index);
            if lua_type(lua, -1) == LUA_TTABLE {
                lua_rawgeti(lua, -1, 1);
                lua_replace(lua, -2);
            }
            let mut memory = MaybeUninit::<lua_Debug>::zeroed();
            let mut left = WRAPPERS_MAX;
            let place = loop {
                if lua_type(lua, -1) != LUA_TFUNCTION {
                    let mut source = Text::of_bytes(b"a ");
                    source.extend(CStr::from_ptr(luaL_typename(lua, -1)).to_bytes());
                    break Self { source, line: None };
                }
                lua_pushvalue(lua, -1);
                lua_getinfo(lua, c">S".as_ptr(), memory.as_mut_ptr());
                let info = memory.assume_init_ref();
                if left > 0 && CStr::from_ptr(info.source) == CHUNK && push_wrapped(lua) {
                    left -= 1;
                    continue;
                }
                break Self::written(info, info.linedefined);
            };
            lua_settop(lua, top);
            place
        }
    }

    /// A line of the source that `info` tells.
    ///
    /// # Safety
    ///
    /// `lua_getinfo` has filled in what `S` stands for.
    pub(crate) unsafe fn written(info: &lua_Debug, line: c_int) -> Self {
        // SAFETY: the caller's promise: the text ends with a zero.
        let source = unsafe { CStr::from_ptr(info.short_src.as_ptr()) };
        let mut text = Text::new("");
        text.extend(source.to_bytes());
        // A function in C has the line -1.
        Self { source: text, line: Some(line).filter(|&line| line >= 0) }
    }

    /// `source:line`, in the bytes of the source.
    pub(crate) fn text(self) -> Text<80> {
        let mut text = Text::new("");
        text.extend(self.source.as_bytes());
        if let Some(line) = self.line {
            text.extend(b":");
            text.extend_number(line.unsigned_abs());
        }
        text
    }

    /// The same, with escapes for all bytes that are not ASCII.
    pub(crate) fn escaped(self) -> Text<200> {
        match self.line {
            None => Text::of_bytes(self.source.as_bytes()),
            Some(line) => Text::new(format_args!("{}:{line}", self.source.as_bytes().escape_ascii())),
        }
    }
}

/// Replaces the function on top, one of ours, by the script's function that it calls. Returns false if it has none.
unsafe fn push_wrapped(lua: *mut lua_State) -> bool {
    // SAFETY: only called by `of`, with a function on top.
    unsafe {
        for n in 1..=16 {
            let name = lua_getupvalue(lua, -1, n);
            if name.is_null() {
                return false;
            }
            let is_found = CStr::from_ptr(name) == WRAPPED;
            if is_found {
                lua_replace(lua, -2);
                return true;
            }
            lua_settop(lua, -2);
        }
        false
    }
}
