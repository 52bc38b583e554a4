//! The values that a script may use as handles, and how to find the descriptor of each.
//!
//! A value may be a `t.Net.Socket`, a Lua file, a descriptor number, or an object. An object has a method `getfd`,
//! `fileno` or `pollfd`, or a field `pollfd`. The kinds are tried in this order.

use super::memory::{Handle, Kind, SocketBlock};
use super::socket::push_socket_metatable;
use crate::lua::args::{bad_argument, bytes, is_callable, wrong};
use crate::lua::guard::Text;
use crate::lua::nesting::deepen;
use crate::lua::version::{LuaFile, push_file_metatable};
use crate::sys::descriptor::{Number, of_stream};
use libc::FILE;
use mlua::ffi::{
    LUA_OK, LUA_TBOOLEAN, LUA_TFUNCTION, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, LUA_TUSERDATA, lua_State,
    lua_call, lua_getfield, lua_getmetatable, lua_gettop, lua_isnumber, lua_pcall, lua_pop, lua_pushfstring,
    lua_pushnil, lua_pushvalue, lua_rawequal, lua_settop, lua_toboolean, lua_tonumber, lua_tostring, lua_touserdata,
    lua_type, luaL_getmetafield, luaL_typename,
};
use std::ffi::{CStr, c_int, c_void};

/// The first words of the description if an object returned a string that is no number.
const SAID: &[u8] = b"the text '";
impl Handle {
    /// Whether the handle still has the same descriptor. A finalizer may have closed the handle since it was read. The
    /// check runs no Lua code, so it does not notice every change.
    ///
    /// # Safety
    ///
    /// The value from which the handle was read is alive.
    pub(crate) unsafe fn is_current(self) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            match self.kind {
                Kind::Socket(socket) => (*socket).number == self.number,
                Kind::File(file) => LuaFile::stream(file).and_then(|stream| of_stream(stream)) == Some(self.number),
                Kind::Number | Kind::Object => true,
            }
        }
    }
}

