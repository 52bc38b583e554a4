//! Runs Rust work so that no panic reaches Lua, and Lua jumps over no destructor. The work runs in [`guard`]. [`guard`]
//! returns an error as an [`ErrorText`]: plain bytes, which need no destructor.

use super::errno::{ErrorMessage, Lossy, NO_MEMORY};
use crate::sys::descriptor::Number;
use crate::sys::errno;
use cogloop_io::AddError;
use mlua::ffi::{
    LUA_TNUMBER, LUA_TSTRING, lua_Debug, lua_State, lua_concat, lua_error, lua_getinfo, lua_getstack, lua_pop,
    lua_pushfstring, lua_pushinteger, lua_pushlstring, lua_pushnil, lua_pushvalue, lua_tostring, lua_type,
    luaL_typename, luaL_where,
};
use std::collections::TryReserveError;
use std::ffi::{CStr, c_int};
use std::fmt::{Debug, Display, Write};
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A short text without a destructor. A longer text is cut off.
#[derive(Clone, Copy)]
pub(crate) struct Text<const N: usize> {
    length: usize,
    bytes: [u8; N],
}

/// An error message.
pub(crate) type ErrorText = Text<400>;

impl From<TryReserveError> for ErrorText {
    fn from(_: TryReserveError) -> Self {
        Self::new(NO_MEMORY)
    }
}

impl From<AddError> for ErrorText {
    fn from(refused: AddError) -> Self {
        Self::new(refused)
    }
}

impl<const N: usize> Text<N> {
    pub(crate) fn new(content: impl Display) -> Self {
        let mut text = Self { length: 0, bytes: [0; N] };
        // `write_str` below never fails. If a `Display` fails, the text is only cut short.
        let _ = write!(text, "{content}");
        text
    }

    /// Bytes as text. Invalid UTF-8 is replaced.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self::new(Lossy(bytes))
    }

    /// Bytes as they are.
    #[inline]
    pub(crate) fn of_raw(bytes: &[u8]) -> Self {
        let mut text = Self { length: 0, bytes: [0; N] };
        text.extend(bytes);
        text
    }

    /// Pushes the text as a Lua string.
    ///
    /// # Safety
    ///
    /// Lua's stack has room for one value. May raise.
    pub(crate) unsafe fn push(&self, lua: *mut lua_State) {
        // SAFETY: the caller's promise; the bytes are initialised up to N, and Lua copies them.
        unsafe { lua_pushlstring(lua, self.bytes.as_ptr().cast(), self.length) };
    }

    /// Raises the text as a Lua error that names the place of the call.
    ///
    /// # Safety
    ///
    /// [The rule for Lua calls](crate): nothing that needs a destructor is alive in any frame up to Lua.
    pub(crate) unsafe fn raise(self, lua: *mut lua_State) -> ! {
        // SAFETY: the caller's promise; a C function's stack has room for the two strings.
        unsafe {
            push_where(lua);
            self.push(lua);
            lua_concat(lua, 2);
            lua_error(lua)
        }
    }

    /// Appends bytes, which need not be UTF-8: the name of a Unix socket may be any bytes.
    pub(crate) fn extend(&mut self, more: &[u8]) {
        let fits = more.len().min(N - self.length);
        self.bytes[self.length..self.length + fits].copy_from_slice(&more[..fits]);
        self.length += fits;
    }

    /// Appends a number, without `fmt`.
    pub(crate) fn extend_number(&mut self, mut number: u32) {
        let mut digits = [0; 10];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.extend(&digits[first..]);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The chunk name of the modules' parts that are written in Lua.
pub(crate) const CHUNK: &CStr = c"=cogloop";

/// Pushes the place in the script that called the running function, for the beginning of a message. The module's own
/// Lua code is skipped.
///
/// # Safety
///
/// Lua's stack has room for two values. May raise if memory runs out.
pub(crate) unsafe fn push_where(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe { luaL_where(lua, script_level(lua)) };
}

/// The level of the script's function that called the running function: 1, or more if Lua code of the module is in
/// between. Neither raises nor allocates.
///
/// # Safety
///
/// `lua` runs a C function.
pub(crate) unsafe fn script_level(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise. `lua_getstack` and `lua_getinfo` fill in the fields that are read; they allocate
    // nothing.
    unsafe {
        let mut level = 1;
        let mut is_below_ours = false;
        let mut about = MaybeUninit::<lua_Debug>::zeroed();
        while lua_getstack(lua, level, about.as_mut_ptr()) != 0 {
            lua_getinfo(lua, c"S".as_ptr(), about.as_mut_ptr());
            let source = CStr::from_ptr((*about.as_ptr()).source);
            match source == CHUNK {
                true => is_below_ours = true,
                // C functions of ours may be between the script and our Lua code.
                false if is_below_ours && source == c"=[C]" => {}
                false => break,
            }
            level += 1;
        }
        level
    }
}

impl<const N: usize> Debug for Text<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<const N: usize> Display for Text<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Lossy(self.as_bytes()).fmt(f)
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        let room = N - self.length;
        let mut fits = more.len().min(room);
        while !more.is_char_boundary(fits) {
            fits -= 1;
        }
        self.bytes[self.length..self.length + fits].copy_from_slice(&more.as_bytes()[..fits]);
        self.length += fits;
        Ok(())
    }
}

