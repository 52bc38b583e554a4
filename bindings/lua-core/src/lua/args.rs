//! Arguments of the functions that Lua calls. Each check raises an error that names the argument.

use super::called::{bad_argument_of, called_level, is_nameless};
use super::guard::{Text, push_where};
use super::version::extra_arguments;
use cogloop_io::Interest;
use mlua::ffi::{
    LUA_TBOOLEAN, LUA_TFUNCTION, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, LUA_TUSERDATA, lua_State, lua_concat,
    lua_error, lua_getmetatable, lua_gettop, lua_isinteger, lua_next, lua_pop, lua_pushfstring, lua_pushinteger,
    lua_pushnil, lua_pushnumber, lua_rawequal, lua_tointeger, lua_tolstring, lua_tonumber, lua_tostring,
    lua_touserdata, lua_type, lua_upvalueindex, luaL_argerror, luaL_getmetafield, luaL_tolstring, luaL_typename,
};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::num::NonZeroU64;
use std::ptr::null_mut;

/// The number of the upvalue that shows whether a function inserts the default loop before the script's arguments. This
/// upvalue is a table in a function that inserts the loop, and no table in all other functions.
pub(crate) const DEFAULT: c_int = 6;

/// The number of the upvalue with the module, in the functions that insert the default loop.
const MODULE: c_int = 4;
/// The error for a call such as `cogloop:after( … )`, which passes the module as the first argument.
pub(crate) const COLON: &str = "the functions of the module are called with a dot; only those of a loop with a colon";

/// The longest delay, about 292 years. A longer delay is clamped to it.
pub(crate) const MAX_DELAY_NS: u64 = 1 << 63;

/// Returns the block of the userdata at `index` if its metatable is the upvalue `kind`, and null for any other value.
/// Does not raise.
///
/// # Safety
///
/// A function of the module is running. Room for two values.
#[inline]
pub(crate) unsafe fn test_userdata(lua: *mut lua_State, index: c_int, kind: c_int) -> *mut c_void {
    // SAFETY: the caller's promise; every read is of an acceptable index.
    unsafe {
        let block = lua_touserdata(lua, index);
        if block.is_null() || lua_getmetatable(lua, index) == 0 {
            return null_mut();
        }
        let same = lua_rawequal(lua, -1, lua_upvalueindex(kind)) != 0;
        lua_pop(lua, 1);
        if same { block } else { null_mut() }
    }
}

/// Raises "bad argument". The message says that `wanted` is expected for `name`, and what the script has passed.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for three values.
#[cold]
pub(crate) unsafe fn wrong(lua: *mut lua_State, arg: c_int, name: &CStr, wanted: &CStr) -> ! {
    // SAFETY: the caller's promise.
    unsafe { wrong_part(lua, arg, name, wanted, arg) }
}

/// Like [`wrong`], but for a part of the argument, such as a field of a table. The part's value is at `value`.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for three values.
#[cold]
pub(crate) unsafe fn wrong_part(lua: *mut lua_State, arg: c_int, name: &CStr, wanted: &CStr, value: c_int) -> ! {
    // SAFETY: the caller's promise; the texts end in a zero byte, and are on Lua's stack or live for ever.
    unsafe {
        let got = push_got(lua, value, wanted);
        let text = lua_pushfstring(lua, c"%s: %s expected, got %s".as_ptr(), name.as_ptr(), wanted.as_ptr(), got);
        bad_argument(lua, arg, text)
    }
}

/// Raises an error because a property of an object cannot have the value at `value`. An assignment has no arguments
/// that a script could count, so the message names the property.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for four values.
#[cold]
pub(crate) unsafe fn wrong_property(lua: *mut lua_State, name: &CStr, of: &CStr, wanted: &CStr, value: c_int) -> ! {
    // SAFETY: as in `wrong_part`.
    unsafe {
        let got = push_got(lua, value, wanted);
        push_where(lua);
        let format = c"bad value for a property of %s (%s: %s expected, got %s)";
        lua_pushfstring(lua, format.as_ptr(), of.as_ptr(), name.as_ptr(), wanted.as_ptr(), got);
        lua_concat(lua, 2);
        lua_error(lua)
    }
}

