//! What the loop asks of the face that made it: one table of functions, so that the loop knows no face by its name.
//!
//! ```text
//!   turn ──► serve_timers ──► callbacks of timers            leave ──► note_failed, end_failed ──► onerror
//!        └─► a handle is ready, and a coroutine waits for it ──► resume
//! ```
//!
//! Each function runs under the rule of the crate, with the loop open. Where nothing else is said, the loop is at 1, and the
//! stack is left as it was found.

use cogloop_io::Interest;
use mlua::ffi::lua_State;
use std::ffi::c_int;

pub(crate) struct Face {
    /// Serves the timers that are due in this turn, until the loop has to return. Returns whether there was any. Leaves the
    /// stack as high as it likes.
    pub(crate) serve_timers: unsafe fn(*mut lua_State) -> bool,
    /// Resumes the coroutine that waits for one direction, given by its place in `DIRECTIONS`, of the Node at 3, which is
    /// ready for these. Leaves the stack as high as it likes.
    pub(crate) resume: unsafe fn(*mut lua_State, usize, Interest),
    /// The handle of the Node at this index was closed: tells the coroutines that wait for it. Needs room for eight values.
    pub(crate) handle_closed: unsafe fn(*mut lua_State, c_int),
    /// Drops the directions of the Node at this index whose coroutines wait no longer. Needs room for five values. Runs no
    /// Lua code.
    pub(crate) drop_void_claims: unsafe fn(*mut lua_State, c_int),
    /// Drops claims that are void, of all Nodes, until it finds a coroutine that really waits: asked before the loop asks
    /// whether anything is left. Needs room for twelve values. Runs no Lua code.
    pub(crate) find_waiting: unsafe fn(*mut lua_State),
    /// A callback has just raised: makes its object the CURRENT one of the loop at the first index, if it is not yet. The
    /// second has the metatable of timers. Neither is the running function's argument 1.
    pub(crate) note_failed: unsafe fn(*mut lua_State, c_int, c_int),
    /// The error of the task that the loop holds as its current one has left the protected call: ends the task, which is at
    /// this index. Neither raises nor allocates.
    pub(crate) end_failed: unsafe fn(*mut lua_State, c_int),
    /// Whether `run` returns what the kernel says when it refuses to wait; else it raises that.
    pub(crate) returns_refusals: bool,
}
