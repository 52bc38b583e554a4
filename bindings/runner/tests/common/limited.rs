//! Makes Lua's memory run out after a given number of allocations.

use super::state::State;
use mlua::ffi::{lua_Alloc, lua_getallocf, lua_setallocf};
use std::ffi::c_void;
use std::ptr::null_mut;

/// An allocator for Lua that fails after a number of allocations.
struct Limited {
    alloc: lua_Alloc,
    data: *mut c_void,
    left: usize,
}

unsafe extern "C" fn limited(data: *mut c_void, block: *mut c_void, old: usize, new: usize) -> *mut c_void {
    // SAFETY: `data` is the `Limited`, which outlives its use by the state. The other arguments are passed on
    // unchanged.
    unsafe {
        let limited = data.cast::<Limited>();
        // For a new block, `old` is the kind of object.
        if new > 0 && (block.is_null() || new > old) {
            if (*limited).left == 0 {
                return null_mut();
            }
            (*limited).left -= 1;
        }
        ((*limited).alloc)((*limited).data, block, old, new)
    }
}

/// Calls the loaded function with this number of allocations. If the function raises, returns the message.
pub(crate) fn call(state: &State, allocations: usize) -> Result<(), String> {
    let mut memory = Limited { alloc: limited, data: null_mut(), left: usize::MAX };
    // SAFETY: the state's own allocator still does the work. It is restored before `memory` is dropped.
    unsafe {
        memory.alloc = lua_getallocf(state.0, &raw mut memory.data);
        memory.left = allocations;
        lua_setallocf(state.0, limited, (&raw mut memory).cast());
        let result = state.call();
        lua_setallocf(state.0, memory.alloc, memory.data);
        result
    }
}