/// The reason why a value is not a handle.
#[derive(Clone, Copy)]
pub(crate) enum Refused {
    Closed,
    NotAHandle,
    /// A Lua file, which this system cannot observe.
    File,
    /// The method of this name returned no number of a descriptor. The text describes what it returned.
    NoNumber(&'static CStr, Text<64>),
    /// The field `pollfd` is this number, which is not the number of a descriptor.
    BadNumber(Text<64>),
    /// The field of this name cannot be called. The text names the type of its value.
    NoMethod(&'static CStr, &'static CStr),
}

/// Reads the handle at `index`, an absolute index. May run the methods of an object, and raises what they raise.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for four values.
pub(crate) unsafe fn look(lua: *mut lua_State, index: c_int) -> Result<Handle, Refused> {
    // SAFETY: the caller's promise.
    unsafe { look_by(lua, index, call) }
}

/// Like [`look`], but for an observed handle. An object whose method raises counts as closed: cqueues' closed sockets
/// raise.
///
/// # Safety
///
/// As for [`look`].
pub(crate) unsafe fn look_again(lua: *mut lua_State, index: c_int) -> Result<Handle, Refused> {
    // SAFETY: the caller's promise.
    unsafe { look_by(lua, index, try_call) }
}

/// Calls the method that is on the stack below its object. The object is on top. Replaces both with the result.
type Call = unsafe fn(*mut lua_State);

unsafe fn call(lua: *mut lua_State) {
    // SAFETY: only called by `object_number`.
    unsafe { lua_call(lua, 1, 1) };
}

unsafe fn try_call(lua: *mut lua_State) {
    // SAFETY: only called by `object_number`. An error becomes nil.
    unsafe {
        if lua_pcall(lua, 1, 1, 0) != LUA_OK {
            lua_pop(lua, 1);
            lua_pushnil(lua);
        }
    }
}

unsafe fn look_by(lua: *mut lua_State, index: c_int, call: Call) -> Result<Handle, Refused> {
    // SAFETY: only called by `look` and `look_again`.
    unsafe {
        if let Some(socket) = socket(lua, index) {
            return open((*socket).number.into(), Kind::Socket(socket));
        }
        if let Some(file) = lua_file(lua, index) {
            let stream = LuaFile::stream(file).ok_or(Refused::Closed)?;
            return open(of_stream(stream).ok_or(Refused::File)?.into(), Kind::File(file));
        }
        match lua_type(lua, index) {
            LUA_TNUMBER => open(lua_tonumber(lua, index), Kind::Number),
            LUA_TTABLE | LUA_TUSERDATA => open(object_number(lua, index, call)?, Kind::Object),
            _ => Err(Refused::NotAHandle),
        }
    }
}

fn open(number: f64, kind: Kind) -> Result<Handle, Refused> {
    if number.fract() != 0.0 || number > Number::MAX.into() {
        return Err(Refused::NotAHandle);
    }
    // LuaSocket and `fileno( )` return -1 for closed objects.
    if number < 0.0 && kind != Kind::Number {
        return Err(Refused::Closed);
    }
    if number < 0.0 || number.is_nan() {
        return Err(Refused::NotAHandle);
    }
    Ok(Handle { number: number as Number, kind })
}

/// Like [`look`], but raises an argument error if the value is not a handle.
///
/// # Safety
///
/// As for [`look`].
pub(crate) unsafe fn check_handle(lua: *mut lua_State, arg: c_int) -> Handle {
    const WANTED: &CStr = c"an open socket or file, a descriptor number, or an object with getfd, fileno or pollfd";
    const NO_FILES: &CStr = c"handle: this system cannot wait for a Lua file; a socket of t.Net works, and so do its \
        number and another library's socket with getfd, fileno or pollfd";
    // SAFETY: the caller's promise.
    unsafe {
        match look(lua, arg) {
            Ok(handle) => handle,
            Err(Refused::NotAHandle) => wrong(lua, arg, c"handle", WANTED),
            Err(Refused::Closed) => bad_argument(lua, arg, c"handle: it is closed".as_ptr()),
            Err(Refused::File) => bad_argument(lua, arg, NO_FILES.as_ptr()),
            Err(Refused::NoMethod(field, kind)) => {
                let format = match field == c"pollfd" {
                    true => c"handle: its field %s is a %s, not a function or the number of a descriptor",
                    false => c"handle: its field %s is a %s, not a function",
                };
                bad_argument(lua, arg, lua_pushfstring(lua, format.as_ptr(), field.as_ptr(), kind.as_ptr()))
            }
            Err(Refused::BadNumber(got)) => {
                got.push(lua);
                let format = c"handle: its field pollfd is %s, not the number of a descriptor".as_ptr();
                bad_argument(lua, arg, lua_pushfstring(lua, format, lua_tostring(lua, -1)))
            }
            Err(Refused::NoNumber(method, got)) => {
                got.push(lua);
                let format = match got.as_bytes().starts_with(SAID) {
                    // A closed object may return a text instead of the number.
                    true => c"handle: it is closed: its method %s returned %s",
                    false => c"handle: its method %s returned %s, not the number of a descriptor",
                };
                let text = lua_pushfstring(lua, format.as_ptr(), method.as_ptr(), lua_tostring(lua, -1));
                bad_argument(lua, arg, text)
            }
        }
    }
}

/// Raises an argument error with the kernel's error about a handle.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(crate) unsafe fn refuse(lua: *mut lua_State, arg: c_int, why: Text<400>) -> ! {
    // SAFETY: the caller's promise; the text lives on the Lua stack while luaL_argerror reads it.
    unsafe {
        why.push(lua);
        bad_argument(lua, arg, lua_tostring(lua, -1))
    }
}

/// The socket of `t.Net` at `index`, open or closed. Does not raise.
unsafe fn socket(lua: *mut lua_State, index: c_int) -> Option<*mut SocketBlock> {
    // SAFETY: a userdata with the metatable of sockets is a socket.
    unsafe { has_metatable(lua, index, push_socket_metatable).map(<*mut c_void>::cast) }
}

/// The Lua file at `index`, open or closed. Does not raise.
unsafe fn lua_file(lua: *mut lua_State, index: c_int) -> Option<*const LuaFile> {
    // SAFETY: a userdata with the metatable of Lua files is a Lua file; only the Lua library makes such userdata.
    unsafe { has_metatable(lua, index, push_file_metatable).map(|file| file.cast_const().cast()) }
}

/// The block of the userdata at `index`, if its metatable is the one that `push` pushes.
unsafe fn has_metatable(lua: *mut lua_State, index: c_int, push: unsafe fn(*mut lua_State)) -> Option<*mut c_void> {
    // SAFETY: only called with an acceptable index, and room for two values.
    unsafe {
        let block = lua_touserdata(lua, index);
        if block.is_null() || lua_getmetatable(lua, index) == 0 {
            return None;
        }
        push(lua);
        let same = lua_rawequal(lua, -1, -2) != 0;
        lua_pop(lua, 2);
        same.then_some(block)
    }
}

/// Whether a field of the value can be read without the error "attempt to index".
unsafe fn can_be_indexed(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: only called with an acceptable index and room for two values.
    unsafe {
        if lua_type(lua, index) == LUA_TTABLE {
            return true;
        }
        if luaL_getmetafield(lua, index, c"__index".as_ptr()) == LUA_TNIL {
            return false;
        }
        lua_pop(lua, 1);
        true
    }
}

