//! In the place of `prompt` on Windows, where there is none: its turns between two keys wait for descriptors, and a console is none.

use mlua::ffi::lua_State;

/// Not called: the command line has refused the prompt.
pub(crate) unsafe fn run(_: *mut lua_State) {}