/// Raises an error because scripts cannot assign a property with the name at `key`. `known` lists the properties that
/// they can assign.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for four values.
#[cold]
pub(crate) unsafe fn no_property(lua: *mut lua_State, key: c_int, of: &CStr, known: &CStr) -> ! {
    // SAFETY: as in `wrong_part`.
    unsafe {
        let got = push_got(lua, key, c"");
        push_where(lua);
        let format = c"unknown property of %s: %s; it has %s, and nothing else can be assigned";
        lua_pushfstring(lua, format.as_ptr(), of.as_ptr(), got, known.as_ptr());
        lua_concat(lua, 2);
        lua_error(lua)
    }
}

/// Describes the value that the script has passed instead of `wanted`. Returns the text. If the text is not static, it
/// is on Lua's stack.
unsafe fn push_got(lua: *mut lua_State, value: c_int, wanted: &CStr) -> *const c_char {
    /// The number of bytes that the message shows of a string.
    const SHOWN: usize = 40;
    // SAFETY: only called by the functions above. The string's bytes are copied while it is on the stack.
    unsafe {
        match lua_type(lua, value) {
            // A number usually has the right type but a wrong value, so the message shows the value.
            LUA_TNUMBER => luaL_tolstring(lua, value, null_mut()),
            LUA_TSTRING => {
                let bytes = bytes(lua, value);
                let mut text = Text::<64>::new("string '");
                text.extend(&bytes[..bytes.len().min(SHOWN)]);
                text.extend(if bytes.len() > SHOWN { b"...'" } else { b"'" });
                text.push(lua);
                lua_tostring(lua, -1)
            }
            t if t < LUA_TNIL => c"no value".as_ptr(),
            _ if luaL_getmetafield(lua, value, c"__name".as_ptr()) == LUA_TSTRING => {
                let name = lua_tostring(lua, -1);
                let is_another = lua_type(lua, value) == LUA_TUSERDATA && contains(wanted, CStr::from_ptr(name));
                match is_another {
                    // The name of the type is right, but the metatable is not ours.
                    true => {
                        lua_pushfstring(lua, c"one of another copy of this library, which is loaded twice".as_ptr())
                    }
                    false => name,
                }
            }
            _ => luaL_typename(lua, value),
        }
    }
}

/// Whether `name` is a word of `text`.
fn contains(text: &CStr, name: &CStr) -> bool {
    let is_end = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'.';
    text.to_bytes().split(is_end).any(|word| word == name.to_bytes())
}

/// Raises "bad argument" with this text.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the text is on Lua's stack, or lives for ever.
#[cold]
pub(crate) unsafe fn bad_argument(lua: *mut lua_State, arg: c_int, text: *const c_char) -> ! {
    // SAFETY: the caller's promise; luaL_argerror never returns.
    unsafe {
        let shifted = lua_type(lua, lua_upvalueindex(DEFAULT)) == LUA_TTABLE;
        if shifted && lua_gettop(lua) > 1 && lua_rawequal(lua, 2, lua_upvalueindex(MODULE)) != 0 {
            Text::<100>::new(COLON).raise(lua);
        }
        let arg = arg - c_int::from(shifted);
        let level = called_level(lua);
        if level > 0 || is_nameless(lua) {
            bad_argument_of(lua, level, arg, text);
        }
        luaL_argerror(lua, arg + extra_arguments(lua), text);
    }
    unreachable!("luaL_argerror does not return")
}

/// Raises an error if the table of options at `arg` has a name that is not in `known`. `list` enumerates the known
/// names for the message, after "there".
///
/// # Safety
///
/// [The rule for Lua calls](crate); a table at `arg`. Room for four values. Runs Lua code only if it raises.
pub(crate) unsafe fn check_options(lua: *mut lua_State, arg: c_int, known: &[&CStr], list: &CStr) {
    // SAFETY: the caller's promise. While `lua_next` runs, `lua_tolstring` may read only keys that are strings. `bytes`
    // is called for no other key.
    unsafe {
        lua_pushnil(lua);
        while lua_next(lua, arg) != 0 {
            lua_pop(lua, 1); // stack: … key
            let name = if lua_type(lua, -1) == LUA_TSTRING { bytes(lua, -1) } else { b"" };
            if !known.iter().any(|known| known.to_bytes() == name) {
                let got = luaL_tolstring(lua, -1, null_mut());
                let format = c"unknown option '%s'; there %s".as_ptr();
                bad_argument(lua, arg, lua_pushfstring(lua, format, got, list.as_ptr()));
            }
        }
    }
}