/// Pushes an error value as text, without running its metamethods.
///
/// # Safety
///
/// There is a value at `index`. Room for two values. May raise.
pub(crate) unsafe fn push_text(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise; a number is converted on the copy.
    unsafe {
        lua_pushvalue(lua, index);
        if !matches!(lua_type(lua, -1), LUA_TSTRING | LUA_TNUMBER) {
            let name = luaL_typename(lua, -1);
            lua_pop(lua, 1);
            lua_pushfstring(lua, c"(error object is a %s value)".as_ptr(), name);
        } else {
            lua_tostring(lua, -1);
        }
    }
}

/// An error of the system. A function returns it and does not raise it.
#[derive(Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) errno: i32,
    pub(crate) text: ErrorText,
}

impl Failure {
    pub(crate) fn of(doing: &str, error: &io::Error) -> Self {
        Self { errno: errno_of(error), text: Text::new(format_args!("{doing}: {}", ErrorMessage(error))) }
    }

    /// Pushes nil, the message and the error's number, for a function to return.
    ///
    /// # Safety
    ///
    /// Room for three values. May raise.
    pub(crate) unsafe fn push(self, lua: *mut lua_State) -> c_int {
        // SAFETY: the caller's promise.
        unsafe {
            lua_pushnil(lua);
            self.text.push(lua);
            lua_pushinteger(lua, self.errno.into());
        }
        3
    }
}

/// The system's number of an error. An error of our own gets the number of a similar system error, so a script that
/// checks the number notices the failure.
pub(crate) fn errno_of(error: &io::Error) -> i32 {
    use io::ErrorKind::{
        InvalidData, InvalidInput, NotFound, OutOfMemory, PermissionDenied, QuotaExceeded, ResourceBusy, Unsupported,
    };
    if let Some(number) = errno::number(error) {
        return number;
    }
    match error.kind() {
        InvalidInput | InvalidData => errno::EINVAL,
        NotFound => errno::ENOENT,
        OutOfMemory => errno::ENOMEM,
        // A limit of the loop is reached. If there was no memory for a description, the error has only this kind.
        QuotaExceeded => errno::EMFILE,
        PermissionDenied => errno::EPERM,
        ResourceBusy => errno::EBUSY,
        Unsupported => errno::ENOSYS,
        // This is above all the error after a fork, when the loop belongs to the parent process.
        _ => errno::EPERM,
    }
}

/// The message if the system refuses an operation on an observed descriptor.
pub(crate) fn about_descriptor(number: Number, error: &io::Error) -> ErrorText {
    Text::new(format_args!("handle: descriptor {number}: {}", ErrorMessage(error)))
}

/// Runs Rust work that makes no Lua call. A panic in the work becomes an error like any other.
///
/// The result is `Copy`, so it may be alive when Lua jumps.
pub(crate) fn guard<R: Copy>(work: impl FnOnce() -> Result<R, ErrorText>) -> Result<R, ErrorText> {
    // The text is stored outside the result. If it were inside, every call would copy the text's buffer.
    let mut refused = None;
    let done = catch_unwind(AssertUnwindSafe(|| match work() {
        Ok(result) => Some(result),
        Err(text) => {
            refused = Some(text);
            None
        }
    }));
    match done {
        Ok(Some(result)) => Ok(result),
        Ok(None) => Err(refused.unwrap_or_else(|| Text::new("internal error"))),
        Err(panic) => {
            let story = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
            Err(Text::new(format_args!("internal error: {}", story.unwrap_or("panic"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cogloop_io::LimitReached;

    #[test]
    fn an_error_without_a_number_of_the_system_gets_the_number_of_a_similar_one() {
        let limit = LimitReached { what: "timers", limit: 5 };
        assert_eq!(errno_of(&limit.into()), errno::EMFILE);
        for (kind, number) in [
            (io::ErrorKind::QuotaExceeded, errno::EMFILE),
            (io::ErrorKind::NotFound, errno::ENOENT),
            (io::ErrorKind::InvalidInput, errno::EINVAL),
            (io::ErrorKind::OutOfMemory, errno::ENOMEM),
            (io::ErrorKind::Other, errno::EPERM),
        ] {
            assert_eq!(errno_of(&kind.into()), number, "{kind:?}");
        }
    }
}
