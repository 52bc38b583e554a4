//! Limits how deep loops may be nested. Each running loop is a level, and so is each call of a handle's method. A level
//! takes some of the C stack. Lua 5.1 to 5.5 count C calls and stop at about 200. LuaJIT does not count C calls, so
//! without this limit the stack would overflow.
//!
//! An error leaves a level by a jump, which would skip the code that decrements a counter of levels. Instead this file
//! keeps an address in the C stack for each level. The stack grows down. So an earlier level has ended if its address
//! is not above that of the new level.

use super::guard::Text;
use mlua::ffi::lua_State;
use std::cell::Cell;
use std::hint::black_box;

/// The largest number of levels. A level takes 2 to 5 kB; a C stack has megabytes.
pub(crate) const LEVELS: usize = 100;

thread_local! {
    static FRAMES: [Cell<usize>; LEVELS] = const { [const { Cell::new(0) }; LEVELS] };
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Goes one level deeper. Raises beyond the last level.
///
/// # Safety
///
/// [The rule for Lua calls](crate).
#[inline(never)]
pub(crate) unsafe fn deepen(lua: *mut lua_State) {
    let mark = 0_u8;
    let here = black_box(&raw const mark).addr();
    let fits = FRAMES.with(|frames| {
        let mut count = COUNT.get();
        while count > 0 && frames[count - 1].get() <= here {
            count -= 1;
        }
        let fits = count < LEVELS;
        if fits {
            frames[count].set(here);
            count += 1;
        }
        COUNT.set(count);
        fits
    });
    if !fits {
        // SAFETY: the caller's promise.
        unsafe {
            Text::<120>::new("C stack overflow: loops, or the methods of handles, are nested too deep").raise(lua)
        };
    }
}