/// Converts a delay in milliseconds to nanoseconds. The delay may have a fraction. The result is rounded up, so that a
/// timer is never early. The result is at most 2^63.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(crate) unsafe fn check_ms(lua: *mut lua_State, arg: c_int) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { read_ms(lua, arg).unwrap_or_else(|| wrong(lua, arg, c"ms", MS)) }
}

/// Describes a valid delay in an error message.
pub(crate) const MS: &CStr = c"a finite number that is 0 or more";

/// Like [`check_ms`], but returns `None` if the value is no delay.
///
/// # Safety
///
/// `index` is acceptable. Does not raise.
pub(crate) unsafe fn read_ms(lua: *mut lua_State, index: c_int) -> Option<u64> {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_type(lua, index) != LUA_TNUMBER {
            None
        } else if lua_isinteger(lua, index) != 0 {
            u64::try_from(lua_tointeger(lua, index)).ok().map(ms_to_ns)
        } else {
            fraction_to_ns(lua_tonumber(lua, index))
        }
    }
}

/// Converts whole milliseconds to nanoseconds, at most [`MAX_DELAY_NS`].
pub(crate) fn ms_to_ns(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000).min(MAX_DELAY_NS)
}

/// Converts milliseconds to nanoseconds, rounded up; `None` if the number is no delay.
pub(crate) fn fraction_to_ns(ms: f64) -> Option<u64> {
    if !ms.is_finite() || ms < 0.0 {
        return None;
    }
    // The whole part and the fraction are converted separately, so that a long delay keeps its fraction. A single
    // product would be rounded, perhaps down.
    let whole = ms_to_ns(ms.trunc() as u64);
    let fraction = (ms.fract() * 1e6).ceil() as u64;
    Some((whole + fraction).min(MAX_DELAY_NS))
}

/// Returns the period in ns if the callback's result at `index` is a period: a whole number of milliseconds, at least
/// 1.
///
/// # Safety
///
/// `index` is acceptable. Does not raise.
pub(crate) unsafe fn period_ns(lua: *mut lua_State, index: c_int) -> Option<NonZeroU64> {
    // SAFETY: the caller's promise.
    unsafe {
        if lua_type(lua, index) != LUA_TNUMBER {
            return None;
        }
        if lua_isinteger(lua, index) != 0 {
            return NonZeroU64::new(u64::try_from(lua_tointeger(lua, index)).ok().map(ms_to_ns)?);
        }
        period_of(lua_tonumber(lua, index))
    }
}

/// Like [`period_ns`], but for a floating-point number.
pub(crate) fn period_of(ms: f64) -> Option<NonZeroU64> {
    NonZeroU64::new((ms.is_finite() && ms >= 1.0 && ms.fract() == 0.0).then(|| ms_to_ns(ms as u64))?)
}

/// Reads a direction: 1, 2, 3 or one of their names.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(crate) unsafe fn check_direction(lua: *mut lua_State, arg: c_int) -> Interest {
    const WANTED: &CStr = c"'r', 'w', 'rw' or another name of a direction";
    // SAFETY: the caller's promise; the bytes belong to a string on the stack, and are not used after the string leaves
    // the stack.
    unsafe {
        let bits = match lua_type(lua, arg) {
            LUA_TSTRING => direction(bytes(lua, arg)),
            LUA_TNUMBER => Some(lua_tonumber(lua, arg)).filter(|n| [1.0, 2.0, 3.0].contains(n)).map(|n| n as u8),
            _ => None,
        };
        match bits.and_then(Interest::from_bits) {
            Some(interest) => interest,
            None => wrong(lua, arg, c"dir", WANTED),
        }
    }
}

/// The names of the directions, with the bits of each. The class `t.Loop` has a field for each name.
pub(crate) const DIRECTION_NAMES: [(&[&CStr], u8); 3] = [
    (&[c"READ", c"r", c"rd", c"read", c"inc", c"incoming"], 1),
    (&[c"WRITE", c"w", c"wr", c"write", c"out", c"outgoing"], 2),
    (&[c"READWRITE", c"rw", c"rdwr", c"readwrite", c"both", c"either"], 3),
];

