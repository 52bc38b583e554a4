//! Replaces the module `prompt` on Windows, where the program has no prompt: between two keys a prompt waits for
//! descriptors, and a console of Windows is not a descriptor.

use mlua::ffi::lua_State;

/// Never called, because the command line refuses the prompt.
pub(crate) unsafe fn run(_: *mut lua_State) {}
