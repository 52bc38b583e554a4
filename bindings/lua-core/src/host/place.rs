//! The place in the script where a callback was written: `source:line`. A callable object has the place of its
//! `__call`.

use crate::lua::args::bytes;
use crate::lua::guard::{CHUNK, Text};
use cogloop_io::trace::Name;
use mlua::ffi::{
    LUA_TFUNCTION, LUA_TNIL, LUA_TSTRING, LUA_TTABLE, lua_Debug, lua_State, lua_getinfo, lua_getmetatable, lua_gettop,
    lua_getupvalue, lua_next, lua_pop, lua_pushnil, lua_pushvalue, lua_rawgeti, lua_replace, lua_settop, lua_type,
    luaL_typename,
};
use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;

/// The name of the upvalue with the script's function. Each function of ours that calls a function of the script has
/// such an upvalue.
const WRAPPED: &CStr = c"f";

/// The greatest number of objects in a chain of `__call`. In newer versions of Lua a `__call` may be a callable object.
const CALLS_MAX: u32 = 4;

/// The place where a function was written, or the type of a value that has none.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    source: Text<60>,
    line: Option<u32>,
}

impl Place {
    /// The place of the function at `index`, or of the function in the callback's table there. A function of
    /// `debounce`, `throttle`, `signal` or `child` has the place of the script's function that it calls. A callable
    /// object has the place of its `__call`. Neither raises nor allocates.
    ///
    /// # Safety
    ///
    /// A value is at the absolute index `index`. Room for eight values.
    pub(crate) unsafe fn of(lua: *mut lua_State, index: c_int) -> Self {
        // SAFETY: the caller's promise. What is pushed is popped again.
        unsafe {
            let top = lua_gettop(lua);
            push_called(lua, index);
            let place = Self::of_called(lua);
            lua_settop(lua, top);
            place
        }
    }

    /// The place of the value on top, which is to be called. May leave values above it.
    ///
    /// # Safety
    ///
    /// A value is on top, and there is room for six more.
    pub(super) unsafe fn of_called(lua: *mut lua_State) -> Self {
        // SAFETY: the caller's promise. The recursion ends, because the inner function is older than the outer one.
        unsafe {
            if lua_type(lua, -1) == LUA_TFUNCTION {
                return match Self::written_at(lua, -1) {
                    Some(place) => place,
                    None if push_wrapped(lua) => Self::of_called(lua),
                    None => Self::ours(),
                };
            }
            let called = lua_gettop(lua);
            for _ in 0..CALLS_MAX {
                if !push_call(lua) {
                    break;
                }
                if lua_type(lua, -1) == LUA_TFUNCTION {
                    return Self::written_at(lua, -1).unwrap_or_else(Self::ours);
                }
            }
            let is_callable = lua_gettop(lua) > called;
            let mut source = Text::of_raw(if is_callable { b"a callable " } else { b"a " });
            source.extend(CStr::from_ptr(luaL_typename(lua, called)).to_bytes());
            Self { source, line: None }
        }
    }

    /// The place of the function at `index`, as [`of`](Self::of) finds it.
    ///
    /// # Safety
    ///
    /// As for [`of`](Self::of), with a function.
    pub(super) unsafe fn of_function(lua: *mut lua_State, index: c_int) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::written_at(lua, index).unwrap_or_else(|| Self::of(lua, index)) }
    }

    /// The place where the function at `index` was written; `None` if it is a Lua function of our own.
    unsafe fn written_at(lua: *mut lua_State, index: c_int) -> Option<Self> {
        // SAFETY: only called with a function. `lua_getinfo` fills in what is read, and pops the copy of the function.
        unsafe {
            let mut memory = MaybeUninit::<lua_Debug>::uninit();
            lua_pushvalue(lua, index);
            lua_getinfo(lua, c">S".as_ptr(), memory.as_mut_ptr());
            let info = memory.as_ptr();
            let (source, line) = ((*info).source, (*info).linedefined);
            // A source may be a long text. The first byte is compared first, because `from_ptr` measures the length.
            if *source == b'=' as c_char && CStr::from_ptr(source) == CHUNK {
                return None;
            }
            Some(Self::written(&(*info).short_src, line))
        }
    }

    /// Stands for a function of our own, written in Lua, if it is not known which function of the script it calls.
    pub(crate) fn ours() -> Self {
        Self { source: Text::of_raw(b"a function of cogloop"), line: None }
    }

    /// Stands for a function in C.
    pub(crate) fn in_c() -> Self {
        Self { source: Text::of_raw(b"[C]"), line: None }
    }

    /// A line of the source with this `short_src`.
    ///
    /// # Safety
    ///
    /// `lua_getinfo` has filled in `short_src`.
    pub(crate) unsafe fn written(short_src: &[c_char], line: c_int) -> Self {
        // SAFETY: the caller's promise: the text ends with a zero.
        let source = unsafe { CStr::from_ptr(short_src.as_ptr()) };
        // A function in C has the line -1.
        Self { source: Text::of_raw(source.to_bytes()), line: u32::try_from(line).ok() }
    }

    /// The place as the name of an event in a trace.
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

    /// `source:line`, with escapes for control characters and for bytes that are not ASCII. There is room for a source
    /// in which every byte is escaped.
    pub(crate) fn escaped(self) -> Text<256> {
        let Some(line) = self.line else { return Text::of_bytes(self.source.as_bytes()) };
        let mut text = Text::of_raw(b"");
        for &byte in self.source.as_bytes() {
            match byte {
                b' '..=b'~' => text.extend(&[byte]),
                _ => byte.escape_ascii().for_each(|escaped| text.extend(&[escaped])),
            }
        }
        text.extend(b":");
        text.extend_number(line);
        text
    }
}

/// Pushes the value that is called for the callback at `index`: the callback itself, or the function in its table.
///
/// # Safety
///
/// As for [`Place::of`].
#[inline]
pub(super) unsafe fn push_called(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_type(lua, index) != LUA_TTABLE {
            lua_pushvalue(lua, index);
        } else if lua_getmetatable(lua, index) == 0 {
            lua_rawgeti(lua, index, 1);
        } else {
            // A callable object has a metatable, and a callback's table has none.
            lua_pop(lua, 1);
            lua_pushvalue(lua, index);
        }
    }
}

/// Pushes the `__call` of the value on top. Returns false if the value has none. The keys of the metatable are compared
/// one by one, because making the string `__call` could run a finalizer.
unsafe fn push_call(lua: *mut lua_State) -> bool {
    // SAFETY: only called by `of_called`. `lua_next` goes through a metatable that nothing changes meanwhile.
    unsafe {
        let value = lua_gettop(lua);
        if lua_getmetatable(lua, value) == 0 {
            return false;
        }
        lua_pushnil(lua);
        while lua_next(lua, value + 1) != 0 {
            if lua_type(lua, -2) == LUA_TSTRING && bytes(lua, -2) == b"__call" && lua_type(lua, -1) != LUA_TNIL {
                lua_replace(lua, value + 1);
                lua_settop(lua, value + 1);
                return true;
            }
            lua_pop(lua, 1);
        }
        lua_settop(lua, value);
        false
    }
}

/// Replaces the function on top, one of ours, by the script's function that it calls. Returns false if it has none.
unsafe fn push_wrapped(lua: *mut lua_State) -> bool {
    // SAFETY: only called by `of_called`, with a function on top.
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