fn direction(name: &[u8]) -> Option<u8> {
    DIRECTION_NAMES.iter().find(|(names, _)| names.iter().any(|known| known.to_bytes() == name)).map(|&(_, bits)| bits)
}

/// Whether the value at `index` can be called. Does not raise.
///
/// # Safety
///
/// Room for two values.
pub(crate) unsafe fn is_callable(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        match lua_type(lua, index) {
            LUA_TFUNCTION => true,
            // luaL_getmetafield pushes nothing if there is no such field.
            t if t > LUA_TBOOLEAN && luaL_getmetafield(lua, index, c"__call".as_ptr()) != LUA_TNIL => {
                lua_pop(lua, 1);
                true
            }
            _ => false,
        }
    }
}

/// Raises an error if the argument cannot be called.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(crate) unsafe fn check_callable(lua: *mut lua_State, arg: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        if !is_callable(lua, arg) {
            wrong(lua, arg, c"f", c"a function or a callable object");
        }
    }
}

/// The bytes of the string at `index`. They are valid while the string is on the stack.
///
/// # Safety
///
/// There is a string at `index`, and something on the stack keeps it alive.
pub(crate) unsafe fn bytes<'a>(lua: *mut lua_State, index: c_int) -> &'a [u8] {
    let mut length = 0;
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(lua_tolstring(lua, index, &raw mut length).cast(), length) }
}

/// Raises an argument error about the name of an option. The name on top of the stack replaces the `%s` of the format.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the format has one %s.
pub(crate) unsafe fn unknown_option(lua: *mut lua_State, format: &CStr) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        let got = luaL_tolstring(lua, -1, null_mut());
        let text = lua_pushfstring(lua, format.as_ptr(), got);
        bad_argument(lua, 1, text)
    }
}

/// Raises an argument error about the value of an option. The value is on top.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
pub(crate) unsafe fn wrong_option(lua: *mut lua_State, name: &CStr, wanted: &CStr) -> ! {
    // SAFETY: the caller's promise.
    unsafe { wrong_part(lua, 1, name, wanted, lua_gettop(lua)) }
}

/// Pushes a time in milliseconds, as an integer if it is a whole number.
///
/// # Safety
///
/// Room for a value.
pub(crate) unsafe fn push_ms(lua: *mut lua_State, ns: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        match ns % 1_000_000 {
            0 => lua_pushinteger(lua, (ns / 1_000_000) as i64),
            _ => lua_pushnumber(lua, ns as f64 / 1e6),
        }
    }
}

/// Converts nanoseconds to milliseconds. The result is the number that [`push_ms`] pushes in LuaJIT, where all numbers
/// are floats.
#[cfg(feature = "luajit")]
pub(crate) fn ns_to_ms(ns: u64) -> f64 {
    match ns % 1_000_000 {
        0 => (ns / 1_000_000) as f64,
        _ => ns as f64 / 1e6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds each whole number of nanoseconds below a millisecond to 0, 1, 999 and 86,400,000 milliseconds. If such a
    /// sum, as a floating-point number, is slightly above a whole number of nanoseconds, it is rounded up to the next
    /// whole number.
    #[test]
    fn every_fraction_is_rounded_up_and_by_less_than_a_nanosecond() {
        for whole in [0, 1, 999, 86_400_000] {
            for millionth in 0..1_000_000 {
                let ms = whole as f64 + f64::from(millionth) / 1e6;
                let ns = fraction_to_ns(ms).unwrap();
                // The subtraction `ms - whole` is exact.
                let beyond_ns = (ns - whole * 1_000_000) as f64;
                let exact_ns = (ms - whole as f64) * 1e6;
                assert!(beyond_ns >= exact_ns && beyond_ns - exact_ns < 1.0, "{ms} ms: {ns} ns");
            }
        }
    }

    #[test]
    fn fractions_round_up_and_long_delays_keep_them() {
        for (ms, ns) in
            [(0.0, 0), (0.5, 500_000), (1e-9, 1), (1.0000001, 1_000_001), (4e9 + 0.25, 4_000_000_000_250_000)]
        {
            assert_eq!(fraction_to_ns(ms), Some(ns), "{ms} ms");
        }
        assert_eq!(fraction_to_ns(1e300), Some(MAX_DELAY_NS));
        for ms in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(fraction_to_ns(ms), None, "{ms} ms");
        }
    }
}
