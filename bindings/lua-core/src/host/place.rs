//! The place in the script where a callback was written: `source:line`.

use crate::lua::guard::{CHUNK, Text};
use cogloop_io::trace::Name;
use mlua::ffi::{
    LUA_TFUNCTION, LUA_TTABLE, lua_Debug, lua_State, lua_getinfo, lua_gettop, lua_getupvalue, lua_pop, lua_pushvalue,
    lua_rawgeti, lua_replace, lua_settop, lua_type, luaL_typename,
};
use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;

/// The name of the upvalue with the script's function. Our own functions that call the script's have such an upvalue.
const WRAPPED: &CStr = c"f";

/// The place where a function was written, or the type of a value that is no function.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    source: Text<60>,
    line: Option<u32>,
}

impl Place {
    /// The place of the function at `index`, or of the function in the callback's table there. A function of
    /// `debounce`, `throttle`, `signal` or `child` has the place of the script's function that it calls. Neither raises
    /// nor allocates.
    ///
    /// # Safety
    ///
    /// A value is at the absolute index `index`. Room for two values.
    pub(crate) unsafe fn of(lua: *mut lua_State, index: c_int) -> Self {
        // SAFETY: the caller's promise. `lua_getinfo` fills in the fields that are read, and pops the copy of the
        // function.
        unsafe {
            if lua_type(lua, index) == LUA_TTABLE {
                lua_rawgeti(lua, index, 1);
            } else {
                lua_pushvalue(lua, index);
            }
            if lua_type(lua, -1) != LUA_TFUNCTION {
                let mut source = Text::of_raw(b"a ");
                source.extend(CStr::from_ptr(luaL_typename(lua, -1)).to_bytes());
                lua_pop(lua, 1);
                return Self { source, line: None };
            }
            let mut memory = MaybeUninit::<lua_Debug>::uninit();
            lua_getinfo(lua, c">S".as_ptr(), memory.as_mut_ptr());
            let info = memory.as_ptr();
            let (source, line) = ((*info).source, (*info).linedefined);
            // A source may be a long text, so this does not measure its length.
            if *source == b'=' as c_char
                && CStr::from_ptr(source) == CHUNK
                && let Some(place) = Self::of_wrapped(lua, index)
            {
                return place;
            }
            Self::written(&(*info).short_src, line)
        }
    }

    /// The place of the script's function that our function at `index` calls; `None` if it calls none.
    #[cold]
    unsafe fn of_wrapped(lua: *mut lua_State, index: c_int) -> Option<Self> {
        // SAFETY: only called by `of`. The recursion ends, because the inner function is older than the outer one.
        unsafe {
            let top = lua_gettop(lua);
            if lua_type(lua, index) == LUA_TTABLE {
                lua_rawgeti(lua, index, 1);
            } else {
                lua_pushvalue(lua, index);
            }
            let place = push_wrapped(lua).then(|| Self::of(lua, lua_gettop(lua)));
            lua_settop(lua, top);
            place
        }
    }

    /// A line of the source with this `short_src`.
    ///
    /// # Safety
    ///
    /// `lua_getinfo` has filled in `short_src`.
    pub(crate) unsafe fn written(short_src: &[c_char], line: c_int) -> Self {
        // SAFETY: the caller's promise: the text ends with a zero.
        let source = unsafe { CStr::from_ptr(short_src.as_ptr()) };
        let mut text = Text::new("");
        text.extend(source.to_bytes());
        // A function in C has the line -1.
        Self { source: text, line: u32::try_from(line).ok() }
    }

    /// The name of an event.
    pub(crate) fn name(&self) -> Name<'_> {
        Name(self.source.as_bytes(), self.line)
    }

    /// `source:line`, in the bytes of the source.
    pub(crate) fn text(self) -> Text<80> {
        let mut text = Text::of_raw(self.source.as_bytes());
        if let Some(line) = self.line {
            text.extend(b":");
            text.extend_number(line);
        }
        text
    }

    /// `source:line`, with escapes for all bytes that are not ASCII.
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