/// The descriptor number that an object returns.
unsafe fn object_number(lua: *mut lua_State, index: c_int, call: Call) -> Result<f64, Refused> {
    // SAFETY: only called with an absolute index and room for four values.
    unsafe {
        if !can_be_indexed(lua, index) {
            return Err(Refused::NotAHandle);
        }
        let top = lua_gettop(lua);
        for name in [c"getfd", c"fileno", c"pollfd"] {
            lua_getfield(lua, index, name.as_ptr()); // stack: … field
            match lua_type(lua, -1) {
                LUA_TNIL => {}
                LUA_TNUMBER if name == c"pollfd" => {
                    let number = descriptor(lua).map_err(Refused::BadNumber);
                    lua_settop(lua, top);
                    return number;
                }
                _ if !is_callable(lua, -1) => {
                    // Lua's names of types are static.
                    let kind = CStr::from_ptr(luaL_typename(lua, -1));
                    lua_settop(lua, top);
                    return Err(Refused::NoMethod(name, kind));
                }
                _ => {
                    deepen(lua);
                    lua_pushvalue(lua, index);
                    call(lua);
                    let number = match lua_type(lua, -1) {
                        LUA_TNUMBER => descriptor(lua).map_err(|got| Refused::NoNumber(name, got)),
                        LUA_TSTRING => {
                            let mut got = Text::new("");
                            got.extend(if lua_isnumber(lua, -1) == 0 { SAID } else { b"the string '" });
                            let bytes = bytes(lua, -1);
                            got.extend(&bytes[..bytes.len().min(40)]);
                            got.extend(b"'");
                            Err(Refused::NoNumber(name, got))
                        }
                        // Closed objects return -1, nil or false.
                        LUA_TNIL | LUA_TBOOLEAN => Err(Refused::Closed),
                        _ => {
                            let kind = CStr::from_ptr(luaL_typename(lua, -1)).to_bytes();
                            let mut got = Text::new("a ");
                            got.extend(kind);
                            Err(Refused::NoNumber(name, got))
                        }
                    };
                    lua_settop(lua, top);
                    return number;
                }
            }
            lua_settop(lua, top);
        }
        Err(Refused::NotAHandle)
    }
}

/// The number on top if it can be the number of a descriptor, open or closed; otherwise its text.
unsafe fn descriptor(lua: *mut lua_State) -> Result<f64, Text<64>> {
    // SAFETY: only called by `object_number`, with a number on top.
    unsafe {
        let number = lua_tonumber(lua, -1);
        if number.fract() == 0.0 && number <= Number::MAX.into() {
            return Ok(number);
        }
        let mut got = Text::new("");
        // `bytes` makes a text of the number in place, which the caller drops.
        got.extend(bytes(lua, -1));
        Err(got)
    }
}

/// Whether the object at `index` reports that it has buffered input (LuaSocket's `dirty`).
///
/// # Safety
///
/// [The rule for Lua calls](crate); an absolute index, room for four values.
pub(crate) unsafe fn is_dirty(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let top = lua_gettop(lua);
        lua_getfield(lua, index, c"dirty".as_ptr());
        let dirty = lua_type(lua, -1) == LUA_TFUNCTION && {
            deepen(lua);
            lua_pushvalue(lua, index);
            lua_call(lua, 1, 1);
            lua_toboolean(lua, -1) != 0
        };
        lua_settop(lua, top);
        dirty
    }
}

/// The number of bytes in a C stream's read buffer. The kernel does not know of them.
///
/// # Safety
///
/// The stream is open.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) unsafe fn buffered(stream: *mut FILE) -> usize {
    /// The first fields of `struct _IO_FILE`. They are part of glibc's ABI: programs contain its `getc` macros, which
    /// read these fields.
    #[repr(C)]
    struct Head {
        flags: c_int,
        read_pointer: *const u8,
        read_end: *const u8,
    }
    // SAFETY: an open stream begins with these fields.
    unsafe {
        let head = stream.cast_const().cast::<Head>();
        ((*head).read_end as usize).saturating_sub((*head).read_pointer as usize)
    }
}

/// The number of bytes in a C stream's read buffer. The kernel does not know of them.
///
/// # Safety
///
/// The stream is open.
#[cfg(all(target_os = "linux", target_env = "musl"))]
pub(crate) unsafe fn buffered(stream: *mut FILE) -> usize {
    unsafe extern "C" {
        /// `stdio_ext.h`
        fn __freadahead(stream: *mut FILE) -> usize;
    }
    // SAFETY: the stream is open.
    unsafe { __freadahead(stream) }
}

/// Returns 0, because this system cannot tell how many bytes are buffered. A script has to read all input that there is
/// (`file:read( 4096 )`), or set `file:setvbuf( 'no' )`.
///
/// # Safety
///
/// None here.
#[cfg(not(all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))))]
pub(crate) unsafe fn buffered(_stream: *mut FILE) -> usize {
    0
}
